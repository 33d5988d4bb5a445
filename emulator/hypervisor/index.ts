/** L0, a hypervisor with nested SVM, as the host program of a machine. */
export * from './create.ts'
export * from './decisions.ts'
export { type Migration } from './migration.ts'
export {
  causalPast,
  DEFAULT_BOUND,
  explore,
  scheduleOf,
  type Bound,
  type ExploreOptions,
  type Finding,
  type Loss,
  type Race,
  type RaceEvent,
  type Report,
} from './explorer.ts'
export * from './nested-pat.ts'
export { raceForVmcb12, raceStart, type RaceStart, type Store } from './race-model.ts'
export { PROPERTIES, type Property } from './race-properties.ts'
export { scheduledHost, storingProgram, type ScheduledL0 } from './race-schedule.ts'
export { type L0, type L0Event } from './runner.ts'
export * from './views.ts'
