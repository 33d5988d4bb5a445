/** Forgets the reader's work: what the store has, and what localStorage has of labs. How the book looks is no work and stays. */
import { SETTING } from '../workbench/settings.ts'
import type { ReaderStore } from './store.ts'
import { UNFINISHED } from './unfinished.ts'

export async function forgetWork(store: ReaderStore): Promise<void> {
  await store.clear()
  try {
    for (const name of Object.keys(localStorage))
      if (name.startsWith(SETTING) || name.startsWith(UNFINISHED)) localStorage.removeItem(name)
  } catch {
    // Storage is refused: nothing is there.
  }
}
