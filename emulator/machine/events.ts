/** The record of what the machine did that registers and memory do not show any more. */
import type { Observer, VmexitEvent } from '../state/cpu.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { groupNames, type CleanGroup } from '../svm/index.ts'
import type { BoundedLog } from './log.ts'

/** An exception is raised, or an exception or interrupt goes through the IDT. */
export interface ExceptionEvent {
  readonly kind: 'raised' | 'delivered'
  readonly instructions: number
  readonly vector: number
  /** -1: the vector has no error code. */
  readonly errorCode: number
  /** #PF: the address that CR2 gets; otherwise 0. */
  readonly linearAddress: bigint
}

/** `instructions` is the count when it happened. */
export type MachineEvent =
  | {
      readonly kind: 'vmrun'
      readonly instructions: number
      readonly vmcb: number
      /** The groups of fields that came from the state cache and not from memory. */
      readonly fromCache: readonly CleanGroup[]
    }
  | ({ readonly kind: 'vmexit' } & VmexitEvent)
  | ExceptionEvent

const NO_GROUPS: readonly CleanGroup[] = []

/** An observer that writes down what it hears. */
export function recordEvents(state: Vcpu, log: BoundedLog<MachineEvent>): Observer {
  return {
    vmrun(vmcb, fromCache) {
      const { instructions } = state
      log.push({
        kind: 'vmrun',
        instructions,
        vmcb,
        fromCache: fromCache ? groupNames(fromCache) : NO_GROUPS,
      })
    },
    vmexit(event) {
      log.push({ kind: 'vmexit', ...event })
    },
    raised({ vector, errorCode, linearAddress }) {
      log.push({ kind: 'raised', instructions: state.instructions, vector, errorCode, linearAddress })
    },
    delivered(vector, errorCode, linearAddress) {
      log.push({ kind: 'delivered', instructions: state.instructions, vector, errorCode, linearAddress })
    },
  }
}
