/** SVM: the VMCB as a table, the consistency checks, VMRUN and #VMEXIT, intercepts, the SVM instructions. */
export {
  bitMask,
  CLEAN_BITS,
  INTERCEPT_NAMES,
  interceptCode,
  PAT_TYPES,
  VIRTUAL_INTERRUPT_BITS,
  type BitField,
  type BitList,
  type CleanGroup,
} from './bits.ts'
export {
  CHECKS,
  failedChecks,
  fieldValue,
  findCheck,
  imageView,
  loadsPdpes,
  type Check,
  type CheckFacts,
} from './checks.ts'
export { explainExit, type ExitExplanation, type ExplainedCheck } from './explain.ts'
export { cpuFacts, modelFacts } from './facts.ts'
export {
  fieldAt,
  findBits,
  findField,
  readField,
  VMCB_BYTES,
  VMCB_FIELDS,
  vmcbField,
  writeField,
  type Mover,
  type VmcbField,
} from './fields.ts'
export { svmInclude } from './include.ts'
export { loadHiddenState, storeHiddenState, SVM_INSTRUCTIONS } from './instructions.ts'
export { msrPermissionBit, virtualization } from './intercepts.ts'
export { storeState } from './vmexit.ts'
export { vmcbPage } from './vmcb-page.ts'
export { enterGuest } from './vmrun.ts'
export { groupNames, inspectStateCache, type CachedGroup, type StateCache } from './state-cache.ts'
export { EXIT, EXIT_CODES, exitCode, exitName, exitOf, type ExitCode } from '../state/exit-codes.ts'
export { hex } from '../state/notation.ts'
export { VECTOR } from '../state/faults.ts'
export { CR0, CR4, EFER } from '../state/mode.ts'
export { VIRTUAL_INTERRUPT } from '../system/virtual-interrupt.ts'
export { isIllegalArea } from '../system/smm.ts'
export {
  readField as readSaved,
  savedField,
  SMM_ENTRY,
  STATE_SAVE,
  writeField as writeSaved,
} from '../system/smm-state-save.ts'
export { isValidPat } from '../system/validity.ts'
