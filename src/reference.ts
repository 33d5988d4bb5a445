// The reference, derived from the emulator's tables: addresses of the entries, and what ties them to each other and to labs.
import {
  CHECKS,
  EXIT_CODES,
  VMCB_FIELDS,
  type Check,
  type ExitCode,
  type VmcbField,
} from '../emulator/svm/index.ts'
import { labSlugs, readLab, type LabSource } from './labs.ts'

/** The checks that read the field. */
export function checksOf({ key }: VmcbField): Check[] {
  return CHECKS.filter(({ fields }) => fields.includes(key))
}

/** The field in bytes from the start of the VMCB: "668h". */
export function hex(value: number): string {
  return `${value.toString(16).toUpperCase()}h`
}

/** An exit code as the manual writes it; the negative ones in all 64 bits. */
export function exitNumber({ code }: ExitCode): string {
  return code < 0 ? `${BigInt.asUintN(64, BigInt(code)).toString(16).toUpperCase()}h` : hex(code)
}

const LABS: readonly LabSource[] = labSlugs().map(readLab)

/** The labs one of whose texts, the solution's included, holds `name` as a word. */
export function labsNaming(name: string): LabSource[] {
  const word = new RegExp(`(?<![\\w.])${name.replaceAll('.', '\\.')}(?![\\w])`)
  return LABS.filter(({ files }) => Object.values(files).some((text) => word.test(text)))
}

export { CHECKS, EXIT_CODES, LABS, VMCB_FIELDS }
