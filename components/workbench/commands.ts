/** What a reader can have the machine do: one row per command, for the toolbar, the keyboard and the sheet of shortcuts. */
import type { IconName } from './icons.tsx'
import type { LabStore } from './store.ts'

export interface Command {
  readonly id: string
  readonly label: string
  /** What it does, for the sheet of shortcuts. */
  readonly about: string
  /** Commands without an icon are in the menu, not in the toolbar. */
  readonly icon?: IconName
  /** "Ctrl+Shift+Enter"; Ctrl is also the Mac's Command. Active while the focus is in the lab. */
  readonly keys: string
  readonly isEnabled: (store: LabStore) => boolean
  readonly act: (store: LabStore) => void
}

function isIdle(store: LabStore): boolean {
  return store.activity.value === 'idle'
}

function canStepBack(store: LabStore): boolean {
  return store.canStepBack.value
}

export const COMMANDS: readonly Command[] = [
  {
    id: 'run',
    label: 'Run',
    about: 'Run to the end, the limit of the lab, or a stop',
    icon: 'run',
    keys: 'Ctrl+Enter',
    isEnabled: isIdle,
    act: (store) => void store.run(),
  },
  {
    id: 'stop',
    label: 'Stop',
    about: 'Pause the run',
    icon: 'stop',
    keys: 'Ctrl+.',
    isEnabled: (store) => store.activity.value === 'running',
    act: (store) => store.stop(),
  },
  {
    id: 'step',
    label: 'Step',
    about: 'Execute one instruction',
    icon: 'step',
    keys: 'F10',
    isEnabled: isIdle,
    act: (store) => void store.step(),
  },
  {
    id: 'step-back',
    label: 'Step back',
    about: 'Undo one instruction',
    icon: 'step-back',
    keys: 'Shift+F10',
    isEnabled: canStepBack,
    act: (store) => void store.stepBack(),
  },
  {
    id: 'step-over',
    label: 'Step over',
    about: 'Execute one instruction; a call up to its return, VMRUN up to the #VMEXIT',
    keys: 'F8',
    isEnabled: isIdle,
    act: (store) => void store.run('over'),
  },
  {
    id: 'run-to-exit',
    label: 'To next #VMEXIT',
    about: 'Run to the next #VMEXIT',
    keys: 'F9',
    isEnabled: isIdle,
    act: (store) => void store.run('exit'),
  },
  {
    id: 'run-to-line',
    label: 'To cursor',
    about: 'Run to the line of the cursor',
    keys: 'Ctrl+F10',
    isEnabled: isIdle,
    act: (store) => void store.run({ file: store.activeFile.value, line: store.cursorLine.value }),
  },
  {
    id: 'run-to-goal',
    label: 'To next goal',
    about: 'Run until one more goal is met',
    keys: 'Ctrl+F9',
    isEnabled: isIdle,
    act: (store) => void store.run('goal'),
  },
  {
    id: 'run-back',
    label: 'Run back',
    about: 'Go back to the last stop before, or to the start',
    keys: 'Shift+F8',
    isEnabled: canStepBack,
    act: (store) => void store.runBack('stop'),
  },
  {
    id: 'back-to-exit',
    label: 'To previous #VMEXIT',
    about: 'Go back to the #VMEXIT before, or to the start',
    keys: 'Shift+F9',
    isEnabled: canStepBack,
    act: (store) => void store.runBack('exit'),
  },
  {
    id: 'breakpoint',
    label: 'Breakpoint at cursor',
    about: 'Set or remove a breakpoint at the line of the cursor',
    keys: 'Ctrl+F8',
    isEnabled: () => true,
    act: (store) => store.stops.toggleLine(store.activeFile.value, store.cursorLine.value),
  },
  {
    id: 'reset',
    label: 'Reset',
    about: 'Build the texts and put the machine at its start',
    icon: 'reset',
    keys: 'Ctrl+Shift+Enter',
    isEnabled: isIdle,
    act: (store) => void store.reset(),
  },
]

/** The command for a key, if there is one. */
export function commandFor(event: KeyboardEvent): Command | undefined {
  return COMMANDS.find(({ keys }) => isPressed(keys, event))
}

function isPressed(keys: string, event: KeyboardEvent): boolean {
  const parts = keys.split('+')
  return (
    event.key === parts.at(-1) &&
    (event.ctrlKey || event.metaKey) === parts.includes('Ctrl') &&
    event.shiftKey === parts.includes('Shift') &&
    !event.altKey
  )
}
