/** The parts of an instruction's encoding by name, in the order in which they stand (APM vol 3 figure 1-1). */
import type { EncodingFields } from '../../../emulator/isa/index.ts'

interface Part {
  readonly id: keyof EncodingFields
  readonly name: string
}

export const PARTS: readonly Part[] = [
  { id: 'prefixes', name: 'prefix' },
  { id: 'opcode', name: 'opcode' },
  { id: 'modrm', name: 'ModRM' },
  { id: 'sib', name: 'SIB' },
  { id: 'displacement', name: 'displacement' },
  { id: 'immediate', name: 'immediate' },
]

/** The parts that an instruction has, each with its bytes in hexadecimal: "48", "8B", "05 10 00". */
export function partsOf(
  bytes: Uint8Array,
  fields: EncodingFields,
): { readonly part: Part; readonly digits: string }[] {
  let at = 0
  return PARTS.flatMap((part) => {
    const own = [...bytes.subarray(at, at + fields[part.id])]
    at += fields[part.id]
    const digits = own.map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join(' ')
    return own.length === 0 ? [] : [{ part, digits }]
  })
}
