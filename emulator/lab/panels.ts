/** The panels of the workbench, as `panels` of lab.yaml names them. */
export const PANELS = [
  'exits',
  'registers',
  'vmcb',
  'memory',
  'stack',
  'listing',
  'console',
  'devices',
  'log',
  'compare',
  'stops',
  // Figures of the live machine.
  'walk',
  'tlb',
  'memory-types',
  'world-switch',
  'state-cache',
  'interrupts',
  // Of labs whose program is L1.
  'l0',
  'vmcbs',
  'interleavings',
  'scenarios',
] as const

export type PanelId = (typeof PANELS)[number]
