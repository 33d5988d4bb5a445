/** What saves the reader's work when the page may go away. */
import { keepUnfinished } from './unfinished.ts'

const saves = new Set<() => Promise<void>>()

/** Has `save` called when the page is hidden or left, and by saveWork(). Returns what ends that. */
export function saveOnLeaving(save: () => Promise<void>): () => void {
  window.addEventListener('pagehide', onLeaving)
  document.addEventListener('visibilitychange', onLeaving)
  saves.add(save)
  return () => void saves.delete(save)
}

function onLeaving(): void {
  void saveWork()
  keepUnfinished()
}

/** Saves everything on this page that is not saved yet. */
export async function saveWork(): Promise<void> {
  await Promise.all([...saves].map((save) => save()))
}
