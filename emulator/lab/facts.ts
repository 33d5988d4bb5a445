/** The facts of a run that conditions ask for, from the events of the machine and of L0. */
import type { L0, L0Event } from '../hypervisor/index.ts'
import type { MachineEvent } from '../machine/index.ts'
import { exitOf, findField, readField } from '../svm/index.ts'
import type { ExitFact, L0Outcome, L0Vmcb, VmrunFact } from './outcome.ts'

/** An exit with where it happened. */
interface PlacedExit extends ExitFact {
  readonly processor: number
  readonly ownInstructions: number
}

function nameOf(code: bigint): string {
  return exitOf(code)?.key ?? `${code.toString(16)}h`
}

function placedExits(events: readonly MachineEvent[]): PlacedExit[] {
  const facts: PlacedExit[] = []
  /** By processor, its count of instructions at its last VMRUN. */
  const entered = new Map<number, number>()
  for (const event of events) {
    if (event.kind === 'vmrun') entered.set(event.processor, event.ownInstructions)
    if (event.kind !== 'vmexit') continue
    const { processor, ownInstructions, code, vmcb, asid, failedChecks } = event
    facts.push({
      name: nameOf(code),
      vmcb,
      asid,
      guestInstructions: Math.max(0, ownInstructions - (entered.get(processor) ?? 0)),
      failedChecks: failedChecks.map((check) => check.id),
      processor,
      ownInstructions,
    })
  }
  return facts
}

function withoutPlace({ name, vmcb, asid, guestInstructions, failedChecks }: ExitFact): ExitFact {
  return { name, vmcb, asid, guestInstructions, failedChecks }
}

/** The exits in order, and how many instructions the guest executed before each. */
export function exitFacts(events: readonly MachineEvent[]): ExitFact[] {
  return placedExits(events).map(withoutPlace)
}

/** One of L0's VMCBs by its address. */
function nameOfVmcb(l0: L0, processor: number, address: number): L0Vmcb {
  return l0.map.vcpus[processor].vmcb01 === address ? 'vmcb01' : 'vmcb02'
}

/**
 * The exits as L1 sees them. What L2 executed, and with which ASID of the processor, the exits of vmcb02 say that L0 took since L1's
 * VMRUN.
 */
export function nestedExitFacts(l0: L0, events: readonly MachineEvent[]): ExitFact[] {
  const ofL2 = placedExits(events).filter(
    ({ processor, vmcb }) => nameOfVmcb(l0, processor, vmcb) === 'vmcb02',
  )
  const entered = new Map<number, number>()
  return l0.events.flatMap((event) => {
    const { processor, ownInstructions } = event
    if (event.kind === 'vmrun') entered.set(processor, ownInstructions)
    if (event.kind !== 'vmexit') return []
    const since = entered.get(processor) ?? 0
    const own = ofL2.filter(
      (exit) =>
        exit.processor === processor &&
        exit.ownInstructions >= since &&
        exit.ownInstructions <= ownInstructions,
    )
    const { vmcb, code, failedChecks } = event
    return [
      {
        name: nameOf(code),
        vmcb,
        asid: own.at(-1)?.asid ?? 0,
        guestInstructions: own.reduce((sum, exit) => sum + exit.guestInstructions, 0),
        failedChecks,
      },
    ]
  })
}

/** L1's VMRUNs, which use no state cache: there is none of vmcb12. */
export function nestedVmrunFacts(events: readonly L0Event[]): VmrunFact[] {
  return events.flatMap((event) => (event.kind === 'vmrun' ? [{ vmcb: event.vmcb, fromCache: [] }] : []))
}

/** The run as L0 saw it. */
export function l0Outcome(l0: L0, events: readonly MachineEvent[], vcpus: number): L0Outcome {
  return {
    exits: placedExits(events).map((exit) => ({
      ...withoutPlace(exit),
      processor: exit.processor,
      of: nameOfVmcb(l0, exit.processor, exit.vmcb),
    })),
    events: l0.events,
    isCopied: (key) => l0.context.decisions.fields.get(key)?.copy !== 'none',
    field(of, vcpu, key) {
      const field = findField(key)
      return vcpu < vcpus && field !== undefined ? readField(l0.state(vcpu)[of], field) : undefined
    },
  }
}
