/** The stack as system instructions and event delivery use it: several items at once, all checked before any is written. */
import { RSP, SS } from '../isa/registers.ts'
import { probeLinear, readLinear, writeLinear } from '../paging/access.ts'
import { isCanonicalRange, linearBits } from '../state/canonical.ts'
import { ACCESS, type Cpu } from '../state/cpu.ts'
import { Fault, VECTOR } from '../state/faults.ts'
import { MODE, stackBytes } from '../state/mode.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { noteDataAccess } from './debug-traps.ts'
import { legacyLinear, linearAddress, type SegmentValue } from './segmentation.ts'

/** Where a frame is pushed: the current stack, or one that is about to become it. */
export interface Stack {
  readonly segment: SegmentValue
  readonly pointer: bigint
  /** Width of the stack pointer; 8 means 64-bit mode, where the segment plays no part. */
  readonly pointerBytes: 2 | 4 | 8
  /** True when CPL is 3 once the stack is in use. */
  readonly user: boolean
  /** Error code of the #SS that a frame outside the stack raises. */
  readonly errorCode: number
}

/** The stack in use, with #SS(`errorCode`). */
export function currentStack(state: Vcpu, errorCode = 0): Stack {
  const pointerBytes = stackBytes(state.mode)
  return {
    segment: state.segments[SS],
    pointer: BigInt.asUintN(pointerBytes * 8, state.gpr[RSP]),
    pointerBytes,
    user: state.cpl === 3,
    errorCode,
  }
}

/**
 * Pushes `values` in order, each of `itemBytes`. Throws #SS or #PF with nothing written. Returns the new stack pointer.
 * Outside real mode the stack segment must allow writes.
 */
export function pushFrame(cpu: Cpu, stack: Stack, itemBytes: 2 | 4 | 8, values: readonly bigint[]): bigint {
  const { state } = cpu
  const checksType = (state.mode & MODE.protected) !== 0
  const width = stack.pointerBytes * 8
  let pointer = stack.pointer
  const addresses = values.map(() => {
    pointer = BigInt.asUintN(width, pointer - BigInt(itemBytes))
    const linear = stackLinear(state, stack, pointer, itemBytes, checksType)
    probeLinear(cpu, linear, itemBytes, ACCESS.write, stack.user)
    // Frames of events are not looked at: that of the #DB would raise the next one.
    if (state.mode & MODE.dataBreakpoints && state.deliveringEvent === 0n)
      noteDataAccess(state, linear, itemBytes, ACCESS.write)
    return linear
  })
  values.forEach((value, i) => writeLinear(cpu, addresses[i], itemBytes, value, stack.user))
  return pointer
}

function stackLinear(
  state: Vcpu,
  stack: Stack,
  pointer: bigint,
  itemBytes: number,
  checksType: boolean,
): bigint {
  if (stack.pointerBytes === 8) {
    if (isCanonicalRange(pointer, itemBytes, linearBits(state))) return pointer
  } else {
    const linear = legacyLinear(stack.segment, pointer, itemBytes, ACCESS.write, checksType)
    if (linear >= 0n) return linear
  }
  throw new Fault(VECTOR.SS, stack.errorCode)
}

/** Reads the item `index` items above the top of the current stack. Throws #SS(0) or #PF. */
export function peekStack(cpu: Cpu, itemBytes: 2 | 4 | 8, index: number): bigint {
  const state = cpu.state
  const offset = BigInt.asUintN(stackBytes(state.mode) * 8, state.gpr[RSP] + BigInt(index * itemBytes))
  return readLinear(cpu, linearAddress(cpu, SS, offset, itemBytes, ACCESS.read), itemBytes)
}

/** Sets rSP: 16 bits leave the rest alone, 32 bits clear the upper half. */
export function setStackPointer(state: Vcpu, bytes: 2 | 4 | 8, value: bigint): void {
  const keep = bytes === 2 ? state.gpr[RSP] & ~0xffffn : 0n
  state.gpr[RSP] = keep | BigInt.asUintN(bytes * 8, value)
}

/** Removes `bytes` bytes from the current stack. */
export function releaseStack(state: Vcpu, bytes: number): void {
  setStackPointer(state, stackBytes(state.mode), state.gpr[RSP] + BigInt(bytes))
}
