/** What a reader can have the machine do: one row per command, for the toolbar, its menu, the keyboard and the sheet of shortcuts. */
import type { IconName } from './icons.tsx'
import { isCode } from './reader-stops.ts'
import type { LabStore } from './store.ts'

export interface Command {
  readonly id: string
  readonly label: string
  /** What it does, for the sheet of shortcuts. */
  readonly about: string
  /** Commands without an icon are in the menu, not in the toolbar. */
  readonly icon?: IconName
  /**
   * "Ctrl+Shift+Enter"; Ctrl is also the Mac's Command. Active while the focus is in the lab. Left to the browser: F1, F3, F5, F6,
   * F7, F11 and F12, and Shift+F10, which is how the keyboard opens a context menu. F9 and F10 step as in the browsers' debuggers.
   */
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
    id: 'step-back',
    label: 'Step back',
    about: 'Undo one instruction',
    icon: 'step-back',
    keys: 'Shift+F9',
    isEnabled: canStepBack,
    act: (store) => void store.stepBack(),
  },
  {
    id: 'step',
    label: 'Step',
    about: 'Execute one instruction',
    icon: 'step',
    keys: 'F9',
    isEnabled: isIdle,
    act: (store) => void store.step(),
  },
  {
    id: 'step-over',
    label: 'Step over',
    about: 'Execute one instruction; a call up to its return, VMRUN up to the #VMEXIT',
    icon: 'step-over',
    keys: 'F10',
    isEnabled: isIdle,
    act: (store) => void store.run('over'),
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
  {
    id: 'run-to-exit',
    label: 'Run to the next #VMEXIT',
    about: 'Run until a guest leaves',
    keys: 'F8',
    isEnabled: isIdle,
    act: (store) => void store.run('exit'),
  },
  {
    id: 'run-to-line',
    label: 'Run to the cursor',
    about: 'Run until the line of the cursor is next',
    keys: 'Ctrl+F10',
    isEnabled: (store) => isIdle(store) && store.activeFile.value !== '',
    act: (store) => void store.run({ file: store.activeFile.value, line: store.cursor.value.line }),
  },
  {
    id: 'run-to-goal',
    label: 'Run to the next goal',
    about: 'Run until one more goal is met',
    keys: 'Ctrl+F9',
    isEnabled: (store) => isIdle(store) && (store.opened.value?.lab.goals.length ?? 0) > 0,
    act: (store) => void store.run('goal'),
  },
  {
    id: 'back-to-exit',
    label: 'Back to the #VMEXIT before',
    about: 'Go back to where a guest left, or to the start',
    keys: 'Shift+F8',
    isEnabled: canStepBack,
    act: (store) => void store.runBack('exit'),
  },
  {
    id: 'run-back',
    label: 'Run back',
    about: 'Go back to the last stop, or to the start',
    keys: 'Ctrl+Shift+F9',
    isEnabled: canStepBack,
    act: (store) => void store.runBack('stop'),
  },
  {
    id: 'breakpoint',
    label: 'Breakpoint at the cursor',
    about: 'Set or remove a breakpoint at the line of the cursor; a click beside the line does the same',
    keys: 'Ctrl+F8',
    isEnabled: (store) => isCode(store.activeFile.value),
    act: (store) => store.stops.toggleLine(store.activeFile.value, store.cursor.value.line),
  },
  {
    id: 'definition',
    label: 'Go to definition',
    about: 'Go to where the symbol or the VMCB field at the cursor is set',
    keys: 'Ctrl+F12',
    isEnabled: () => true,
    act: (store) => void store.goToDefinition(),
  },
  {
    id: 'format',
    label: 'Format the text',
    about: 'Put labels, instructions and comments of the text into columns',
    keys: 'Shift+Alt+F',
    isEnabled: (store) => store.isActiveFileEditable.value,
    act: (store) => void store.format(),
  },
  {
    id: 'report',
    label: 'Report an error …',
    about:
      'Show a text to send to others: a link to the lab as it stands, the build, the browser, the last result',
    keys: 'Ctrl+Shift+F12',
    isEnabled: () => true,
    act: (store) => (store.isReporting.value = true),
  },
]

/** Opens the sheet of shortcuts, while the focus is in the lab. */
export const SHEET_KEYS = 'Shift+F1'

/** Keys of parts of the workbench, besides those of the commands. */
export const OTHER_KEYS: readonly (readonly [keys: string, about: string])[] = [
  [SHEET_KEYS, 'The sheet of shortcuts'],
  ['Ctrl+M', 'In the editor: Tab leaves it, or indents again'],
  ['← →', 'In the timeline: one instruction back or on; with Ctrl to the event before or after'],
  ['← →', 'In a row of tabs: the tab before or after'],
]

/** The command for a key, if there is one. */
export function commandFor(event: KeyboardEvent): Command | undefined {
  return COMMANDS.find(({ keys }) => isPressed(keys, event))
}

/** Whether an event is this combination of keys. */
export function isPressed(keys: string, event: KeyboardEvent): boolean {
  const parts = keys.split('+')
  const key = parts.at(-1)!
  return (
    // With Alt, a letter's key gives another character on some keyboards.
    (event.key === key || event.code === `Key${key}`) &&
    (event.ctrlKey || event.metaKey) === parts.includes('Ctrl') &&
    event.shiftKey === parts.includes('Shift') &&
    event.altKey === parts.includes('Alt')
  )
}
