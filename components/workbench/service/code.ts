/** Code where a processor fetches it, and where the build put it. */
import type { CodeBits } from '../../../emulator/isa/index.ts'
import type { CpuState, Machine } from '../../../emulator/machine/index.ts'

/** The size of the code that a processor executes. */
export function codeBits({ mode }: CpuState): CodeBits {
  return mode.includes('64-bit') ? 64 : mode.includes('32-bit') ? 32 : 16
}

/** The linear address of the next instruction. */
export function nextAddress({ segments, rip }: CpuState): bigint {
  return BigInt.asUintN(64, segments.cs.base + rip)
}

/**
 * The bytes from a linear address on, in the address space of a processor in the state `cpu`: as its TLB has it, which has the page
 * of the next instruction and of the last one. Where it has nothing, and without paging, the linear address is taken for the physical.
 */
export function codeBytes(
  machine: Machine,
  processor: number,
  cpu: CpuState,
  linear: bigint,
  length: number,
): Uint8Array {
  const held = machine.translation(linear, cpu.guest?.asid ?? 0, processor)
  return machine.readMemory(held?.address ?? Number(linear), length)
}
