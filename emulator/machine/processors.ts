/** The processors of a machine: what each of them is given by it. */
import { ATTENTION } from '../state/attention.ts'
import type { Caches, Cpu, Observer, Ports, StateCacheUse, UndefinedBytes } from '../state/cpu.ts'
import type { PhysicalMemory } from '../state/memory.ts'
import { vcpuView, type Vcpu } from '../state/vcpu.ts'
import { virtualization } from '../svm/index.ts'
import { createCpuModel } from '../system/cpu-model.ts'
import { createApicPage } from './apic-page.ts'
import { recordEvents, type EventLog } from './events.ts'

/** A block of the memory map for each (state/memory-map.ts). */
export const MOST_CPUS = 8

/**
 * Whether VMRUN takes a group of VMCB fields from the processor's own copy when its clean bit says that it may (APM vol 2
 * §15.15): never, always, or as a sequence of random numbers says. The manual allows all three.
 */
export const STATE_CACHE_POLICIES = ['lazy', 'aggressive', 'random'] as const
export type StateCachePolicy = (typeof STATE_CACHE_POLICIES)[number]

export interface ProcessorOptions {
  /** 1 to MOST_CPUS. */
  readonly count: number
  /** Name of a CPU model (system/cpu-model.ts). */
  readonly model: string
  readonly stateCache: StateCachePolicy
  readonly seed: number
  readonly memory: PhysicalMemory
  readonly ports: Ports
  readonly events: EventLog
  readonly caches: Caches | undefined
  readonly undefinedBytes: UndefinedBytes | undefined
  /** PAUSE executes, in a machine with several processors. */
  readonly pause: (cpu: Cpu) => void
  /** Physical memory is now what this processor sees. */
  readonly shown: (cpu: Cpu) => void
  /** A run ends with a #VMEXIT: the host is no code in memory. */
  readonly stopsAtExit: boolean
}

/** No two processors draw the same random numbers. The constant is 2 to the power of 32 over the golden ratio. */
function seedOf(seed: number, index: number): number {
  return seed + index * 0x9e37_79b9
}

function stateCacheUse(policy: StateCachePolicy, seed: number): StateCacheUse | undefined {
  return policy === 'lazy' ? undefined : { policy, seed }
}

/** An observer that also ends the run at each #VMEXIT. */
function stopAtExit(state: Vcpu, observer: Observer): Observer {
  return {
    ...observer,
    vmexit(exit, nextRip, failedChecks) {
      observer.vmexit?.(exit, nextRip, failedChecks)
      state.attention |= ATTENTION.stop
    },
  }
}

/** Throws RangeError for a number of processors that cannot be had and for a CPU model that does not exist. */
export function createProcessors(options: ProcessorOptions): readonly Cpu[] {
  const { count, memory, ports, events, caches, undefinedBytes, pause, shown, stopsAtExit } = options
  if (!Number.isInteger(count) || count < 1 || count > MOST_CPUS)
    throw new RangeError(`a machine has 1 to ${MOST_CPUS} processors, not ${count}`)
  const model = createCpuModel(options.model, count)
  const showApic = createApicPage(memory)
  const cpus: readonly Cpu[] = Array.from({ length: count }, (_, index) => {
    const state = vcpuView(memory.buffer, index)
    const seed = seedOf(options.seed, index)
    const cpu: Cpu = {
      index,
      state,
      memory,
      model,
      ports,
      virtualization,
      stateCache: stateCacheUse(options.stateCache, seed),
      observer: stopsAtExit ? stopAtExit(state, recordEvents(state, events)) : recordEvents(state, events),
      caches,
      undefinedBytes,
      seed,
      processors: () => cpus,
      pause: count > 1 ? () => pause(cpu) : undefined,
      mapLocalApic() {
        showApic(cpu)
        shown(cpu)
      },
    }
    return cpu
  })
  return cpus
}
