/** What a reader chose in a lab's panels and finds again at the next visit: a state hook that is kept under the lab's name. */
import { effect } from '@preact/signals'
import { useState } from 'preact/hooks'
import type { LabStore } from './store.ts'

/** `isValid` judges what was stored, which is untrusted; `first` stands where nothing fitting was. */
export function useRemembered<T>(
  store: LabStore,
  name: string,
  first: T,
  isValid: (value: unknown) => value is T,
): readonly [T, (value: T) => void] {
  const [value, setValue] = useState(() => {
    const stored = store.recall(name)
    return isValid(stored) ? stored : first
  })
  return [
    value,
    (next) => {
      setValue(() => next)
      store.remember(name, next)
    },
  ]
}

/** Judges whether a stored value is one of a list. */
export function isOneOf<T extends string>(choices: readonly T[]): (value: unknown) => value is T {
  return (value): value is T => choices.includes(value as T)
}

function isName(value: unknown): value is string {
  return typeof value === 'string'
}

/** Opens the panels that were open at the last visit, and writes down which are. Returns what ends that. */
export function rememberPanels(store: LabStore): () => void {
  const panel = store.recall('panel')
  const more = store.recall('panels')
  if (isName(panel)) store.panel.value = panel
  if (Array.isArray(more)) store.morePanels.value = more.filter(isName)
  return effect(() => {
    store.remember('panel', store.panel.value ?? null)
    store.remember('panels', store.morePanels.value)
  })
}
