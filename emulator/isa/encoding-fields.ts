/** Which bytes of an instruction are what, for listings (APM vol 3 figure 1-1). */
import { hasModrm } from './decode.ts'
import type { Instruction } from './instruction.ts'

/** Bytes of each part, in the order in which they stand; 0 where a part is absent. REX counts as a prefix. */
export interface EncodingFields {
  readonly prefixes: number
  readonly opcode: number
  readonly modrm: number
  readonly sib: number
  readonly displacement: number
  /** Immediates, branch displacements, far pointers and moffset addresses. */
  readonly immediate: number
}

const legacyPrefixes = new Set([0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65])

/** Bytes of displacement after ModRM (mod 7:6, rm 2:0) and SIB (base 2:0). */
function displacementBytes(modrm: number, sib: number, addressSize: 2 | 4 | 8): number {
  const mod = modrm >> 6
  if (mod === 1) return 1
  if (mod === 2) return addressSize === 2 ? 2 : 4
  if (mod === 3) return 0
  if (addressSize === 2) return (modrm & 7) === 6 ? 2 : 0
  return (modrm & 7) === 5 || ((modrm & 7) === 4 && (sib & 7) === 5) ? 4 : 0
}

/** Takes the bytes that `decode` turned into `instruction` apart; `offset` is where they start. */
export function encodingFields(bytes: Uint8Array, offset: number, instruction: Instruction): EncodingFields {
  const { bits, addressSize, length } = instruction
  let position = offset
  while (legacyPrefixes.has(bytes[position]) || (bits === 64 && (bytes[position] & 0xf0) === 0x40)) position++
  const prefixes = position - offset
  const escaped = bytes[position] === 0x0f
  const opcode = !escaped ? 1 : bytes[position + 1] === 0x38 || bytes[position + 1] === 0x3a ? 3 : 2
  const map = opcode === 3 ? (bytes[position + 1] === 0x38 ? 2 : 3) : opcode - 1
  position += opcode
  if (!hasModrm(map, bytes[position - 1], bits)) {
    return { prefixes, opcode, modrm: 0, sib: 0, displacement: 0, immediate: length - prefixes - opcode }
  }
  const modrm = bytes[position]
  // The register moves of CRn and DRn ignore ModRM.mod.
  const isMemory = modrm < 0xc0 && instruction.operands.some(({ kind }) => kind === 'memory')
  const sib = isMemory && addressSize !== 2 && (modrm & 7) === 4 ? 1 : 0
  const displacement = isMemory ? displacementBytes(modrm, bytes[position + 1], addressSize) : 0
  const immediate = length - prefixes - opcode - 1 - sib - displacement
  return { prefixes, opcode, modrm: 1, sib, displacement, immediate }
}
