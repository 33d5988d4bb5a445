/** What a reader can have the machine do: one row per command, for the toolbar, its menu, the keyboard and the sheet of shortcuts. */
import * as text from '../strings.ts'
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
    label: text.run,
    about: text.aboutRun,
    icon: 'run',
    keys: 'Ctrl+Enter',
    isEnabled: isIdle,
    act: (store) => void store.run(),
  },
  {
    id: 'stop',
    label: text.stop,
    about: text.aboutStop,
    icon: 'stop',
    keys: 'Ctrl+.',
    isEnabled: (store) => store.activity.value === 'running',
    act: (store) => store.stop(),
  },
  {
    id: 'step-back',
    label: text.stepBack,
    about: text.aboutStepBack,
    icon: 'step-back',
    keys: 'Shift+F9',
    isEnabled: canStepBack,
    act: (store) => void store.stepBack(),
  },
  {
    id: 'step',
    label: text.step,
    about: text.aboutStep,
    icon: 'step',
    keys: 'F9',
    isEnabled: isIdle,
    act: (store) => void store.step(),
  },
  {
    id: 'step-over',
    label: text.stepOver,
    about: text.aboutStepOver,
    icon: 'step-over',
    keys: 'F10',
    isEnabled: isIdle,
    act: (store) => void store.run('over'),
  },
  {
    id: 'reset',
    label: text.reset,
    about: text.aboutReset,
    icon: 'reset',
    keys: 'Ctrl+Shift+Enter',
    isEnabled: isIdle,
    act: (store) => void store.reset(),
  },
  {
    id: 'run-to-exit',
    label: text.runToExit,
    about: text.aboutRunToExit,
    keys: 'F8',
    isEnabled: isIdle,
    act: (store) => void store.run('exit'),
  },
  {
    id: 'run-to-line',
    label: text.runToCursor,
    about: text.aboutRunToCursor,
    keys: 'Ctrl+F10',
    isEnabled: (store) => isIdle(store) && store.activeFile.value !== '',
    act: (store) => void store.run({ file: store.activeFile.value, line: store.cursor.value.line }),
  },
  {
    id: 'run-to-goal',
    label: text.runToGoal,
    about: text.aboutRunToGoal,
    keys: 'Ctrl+F9',
    isEnabled: (store) => isIdle(store) && (store.opened.value?.lab.goals.length ?? 0) > 0,
    act: (store) => void store.run('goal'),
  },
  {
    id: 'back-to-exit',
    label: text.backToExit,
    about: text.aboutBackToExit,
    keys: 'Shift+F8',
    isEnabled: canStepBack,
    act: (store) => void store.runBack('exit'),
  },
  {
    id: 'run-back',
    label: text.runBack,
    about: text.aboutRunBack,
    keys: 'Ctrl+Shift+F9',
    isEnabled: canStepBack,
    act: (store) => void store.runBack('stop'),
  },
  {
    id: 'breakpoint',
    label: text.breakpointAtCursor,
    about: text.aboutBreakpointAtCursor,
    keys: 'Ctrl+F8',
    isEnabled: (store) => isCode(store.activeFile.value),
    act: (store) => store.stops.toggleLine(store.activeFile.value, store.cursor.value.line),
  },
  {
    id: 'definition',
    label: text.goToDefinition,
    about: text.aboutGoToDefinition,
    keys: 'Ctrl+F12',
    isEnabled: () => true,
    act: (store) => void store.goToDefinition(),
  },
  {
    id: 'format',
    label: text.formatText,
    about: text.aboutFormatText,
    keys: 'Shift+Alt+F',
    isEnabled: (store) => store.isActiveFileEditable.value,
    act: (store) => void store.format(),
  },
  {
    id: 'report',
    label: text.askToReportError,
    about: text.aboutAskToReportError,
    keys: 'Ctrl+Shift+F12',
    isEnabled: () => true,
    act: (store) => (store.isReporting.value = true),
  },
]

/** Opens the sheet of shortcuts, while the focus is in the lab. */
export const SHEET_KEYS = 'Shift+F1'

/** Keys of parts of the workbench, besides those of the commands. */
export const OTHER_KEYS: readonly (readonly [keys: string, about: string])[] = [
  [SHEET_KEYS, text.sheetOfShortcuts],
  ['Ctrl+M', text.keysInEditor],
  ['← →', text.keysInTimeline],
  ['← →', text.keysInTabs],
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
