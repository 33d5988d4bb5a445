/** Public entry point of the machine. */
export { Machine, type Executor, type MachineOptions, type Statistics, type WalkOptions } from './machine.ts'
export { MOST_CPUS, STATE_CACHE_POLICIES, type StateCachePolicy } from './processors.ts'
export { describeRunResult, exceptionName, type RunResult } from './run-result.ts'
export {
  STREAM_KINDS,
  type FieldSource,
  type StreamEvent,
  type StreamEvents,
  type StreamKind,
  type SwitchedField,
} from './event-stream.ts'
export type { Agent, Cause, Transaction, TransactionKind } from '../caches/transactions.ts'
export {
  describeCpuid,
  describeMsrs,
  type CpuidFeature,
  type CpuidLeaf,
  type MsrDescription,
} from './describe.ts'
export type { HostOptions, HostPort, HostProgram } from './host-program.ts'
export type { EventState, VirtualEventState } from './event-state.ts'
export { FRAMEBUFFER } from './framebuffer.ts'
export type { ExceptionEvent, MachineEvent } from './events.ts'
export type { EditableRegister } from './inputs.ts'
export {
  GENERAL_REGISTERS,
  SEGMENT_REGISTERS,
  SYSTEM_REGISTERS,
  type CpuState,
  type GuestState,
  type HostSaveArea,
  type SegmentState,
} from './inspect.ts'
export { createCpuModel } from '../system/cpu-model.ts'
export { ImageError } from './elf32.ts'
export { checkKernel, type BootImage } from './multiboot.ts'
export { SavedStateError } from './saved-state.ts'
export type { Stop, StopHit, WatchedRegister } from './stops.ts'
export { START, type StartKind } from './start.ts'
export type { EntryType } from '../paging/entry-type.ts'
export {
  deriveType,
  GUEST_WITH_NESTED,
  MEMORY_TYPES,
  PAT_WITH_MTRR,
  patType,
  type EffectiveType,
  type MemoryType,
  type MtrrType,
  type PatType,
  type TypeDerivation,
  type TypeSources,
} from '../paging/memory-types.ts'
export { ENTRY, type TlbEntry } from '../paging/tlb.ts'
export type { Walk, WalkEntry, WalkLevel, WalkOutcome, WalkRow } from '../paging/explain-walk.ts'
export type { CachedGroup, StateCache } from '../svm/index.ts'
export type { HeldTranslation } from '../paging/translate.ts'
export type { CpuModel, FailedCheck, VmexitEvent } from '../state/cpu.ts'
