/** What executing needs besides the processors: the code cache and one builder for each vCPU. */
import { dropFastWrites } from '../paging/contexts.ts'
import type { Cpu, SystemInstruction } from '../state/cpu.ts'
import type { PhysicalMemory } from '../state/memory.ts'
import { CodeCache } from './code-cache.ts'
import { EvaluateBuilder } from './evaluate/builder.ts'

export interface Engine {
  readonly code: CodeCache
  /** By vCPU index. */
  readonly builders: readonly EvaluateBuilder[]
}

export interface EngineOptions {
  readonly memory: PhysicalMemory
  /** In order of their index. */
  readonly cpus: readonly Cpu[]
  /** By operation name. */
  readonly systemInstructions: ReadonlyMap<string, SystemInstruction>
}

export function createEngine({ memory, cpus, systemInstructions }: EngineOptions): Engine {
  const code = new CodeCache(memory, systemInstructions, {
    firstCode(page) {
      for (const cpu of cpus) dropFastWrites(cpu, page)
    },
    dropped() {
      // Evaluation looks every instruction up again.
    },
  })
  return { code, builders: cpus.map((cpu) => new EvaluateBuilder(cpu)) }
}
