/** Instructions that set or read the flags directly (APM vol 3 chapter 3). IF and the whole of rFLAGS are system matters. */
import { AF, CF, PF, RAX, SF, ZF } from '../isa/registers.ts'
import type { Builder, Semantics } from './builder.ts'

/** The flags that LAHF and SAHF move: rFLAGS bits 7, 6, 4, 2 and 0. */
const AH_FLAGS = SF | ZF | AF | PF | CF

/** Bit 1 of AH is set, bits 3 and 5 are clear, as in rFLAGS. */
function lahf(b: Builder): void {
  const flags = b.or(b.and(b.flags.image(), b.constant(AH_FLAGS)), b.constant(2))
  b.setRegister(RAX, 1, flags, true)
}

function sahf(b: Builder): void {
  b.flags.set(AH_FLAGS, b.register(RAX, 1, true))
}

function cmc(b: Builder): void {
  b.flags.set(CF, b.toValue(b.negate(b.flags.get(CF))))
}

export const flags: Readonly<Record<string, Semantics>> = {
  lahf,
  sahf,
  cmc,
  clc: (b) => {
    b.flags.set(CF, b.constant(0))
  },
  stc: (b) => {
    b.flags.set(CF, b.constant(CF))
  },
  cld: (b) => {
    b.flags.setDirection(false)
  },
  std: (b) => {
    b.flags.setDirection(true)
  },
}
