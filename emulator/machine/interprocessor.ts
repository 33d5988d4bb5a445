/**
 * Interprocessor interrupts (APM vol 2 §16.5). The interrupt command register, low half:
 *   19:18 DSH shorthand   15 TGM level-triggered   14 L asserted   11 DM logical destination   10:8 MT message type
 *   7:0 vector;   high half: 31:24 destination
 */
import { ATTENTION } from '../state/attention.ts'
import type { Cpu } from '../state/cpu.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { APIC } from '../system/apic-registers.ts'
import { requestInit, requestStartup } from '../system/initialization.ts'
import { readApic, requestInterrupt } from '../system/local-apic.ts'

const SHORTHAND = { none: 0, self: 1, all: 2, others: 3 } as const
const LOGICAL = 1 << 11
const MESSAGE = { fixed: 0, lowestPriority: 1, smi: 2, nmi: 4, init: 5, startup: 6 } as const
/** TGM without L ends a level-triggered message: INIT happens when it begins. */
const [LEVEL, ASSERTED] = [1 << 15, 1 << 14]
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

/** The target with the lowest arbitration priority; the first of them when there are several (§16.6.2). */
function lowestPriority(targets: readonly Vcpu[]): Vcpu[] {
  const priority = (target: Vcpu): number => readApic(target, APIC.arbitrationPriority)
  return [...targets].sort((a, b) => priority(a) - priority(b)).slice(0, 1)
}

/** Sends what the interrupt command register of `sender` says. */
export function sendInterrupt(sender: Cpu): void {
  const low = sender.state.apic[APIC.commandLow]
  const targets = sender
    .processors()
    .map(({ state }) => state)
    .filter((target) => isAddressed(sender.state, target))
  switch ((low >>> 8) & 7) {
    case MESSAGE.fixed:
      for (const target of targets) requestInterrupt(target, low & 0xff)
      break
    case MESSAGE.lowestPriority:
      for (const target of lowestPriority(targets)) requestInterrupt(target, low & 0xff)
      break
    case MESSAGE.smi:
      for (const target of targets) makePending(target, 'smiPending')
      break
    case MESSAGE.nmi:
      for (const target of targets) makePending(target, 'nmiPending')
      break
    case MESSAGE.init:
      if (!(low & LEVEL) || low & ASSERTED) for (const target of targets) requestInit(target)
      break
    case MESSAGE.startup:
      for (const target of targets) requestStartup(target, low & 0xff)
  }
}

/** The SMI signal of the chipset, which reaches every processor. */
export function raiseSmi(cpus: readonly Cpu[]): void {
  for (const { state } of cpus) makePending(state, 'smiPending')
}

function makePending(target: Vcpu, event: 'smiPending' | 'nmiPending'): void {
  target[event] = 1
  target.attention |= ATTENTION.event
}
