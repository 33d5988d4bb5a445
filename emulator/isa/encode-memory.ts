/**
 * Memory operands to ModRM, SIB and displacement (APM vol 3 §1.4): the inverse of the decoder's `readMemory`, with
 * the shortest displacement.
 */
import type { MemoryRequest } from './encoding-request.ts'
import type { CodeBits } from './instruction.ts'
import { RBP, RSP } from './registers.ts'

/** The encoded parts. `mod` and `rm` go into ModRM; `sib` is -1 if there is none. */
export interface EncodedMemory {
  readonly mod: number
  readonly rm: number
  readonly sib: number
  readonly rexX: number
  readonly rexB: number
  readonly displacementSize: 0 | 1 | 2 | 4
  readonly displacement: bigint
}

/** The size of the operand's addresses in bytes. */
export function addressSizeOf(memory: MemoryRequest, bits: CodeBits): 2 | 4 | 8 {
  if (memory.addressSize !== 0) return memory.addressSize
  return bits === 64 ? 8 : bits === 32 ? 4 : 2
}

/** ModRM.rm of 16-bit addressing by base and index (BX 3, BP 5, SI 6, DI 7; -1 none), as `base * 16 + index`. */
const rm16 = new Map([
  [3 * 16 + 6, 0],
  [3 * 16 + 7, 1],
  [5 * 16 + 6, 2],
  [5 * 16 + 7, 3],
  [6 * 16 - 1, 4],
  [7 * 16 - 1, 5],
  [5 * 16 - 1, 6],
  [3 * 16 - 1, 7],
])

/** A displacement of `addressSize` bytes as a signed number, or undefined if it does not fit. */
function signedDisplacement(value: bigint, addressSize: 2 | 4 | 8): bigint | undefined {
  const bits = addressSize * 8
  if (value < -(1n << BigInt(bits - 1)) || value >= 1n << BigInt(bits)) return undefined
  return BigInt.asIntN(bits, value)
}

function displacementSizeFor(
  memory: MemoryRequest,
  value: bigint,
  wide: 2 | 4,
  needed: boolean,
): 0 | 1 | 2 | 4 {
  if (memory.displacementSize !== 0) return memory.displacementSize === 1 ? 1 : wide
  if (value === 0n && !needed) return 0
  return value >= -128n && value <= 127n ? 1 : wide
}

function encode16(memory: MemoryRequest, value: bigint): EncodedMemory | string {
  if (memory.base < 0 && memory.index < 0) {
    return { mod: 0, rm: 6, sib: -1, rexX: 0, rexB: 0, displacementSize: 2, displacement: value }
  }
  const [base, index] = memory.base < 0 ? [memory.index, memory.base] : [memory.base, memory.index]
  const rm = rm16.get(base * 16 + index) ?? (index < 0 ? undefined : rm16.get(index * 16 + base))
  if (rm === undefined || memory.scale !== 1) {
    return '16-bit addresses are bx or bp, plus si or di, without a scale'
  }
  const displacementSize = displacementSizeFor(memory, value, 2, rm === 6)
  const mod = displacementSize === 0 ? 0 : displacementSize === 1 ? 1 : 2
  return { mod, rm, sib: -1, rexX: 0, rexB: 0, displacementSize, displacement: value }
}

/**
 * Encodes a memory operand whose address has `addressSize` bytes; a string says why that is impossible.
 * For `ripRelative` operands the displacement is left to the caller, who knows the instruction's length.
 * `unresolved` reserves the widest displacement.
 */
export function encodeMemory(
  memory: MemoryRequest,
  addressSize: 2 | 4 | 8,
  bits: CodeBits,
  unresolved: boolean,
): EncodedMemory | string {
  if (memory.ripRelative && bits !== 64) return 'RIP-relative addresses exist in 64-bit code only'
  if (memory.ripRelative) {
    return { mod: 0, rm: 5, sib: -1, rexX: 0, rexB: 0, displacementSize: 4, displacement: 0n }
  }
  const value = unresolved ? 0n : signedDisplacement(memory.displacement, addressSize)
  if (value === undefined) return `${memory.displacement} does not fit in a ${addressSize * 8}-bit address`
  const wide = addressSize === 2 ? 2 : 4
  const request: MemoryRequest =
    unresolved && memory.displacementSize === 0 ? { ...memory, displacementSize: wide } : memory
  if (addressSize === 2) return encode16(request, value)
  if (memory.displacementSize === 8) return 'only mov with al, ax, eax or rax takes a 64-bit address'
  if (BigInt.asIntN(32, value) !== value) {
    return `${memory.displacement} does not fit in a displacement of 32 bits, sign-extended`
  }
  const { base, index, scale } = request
  if (index === RSP) return 'rsp cannot be an index register'
  if ((base >= 8 || index >= 8) && bits !== 64) return 'r8 to r15 exist in 64-bit code only'
  if (base < 0 && index < 0 && bits !== 64) {
    return { mod: 0, rm: 5, sib: -1, rexX: 0, rexB: 0, displacementSize: 4, displacement: value }
  }
  const rexB = base >= 8 ? 1 : 0
  const rexX = index >= 8 ? 1 : 0
  const scaleBits = scale === 8 ? 3 : scale === 4 ? 2 : scale === 2 ? 1 : 0
  const indexBits = index < 0 ? RSP : index & 7
  if (base < 0) {
    const sib = (scaleBits << 6) | (indexBits << 3) | RBP
    return { mod: 0, rm: 4, sib, rexX, rexB, displacementSize: 4, displacement: value }
  }
  const displacementSize = displacementSizeFor(request, value, 4, (base & 7) === RBP)
  const mod = displacementSize === 0 ? 0 : displacementSize === 1 ? 1 : 2
  const needsSib = index >= 0 || (base & 7) === RSP
  const sib = needsSib ? (scaleBits << 6) | (indexBits << 3) | (base & 7) : -1
  return { mod, rm: needsSib ? 4 : base & 7, sib, rexX, rexB, displacementSize, displacement: value }
}
