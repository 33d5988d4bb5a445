/** Public entry point: the lab format, building, running and checking labs. */
export { build, DESIGN_FILE, type Build, type BuildInput, type PlacedVmcb } from './build.ts'
export { checkLab, formatDiagnostic, type CheckResult, type LabReport } from './check.ts'
export { hex, type Verdict } from './condition-kind.ts'
export type { ExitFact, L0Outcome, Outcome } from './outcome.ts'
export { editTexts } from './edits.ts'
export { exportCommands, exportImage, type ExportResult } from './export.ts'
export { exitFacts } from './facts.ts'
export { judgeGoals, type GoalResult } from './goals.ts'
export { parseKvmDump, type DumpedValue, type KvmDump } from './kvm-dump.ts'
export { newLabFiles } from './new-lab.ts'
export { parseLab, type LabFiles, type ParsedLab } from './parse.ts'
export type { PanelId } from './panels.ts'
export { judgePredictions, type PredictionResult } from './predictions.ts'
export { LAB_FORMAT, labSchema, variantsSchema, type Goal, type Lab, type Variant } from './schema.ts'
export { LabSession, type SessionOptions } from './session.ts'
export { ImageSession, type Image } from './image-session.ts'
export type { Hypervisor } from './hypervisor.ts'
export type { PlacedRace, RaceReport, Replay } from './races.ts'
export type { ScenarioResult } from './scenarios.ts'
export {
  parseVmcbText,
  splitVmcbLine,
  INTERCEPTS_KEY,
  type VmcbAssignment,
  type VmcbLine,
  type VmcbText,
} from './vmcb-text.ts'
export type { Diagnostic } from '../isa/index.ts'
export { evaluateValue, type ValueResult } from './value.ts'
