/** L0, a hypervisor with nested SVM, as the host program of a machine. */
export * from './create.ts'
export * from './decisions.ts'
export { type Migration } from './migration.ts'
export * from './nested-pat.ts'
export { type L0, type L0Event } from './runner.ts'
export * from './views.ts'
