/**
 * Interprocessor interrupts (APM vol 2 §16.5). The interrupt command register, low half:
 *   19:18 DSH shorthand   11 DM logical destination   10:8 MT message type   7:0 vector;   high half: 31:24 destination
 */
import { ATTENTION } from '../state/attention.ts'
import type { Cpu } from '../state/cpu.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { APIC } from '../system/apic-registers.ts'
import { requestInterrupt } from '../system/local-apic.ts'

const SHORTHAND = { none: 0, self: 1, all: 2, others: 3 } as const
const LOGICAL = 1 << 11
const MESSAGE = { fixed: 0, lowestPriority: 1, smi: 2, nmi: 4 } as const
const BROADCAST = 0xff

/** Logical destinations (§16.6.1): one bit a processor, or 7:4 a cluster and 3:0 a bit a processor in it. */
function matchesLogical({ apic }: Vcpu, destination: number): boolean {
  const logicalId = apic[APIC.logicalDestination] >>> 24
  const flat = apic[APIC.destinationFormat] >>> 28 === 0xf
  if (flat) return (logicalId & destination) !== 0
  const sameCluster = logicalId >> 4 === destination >> 4 || destination >> 4 === 0xf
  return sameCluster && (logicalId & destination & 0xf) !== 0
}

function isAddressed(sender: Vcpu, target: Vcpu): boolean {
  const low = sender.apic[APIC.commandLow]
  const destination = sender.apic[APIC.commandHigh] >>> 24
  switch ((low >>> 18) & 3) {
    case SHORTHAND.self:
      return target === sender
    case SHORTHAND.all:
      return true
    case SHORTHAND.others:
      return target !== sender
    default:
      if (low & LOGICAL) return matchesLogical(target, destination)
      return destination === BROADCAST || target.apic[APIC.id] >>> 24 === destination
  }
}

/**
 * Sends what the interrupt command register of `sender` says. A lowest-priority message goes to the first processor addressed;
 * INIT and STARTUP messages do nothing.
 */
export function sendInterrupt(cpus: readonly Cpu[], sender: Cpu): void {
  const low = sender.state.apic[APIC.commandLow]
  const targets = cpus.map(({ state }) => state).filter((target) => isAddressed(sender.state, target))
  switch ((low >>> 8) & 7) {
    case MESSAGE.fixed:
      for (const target of targets) requestInterrupt(target, low & 0xff)
      break
    case MESSAGE.lowestPriority:
      if (targets.length > 0) requestInterrupt(targets[0], low & 0xff)
      break
    case MESSAGE.smi:
      for (const target of targets) makePending(target, 'smiPending')
      break
    case MESSAGE.nmi:
      for (const target of targets) makePending(target, 'nmiPending')
      break
  }
}

function makePending(target: Vcpu, event: 'smiPending' | 'nmiPending'): void {
  target[event] = 1
  target.attention |= ATTENTION.event
}
