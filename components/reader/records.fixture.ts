/** Records as a reader leaves them. */
import type { LabProgress, SavedWork } from './records.ts'

/** A lab's work of one text. */
export function work(text: string, savedAt: number, versions: SavedWork['versions'] = []): SavedWork {
  return { format: 2, texts: { 'main.asm': text }, savedAt, versions }
}

export const PROGRESS: LabProgress = {
  ...{ format: 1, title: 'Lab', attempts: 2, firstAt: 1, lastAt: 5, met: ['a'], goals: 2 },
  ...{ completedAt: undefined, hints: 1, guesses: [] },
  predictions: [{ id: 'q', chosen: 1, held: 0 }],
}
