/**
 * rFLAGS. The six arithmetic flags are kept as the operation that last set them, its operands and its result, and are
 * computed when somebody looks (APM vol 1 §3.1.4 says what each flag means).
 *
 * Operands and result are zero-extended from the operation's size. Carries out of every bit position follow from them:
 *   addition      carries = (left & right) | ((left | right) & ~result)
 *   subtraction   borrows = (~left & right) | ((~left | right) & result)
 * both with and without a carry-in; CF is the top one, OF the top two exclusive-ored, AF the one out of bit 3.
 */
import { AF, ARITHMETIC_FLAGS, CF, OF, PF, SF, ZF } from '../isa/registers.ts'
import type { Vcpu } from './vcpu.ts'

/** Values of `flagsKind`. */
export const FLAGS = {
  /** `flagsResult` holds the flags themselves, in rFLAGS positions. */
  explicit: 0,
  add: 1,
  /** Addition with carry-in: flags as for `add`, but CF is not `result < left`. */
  adc: 2,
  sub: 3,
  sbb: 4,
  /** AND, OR, XOR, TEST: CF = OF = AF = 0. */
  logic: 5,
  /** `flagsRight` holds the CF that INC and DEC leave alone, 0 or 1. */
  inc: 6,
  dec: 7,
} as const
export type FlagsKind = (typeof FLAGS)[keyof typeof FLAGS]

/** PF of a result: set when its low byte has an even number of ones. Returns PF or 0. */
function parity(result: bigint): number {
  const low = Number(result & 0xffn)
  const nibble = (low ^ (low >> 4)) & 15
  return (0x9669 >> nibble) & 1 ? PF : 0
}

/** The six arithmetic flags in rFLAGS positions. `size` in bytes. */
export function arithmeticFlags(
  kind: number,
  size: number,
  left: bigint,
  right: bigint,
  result: bigint,
): number {
  if (kind === FLAGS.explicit) return Number(result) & ARITHMETIC_FLAGS
  const top = BigInt(size * 8 - 1)
  let flags = parity(result)
  if (result === 0n) flags |= ZF
  if ((result >> top) & 1n) flags |= SF
  if (kind === FLAGS.logic) return flags
  const addition = kind === FLAGS.add || kind === FLAGS.adc || kind === FLAGS.inc
  const keepsCarry = kind === FLAGS.inc || kind === FLAGS.dec
  const operand = keepsCarry ? 1n : right
  const carries = addition
    ? (left & operand) | ((left | operand) & ~result)
    : (~left & operand) | ((~left | operand) & result)
  if (keepsCarry ? right !== 0n : (carries >> top) & 1n) flags |= CF
  if (carries & 8n) flags |= AF
  if (((carries >> top) ^ (carries >> (top - 1n))) & 1n) flags |= OF
  return flags
}

/** The whole of rFLAGS, 32 significant bits. */
export function readRflags(state: Vcpu): number {
  return (
    (state.flagsOther |
      arithmeticFlags(
        state.flagsKind,
        state.flagsSize,
        state.flagsLeft,
        state.flagsRight,
        state.flagsResult,
      )) >>>
    0
  )
}

/** Sets the six arithmetic flags from `flags` (rFLAGS positions). */
export function setArithmeticFlags(state: Vcpu, flags: number): void {
  state.flagsKind = FLAGS.explicit
  state.flagsSize = 8
  state.flagsLeft = 0n
  state.flagsRight = 0n
  state.flagsResult = BigInt(flags & ARITHMETIC_FLAGS)
}

/** rFLAGS bits that exist; bit 1 reads as one. */
const RFLAGS_MASK = 0x3f_7fd5

/** Sets all of rFLAGS. Reserved bits read as zero, bit 1 as one (APM vol 2 §3.1.6). */
export function writeRflags(state: Vcpu, value: number): void {
  setArithmeticFlags(state, value)
  state.flagsOther = (value & RFLAGS_MASK & ~ARITHMETIC_FLAGS) | 2
}
