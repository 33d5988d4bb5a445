/** Making L0 for a machine, and the model of the processor that L1 finds. */
import type { HostOptions } from '../machine/index.ts'
import { inForce, parseDecisions, type Decisions } from './decisions.ts'
import type { Policy } from './context.ts'
import type { Migration } from './migration.ts'
import { hostBytes } from './memory-map.ts'
import { L0 } from './runner.ts'

/** Features that L1's processor does not have: L0 does not virtualize them. */
const WITHOUT = ['skinit', 'invlpgb', 'tlbsyncctl', 'gmet', 'rogpt', 'vspecctrl']

/** The CPU model of L1's processor on a machine with this one: what the option `cpu` of a machine with L0 takes. */
export function cpuOfL1(model = 'default'): string {
  return [model, ...WITHOUT.map((feature) => `-${feature}`)].join(',')
}

/** Everything is copied and checked, and L2 has its own PAT: what L0 does if nobody names a design. */
const EVERYTHING_COPIED = parseDecisions('', 'format: 1\ntitle: Everything copied').decisions!

export interface L0Options {
  readonly vcpus?: number | undefined
  readonly decisions?: Decisions | undefined
  /** The setting of the design's quirk; without it, as the design has it. */
  readonly sharedPatQuirk?: boolean | undefined
  /** The user moves vCPUs, whenever they are where it says. */
  readonly migration?: Migration | undefined
  /** L1's time as the host's, a fixed-point number with 32 fraction bits; without it, 1. */
  readonly tscRatio?: bigint | undefined
  /** Addresses in L1's memory between which a look or a store of L0 is one step. */
  readonly cuts?: readonly number[] | undefined
}

/** What an L0 goes by. */
export function policyOf({
  decisions = EVERYTHING_COPIED,
  sharedPatQuirk,
  migration,
  tscRatio,
  cuts,
}: Omit<L0Options, 'vcpus'>): Policy {
  const to = migration?.to && inForce(migration.to)
  return {
    decisions: inForce(decisions, sharedPatQuirk),
    migration: migration && { ...migration, to },
    tscRatio,
    cuts,
  }
}

/** L0 for a machine: what the option `host` takes, and what tells L0's side of the run once the machine is made. */
export function createL0(
  l1Bytes: number,
  { vcpus = 1, ...options }: L0Options = {},
): { readonly host: HostOptions; readonly l0: () => L0 } {
  let made: L0 | undefined
  const host: HostOptions = {
    ramBytes: hostBytes(vcpus),
    create: (ports) => (made = new L0(l1Bytes, ports, policyOf(options))),
  }
  return {
    host,
    l0() {
      if (made === undefined) throw new Error('no machine was made with this host')
      return made
    },
  }
}
