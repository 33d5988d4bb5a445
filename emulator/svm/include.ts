/** svm.inc: the names of VMCB fields, bits, intercepts and exit codes for the assembler. */
import { EXIT_CODES } from '../state/exit-codes.ts'
import { bitMask, type BitList } from './bits.ts'
import { VMCB_BYTES, VMCB_FIELDS } from './fields.ts'

function constant(key: string): string {
  return key.toUpperCase().replaceAll(/[.-]/g, '_')
}

function equ(name: string, value: bigint | number, comment: string): string {
  return `${name.padEnd(40)} equ 0x${value.toString(16).padEnd(16)} ; ${comment}`
}

function bitLines({ prefix, bits }: BitList): string[] {
  return bits.flatMap((bit) => {
    const name = `${prefix}_${bit.key.toUpperCase()}`
    const mask = equ(name, bitMask(bit), bit.description)
    return bit.width === 1 ? [mask] : [mask, equ(`${name}_SHIFT`, bit.low, 'lowest bit')]
  })
}

/**
 * The text of svm.inc:
 *   VMCB_SAVE_G_PAT equ 0x668       offset of each field
 *   VMCB_NP_ENABLE equ 0x1          mask of each bit field within its field, and its lowest bit as ..._SHIFT if it is wider
 *   INTERCEPT_VMRUN equ 0x1         mask of each intercept within its intercept vector
 *   VMEXIT_VMMCALL equ 0x81         exit codes, 64 bits wide
 */
export function svmInclude(): string {
  const fields = VMCB_FIELDS.map((field) =>
    equ(`VMCB_${constant(field.key)}`, field.offset, field.description),
  )
  const lists = [...new Set(VMCB_FIELDS.flatMap(({ bits }) => (bits === undefined ? [] : [bits])))]
  const exits = EXIT_CODES.map(({ code, name, cause }) => equ(name, BigInt.asUintN(64, BigInt(code)), cause))
  return [
    '; Names of the VMCB and of #VMEXIT (AMD64 APM volume 2, appendices B and C).',
    '; Offsets of fields from the start of the VMCB:',
    equ('VMCB_BYTES', VMCB_BYTES, 'size of a VMCB'),
    ...fields,
    '; Bits of fields:',
    ...lists.flatMap(bitLines),
    '; Exit codes:',
    ...exits,
    '',
  ].join('\n')
}
