/** The panels beside the texts. A lab names those that it opens with; the others are a choice away. */
import type { ComponentType } from 'preact'
import type { Lab, PanelId } from '../../../emulator/lab/index.ts'
import * as text from '../../strings.ts'
import type { RunView } from '../protocol.ts'
import type { LabStore } from '../store.ts'
import type * as Figures from './figures.tsx'
import type * as Nested from './nested.tsx'
import { lazyPanel } from './lazy.tsx'
import { differentFields } from '../vmcb/image.ts'

export interface PanelProps {
  readonly store: LabStore
  /** The machine as it is now. */
  readonly view: RunView
  /** As it was before the last command; absent after a reset. */
  readonly previous: RunView | undefined
}

export interface PanelEntry {
  readonly id: PanelId
  readonly label: string
  readonly Panel: ComponentType<PanelProps>
  /** A word beside the label: what is new in there. */
  readonly note?: (view: RunView) => string | undefined
  /** Without it, every lab has the panel. */
  readonly isFor?: (lab: Lab) => boolean
}

/** Figures come when they are asked for: a page is there before them. */
function figure(name: keyof typeof Figures): PanelEntry['Panel'] {
  return lazyPanel(async () => (await import('./figures.tsx'))[name])
}

function nested(name: keyof typeof Nested): PanelEntry['Panel'] {
  return lazyPanel(async () => (await import('./nested.tsx'))[name])
}

/** The program is L1. */
function hasL0({ machine }: Lab): boolean {
  return machine.l0 !== undefined
}

export const PANELS: readonly PanelEntry[] = [
  {
    id: 'registers',
    label: text.registers,
    Panel: lazyPanel(async () => (await import('./registers.tsx')).RegistersPanel),
  },
  {
    id: 'vmcb',
    label: text.vmcb,
    Panel: lazyPanel(async () => (await import('./vmcb.tsx')).VmcbPanel),
    note({ vmcbs }) {
      const changed = vmcbs.reduce((sum, vmcb) => sum + differentFields(vmcb.image, vmcb.initial).length, 0)
      return changed === 0 ? undefined : text.fieldsChanged(changed)
    },
  },
  {
    id: 'memory',
    label: text.memory,
    Panel: lazyPanel(async () => (await import('./memory.tsx')).MemoryPanel),
  },
  { id: 'stack', label: text.stack, Panel: lazyPanel(async () => (await import('./stack.tsx')).StackPanel) },
  {
    id: 'listing',
    label: text.listing,
    Panel: lazyPanel(async () => (await import('./listing.tsx')).ListingPanel),
  },
  {
    id: 'console',
    label: text.serialConsole,
    Panel: lazyPanel(async () => (await import('./console.tsx')).ConsolePanel),
  },
  {
    id: 'devices',
    label: text.devices,
    Panel: lazyPanel(async () => (await import('./devices.tsx')).DevicesPanel),
    isFor: ({ machine }) => machine.caches,
  },
  { id: 'log', label: text.log, Panel: lazyPanel(async () => (await import('./log.tsx')).LogPanel) },
  {
    id: 'compare',
    label: text.compare,
    Panel: lazyPanel(async () => (await import('./compare.tsx')).ComparePanel),
  },
  { id: 'stops', label: text.stops, Panel: lazyPanel(async () => (await import('./stops.tsx')).StopsPanel) },
  { id: 'walk', label: text.pageWalk, Panel: figure('WalkPanel') },
  { id: 'tlb', label: text.tlb, Panel: figure('TlbPanel') },
  { id: 'memory-types', label: text.memoryTypes, Panel: figure('MemoryTypesPanel') },
  { id: 'world-switch', label: text.worldSwitch, Panel: figure('WorldSwitchPanel') },
  { id: 'state-cache', label: text.stateCache, Panel: figure('StateCachePanel') },
  { id: 'interrupts', label: text.interrupts, Panel: figure('InterruptsPanel') },
  { id: 'l0', label: text.l0, Panel: nested('L0Panel'), isFor: hasL0 },
  { id: 'vmcbs', label: text.nestedVmcbs, Panel: nested('VmcbsPanel'), isFor: hasL0 },
  {
    id: 'interleavings',
    label: text.interleavings,
    Panel: nested('InterleavingsPanel'),
    isFor: ({ races }) => races.length > 0,
  },
  {
    id: 'scenarios',
    label: text.scenarios,
    Panel: lazyPanel(async () => (await import('./scenarios.tsx')).ScenariosPanel),
    isFor: ({ scenarios }) => scenarios.length > 0,
  },
]

/** The panels of a lab: those that it asks for, in its order, then the rest. */
export function panelsOf(lab: Lab): {
  readonly first: readonly PanelEntry[]
  readonly more: readonly PanelEntry[]
} {
  const possible = PANELS.filter(({ isFor }) => isFor?.(lab) ?? true)
  const first = lab.panels.flatMap((id) => possible.find((panel) => panel.id === id) ?? [])
  return { first, more: possible.filter((panel) => !first.includes(panel)) }
}
