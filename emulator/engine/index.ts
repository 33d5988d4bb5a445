/** Public entry point of the engine: executors of the instruction semantics. */
export { createEngine, type Engine, type EngineOptions } from './engine.ts'
export { step } from './evaluate/step.ts'
export { run } from './run.ts'
