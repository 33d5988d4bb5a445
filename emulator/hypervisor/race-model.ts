/**
 * A race for vmcb12: vCPUs of L1 execute VMRUN and store to its memory at the same time (race-vcpu.ts). It begins where a machine
 * is; only memory is a copy, so that the race can be run again and again.
 */
import type { Machine } from '../machine/index.ts'
import type { Context } from './context.ts'
import type { ByteRange, Execution, Race, Touched } from './explorer.ts'
import { CopiedMemory, type PageSource } from './race-memory.ts'
import { judge, PROPERTIES, type Property } from './race-properties.ts'
import { isStore, VcpuSide, type Action, type VcpuStart } from './race-vcpu.ts'
import type { L0 } from './runner.ts'
import { cloneVcpuState, createVcpuState } from './state.ts'
import { get } from './vmcb-image.ts'

/** Where a race begins. */
export interface RaceStart {
  readonly context: Context
  /** All vCPUs. That of number 0 is at its VMRUN. */
  readonly vcpus: readonly VcpuStart[]
  readonly page: PageSource
}

const PAGE = 4096

/** What a machine is like at this moment. */
export function raceStart(machine: Machine, l0: L0): RaceStart {
  const { context } = l0
  const memory = machine.readMemory(0, context.map.end)
  return {
    context,
    vcpus: context.map.vcpus.map((_, i) => ({
      state: cloneVcpuState(l0.state(i)),
      general: BigUint64Array.from(Object.values(machine.inspect(i).general)),
    })),
    page: (number) => memory.subarray(number * PAGE, (number + 1) * PAGE),
  }
}

/** rAX of vCPU 0: the VMCB that its VMRUN names. */
function firstVmcb({ context, page }: RaceStart): number {
  const image = page(context.map.vcpus[0].vmcb01 / PAGE).slice()
  return Number(get(new DataView(image.buffer), 'save.rax'))
}

export interface RaceOptions {
  readonly properties?: readonly Property[]
  /**
   * Where L0's looks and stores are cut: by default so that no two stores touch the same piece unless they share bytes (cutsFor()). vCPUs that
   * share a VMCB both touch every piece of it: there the bounds of the fields that matter have to be named.
   */
  readonly cuts?: readonly number[]
}

/** The bounds of places in memory, ascending. */
export function boundsOf(places: readonly ByteRange[]): number[] {
  const bounds = places.flatMap(({ address, bytes }) => [address, address + bytes])
  return [...new Set(bounds)].sort((a, b) => a - b)
}

/**
 * The fewest cuts that leave L0 as many steps as it can matter for: between two bounds of stores there is one, if any store reaches
 * there. What no store reaches belongs to the step before it.
 */
export function cutsFor(stores: readonly ByteRange[]): number[] {
  const reached = (at: number): boolean =>
    stores.some(({ address, bytes }) => at >= address && at < address + bytes)
  return boundsOf(stores).filter(reached).slice(1)
}

/** A list of actions for each vCPU, at the same time. An execution loses when a property does not hold. */
export function raceOf(
  start: RaceStart,
  programs: readonly (readonly Action[])[],
  { properties = PROPERTIES, cuts = cutsFor(programs.flat().filter(isStore)) }: RaceOptions = {},
): Race {
  const context = { ...start.context, cuts }
  const vcpus = programs.map((actions, i) => start.vcpus[i] ?? vcpuThatStores(i, actions))
  return {
    cuts,
    footprints: programs.map(footprintOf),
    begin(): Execution {
      const memory = new CopiedMemory(start.page)
      const sides = programs.map((actions, i) => new VcpuSide(context, vcpus[i], actions, memory))
      return { sides, judge: (events) => judge(context, sides, events, properties) }
    },
  }
}

/** A vCPU that the machine does not have. Throws RangeError if it would need L0. */
function vcpuThatStores(index: number, actions: readonly Action[]): VcpuStart {
  if (!actions.every(isStore)) throw new RangeError(`the machine has no vCPU ${index} to execute VMRUN`)
  return { state: createVcpuState(index), general: new BigUint64Array(16) }
}

/** One VMRUN of vCPU 0 against a list of actions for each further vCPU. */
export function raceForVmcb12(
  start: RaceStart,
  others: readonly (readonly Action[])[],
  properties: readonly Property[] = PROPERTIES,
): Race {
  return raceOf(start, [[{ vmrun: firstVmcb(start) }], ...others], { properties })
}

/** All that a vCPU will ever touch: L0 may look anywhere, and writes the VMCBs of L1's VMRUNs. */
function footprintOf(actions: readonly Action[]): Touched {
  const EVERYTHING = { address: 0, bytes: Number.MAX_SAFE_INTEGER }
  const vmcbs = actions.flatMap((action) => (action !== 'vmmcall' && !isStore(action) ? [action.vmrun] : []))
  const written = [...actions.filter(isStore), ...vmcbs.map((address) => ({ address, bytes: PAGE }))]
  return { reads: vmcbs.length > 0 ? [EVERYTHING] : [], writes: written }
}
