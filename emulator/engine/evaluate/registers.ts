/** General registers and their parts (APM vol 1 §3.1.2). */
import type { Size } from '../../isa/instruction.ts'
import type { Vcpu } from '../../state/vcpu.ts'

/** `highByte`: bits 15:8 of register 0..3 (AH, CH, DH, BH). */
export function readRegister(state: Vcpu, index: number, size: Size, highByte: boolean): bigint {
  const value = state.gpr[index]
  if (size === 8) return value
  if (size === 4) return BigInt.asUintN(32, value)
  if (size === 2) return BigInt.asUintN(16, value)
  return BigInt.asUintN(8, highByte ? value >> 8n : value)
}

/** 32 bits zero-extend; 16 and 8 bits leave the rest alone. `value` has no bits beyond `size`. */
export function writeRegister(
  state: Vcpu,
  index: number,
  size: Size,
  value: bigint,
  highByte: boolean,
): void {
  if (size >= 4) state.gpr[index] = value
  else {
    const old = state.gpr[index]
    if (size === 2) state.gpr[index] = (old & ~0xffffn) | value
    else if (highByte) state.gpr[index] = (old & ~0xff00n) | (value << 8n)
    else state.gpr[index] = (old & ~0xffn) | value
  }
}
