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
import { OFFSET } from './layout.ts'
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

/** Word indexes in the vCPU block; a value's high half follows its low half. */
const LEFT = OFFSET.flagsLeft >> 2
const RIGHT = OFFSET.flagsRight >> 2
const RESULT = OFFSET.flagsResult >> 2

/** Bit n is set when n, as four bits, has an even number of ones. */
const EVEN_PARITY = 0x9669

/** Carries out of the bit positions of one 32-bit half; in a subtraction, borrows. */
function carries(addition: boolean, left: number, right: number, result: number): number {
  return addition ? (left & right) | ((left | right) & ~result) : (~left & right) | ((~left | right) & result)
}

/** The six arithmetic flags in rFLAGS positions. The executors ask all the time, so this works on 32-bit halves. */
export function arithmeticFlags(state: Vcpu): number {
  const { words } = state
  const kind = state.flagsKind
  const low = words[RESULT]
  if (kind === FLAGS.explicit) return low & ARITHMETIC_FLAGS
  const high = words[RESULT + 1]
  const size = state.flagsSize
  // The half that holds the operation's top bit, and that bit's place in it.
  const half = size === 8 ? 1 : 0
  const top = size === 8 ? 31 : size * 8 - 1
  const folded = low ^ (low >>> 4)
  let flags = (EVEN_PARITY >>> (folded & 15)) & 1 ? PF : 0
  if ((low | high) === 0) flags |= ZF
  if ((words[RESULT + half] >>> top) & 1) flags |= SF
  if (kind === FLAGS.logic) return flags

  const addition = kind === FLAGS.add || kind === FLAGS.adc || kind === FLAGS.inc
  const keepsCarry = kind === FLAGS.inc || kind === FLAGS.dec
  const lowCarries = carries(addition, words[LEFT], keepsCarry ? 1 : words[RIGHT], low)
  const topCarries = half
    ? carries(addition, words[LEFT + 1], keepsCarry ? 0 : words[RIGHT + 1], high)
    : lowCarries
  if (keepsCarry ? words[RIGHT] !== 0 : (topCarries >>> top) & 1) flags |= CF
  if (lowCarries & 8) flags |= AF
  if (((topCarries >>> top) ^ (topCarries >>> (top - 1))) & 1) flags |= OF
  return flags
}

/** The whole of rFLAGS, 32 significant bits. */
export function readRflags(state: Vcpu): number {
  return (state.flagsOther | arithmeticFlags(state)) >>> 0
}

/** Sets the six arithmetic flags from `flags` (rFLAGS positions). */
export function setArithmeticFlags(state: Vcpu, flags: number): void {
  state.flagsKind = FLAGS.explicit
  state.flagsSize = 8
  state.words[RESULT] = flags & ARITHMETIC_FLAGS
  state.words[RESULT + 1] = 0
}

/** rFLAGS bits that exist; bit 1 reads as one. */
const RFLAGS_MASK = 0x3f_7fd5

/** Sets all of rFLAGS. Reserved bits read as zero, bit 1 as one (APM vol 2 §3.1.6). */
export function writeRflags(state: Vcpu, value: number): void {
  setArithmeticFlags(state, value)
  state.flagsOther = (value & RFLAGS_MASK & ~ARITHMETIC_FLAGS) | 2
}
