/** L0, a hypervisor with nested SVM, as the host program of a machine. */
export * from './create.ts'
export { decisionKeys, type DecisionKey } from './decision-keys.ts'
export * from './decisions.ts'
export { MIGRATION_POINTS, type HandledExit, type Migration, type MigrationPoint } from './migration.ts'
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
export {
  boundsOf,
  cutsFor,
  raceForVmcb12,
  raceOf,
  raceStart,
  type RaceOptions,
  type RaceStart,
} from './race-model.ts'
export { PROPERTIES, type Property } from './race-properties.ts'
export { type Action, type Store } from './race-vcpu.ts'
export { scheduledHost, racingProgram, type ScheduledL0 } from './race-schedule.ts'
export { LOOK_PURPOSES, type HandlerEvent, type LookEvent } from './effects.ts'
export { type L0, type L0Event } from './runner.ts'
export { createReplayingL0, type RacePlan, type ReplayingL0 } from './race-replay.ts'
export * from './views.ts'
