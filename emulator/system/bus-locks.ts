/**
 * The bus-lock threshold: VMRUN loads a counter, each bus lock of the guest takes one from it, and at 0 a bus lock exits before
 * it is executed (APM vol 2 §15.14.5).
 */
import type { Instruction, MemoryOperand } from '../isa/instruction.ts'
import { heldTranslation, translate } from '../paging/translate.ts'
import { ACCESS, type Cpu } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { effectiveAddress } from './operands.ts'
import { linearAddress } from './segmentation.ts'

const CACHE_LINE = 64n

/** The memory operand of a locked access: of a LOCK prefix, or of XCHG, which locks by itself. */
function lockedOperand({ operands, lock, mnemonic }: Instruction): MemoryOperand | undefined {
  if (!lock && mnemonic !== 'xchg') return undefined
  return operands.find((operand) => operand.kind === 'memory')
}

/** The bytes from the operand's address to the unit that a bit offset in a register selects (BTS, BTR, BTC). */
function bitOffset(cpu: Cpu, { operation, operands }: Instruction): bigint {
  const [, source] = operands
  if (!/^bt/.test(operation) || source.kind !== 'register') return 0n
  const bits = source.size * 8
  return (BigInt.asIntN(bits, cpu.state.gpr[source.index]) / BigInt(bits)) * BigInt(source.size)
}

/** A locked access that crosses a cache line or whose memory is not writeback takes the bus (APM vol 2 §7.3.3). */
function isBusLock(cpu: Cpu, operand: MemoryOperand, offset: bigint): boolean {
  const size = operand.size || 1
  const linear = linearAddress(cpu, operand.segment, offset, 1, ACCESS.write)
  if ((linear % CACHE_LINE) + BigInt(size) > CACHE_LINE) return true
  translate(cpu, linear, ACCESS.write, cpu.state.cpl === 3)
  const held = heldTranslation(cpu.state, linear)
  return held !== undefined && held.memoryType.effective !== 'WB'
}

/** Counts the instruction at `next` if it is a bus lock. Throws Exit when the guest has none left, Fault as the access would. */
export function countBusLock(cpu: Cpu, instruction: Instruction, next: bigint): void {
  const operand = lockedOperand(instruction)
  if (operand === undefined) return
  const { state } = cpu
  const rip = state.rip
  // RIP-relative addresses count from the next instruction.
  state.rip = next
  const offset = effectiveAddress(state, operand) + bitOffset(cpu, instruction)
  state.rip = rip
  if (!isBusLock(cpu, operand, BigInt.asUintN(operand.addressSize * 8, offset))) return
  if (state.busLockCounter === 0) cpu.virtualization.intercept(cpu, EXIT.BUSLOCK, 0n, 0n)
  else state.busLockCounter--
}
