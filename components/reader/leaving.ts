/** What saves the reader's work when the page may go away. */

const saves = new Set<() => Promise<void>>()

/** Has `save` called when the page is hidden or left, and by saveWork(). Returns what ends that. */
export function saveOnLeaving(save: () => Promise<void>): () => void {
  const onLeaving = (): void => void save()
  saves.add(save)
  window.addEventListener('pagehide', onLeaving)
  document.addEventListener('visibilitychange', onLeaving)
  return () => {
    saves.delete(save)
    window.removeEventListener('pagehide', onLeaving)
    document.removeEventListener('visibilitychange', onLeaving)
  }
}

/** Saves everything on this page that is not saved yet. */
export async function saveWork(): Promise<void> {
  await Promise.all([...saves].map((save) => save()))
}
