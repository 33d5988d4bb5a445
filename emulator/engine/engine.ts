/** What executing needs besides the processors: the code cache and one builder for each vCPU. */
import { dropFastWrites } from '../paging/contexts.ts'
import type { Cpu, SystemInstruction } from '../state/cpu.ts'
import type { PhysicalMemory } from '../state/memory.ts'
import { CodeCache } from './code-cache.ts'
import { Dispatcher } from './compile/dispatch.ts'
import { compileIsSupported } from './compile/features.ts'
import { EvaluateBuilder } from './evaluate/builder.ts'

export interface Engine {
  readonly code: CodeCache
  /** By vCPU index. */
  readonly builders: readonly EvaluateBuilder[]
  /** Compiled code; undefined where everything is evaluated. */
  readonly compiled: Dispatcher | undefined
  /** What executes: 'compile' compiles hot code and evaluates the rest. 'evaluate' also where the host cannot compile. */
  readonly executor: 'compile' | 'evaluate'
}

export interface EngineOptions {
  readonly memory: PhysicalMemory
  /** In order of their index. */
  readonly cpus: readonly Cpu[]
  /** By operation name. */
  readonly systemInstructions: ReadonlyMap<string, SystemInstruction>
  /** Default: 'compile'. */
  readonly executor?: 'compile' | 'evaluate'
  /** Jumps to an address before its code is compiled; 1 compiles at once. Changes nothing but speed. */
  readonly compileAfter?: number
}

export function createEngine(options: EngineOptions): Engine {
  const { memory, cpus, systemInstructions, compileAfter } = options
  const executor = options.executor !== 'evaluate' && compileIsSupported() ? 'compile' : 'evaluate'
  const code: CodeCache = new CodeCache(memory, systemInstructions, {
    firstCode(page) {
      for (const cpu of cpus) dropFastWrites(cpu, page)
    },
    dropped(page, offset, length) {
      compiled?.drop(page, offset, length)
    },
  })
  const compiled = executor === 'compile' ? new Dispatcher(memory, cpus, code, compileAfter) : undefined
  return { code, builders: cpus.map((cpu) => new EvaluateBuilder(cpu)), compiled, executor }
}
