import { expect, test, vi } from 'vitest'
import { parseLabProgress, type LabProgress } from '../reader/records.ts'
import { memoryStore } from '../reader/store.ts'
import { Exercise } from './exercise.ts'
import { PAYLOAD } from './lab.fixture.ts'
import type { RunView } from './protocol.ts'

const KEY = 'test:1'

function ended(met: boolean, held?: number): RunView {
  return {
    goals: [{ id: 'comes-back', text: '', met, conditions: [] }],
    predictions: [{ id: 'q', held }],
  } as Pick<RunView, 'goals' | 'predictions'> as RunView
}

async function openExercise(store = memoryStore(), now = vi.fn(() => 1)): Promise<Exercise> {
  const exercise = new Exercise(KEY, now)
  await exercise.open(PAYLOAD.lab, store)
  return exercise
}

test('attempts are counted, the best one is kept, and completion has its time', async () => {
  const now = vi.fn(() => 1)
  const exercise = await openExercise(memoryStore(), now)
  exercise.noteEnd(ended(false))
  now.mockReturnValue(5)
  exercise.noteEnd(ended(true))
  now.mockReturnValue(9)
  exercise.noteEnd(ended(false))
  expect(exercise.progress.value).toMatchObject({
    ...{ attempts: 3, met: ['comes-back'], firstAt: 1, lastAt: 9, completedAt: 5 },
  })
})

test('what was done is there at the next visit', async () => {
  const store = memoryStore()
  const first = await openExercise(store)
  first.predict('q', 2)
  first.noteEnd(ended(true, 1))
  first.noteHints(2)
  first.noteGuess({ field: 'EFER', reason: 'SVME', isRight: true })
  await vi.waitFor(async () => {
    const second = await openExercise(store)
    expect(second.progress.value).toEqual(first.progress.value)
    expect(second.prediction('q')).toEqual({ id: 'q', chosen: 2, held: 1 })
  })
})

test('a prediction can be changed until the first run has ended, and not after it', async () => {
  const exercise = await openExercise()
  exercise.predict('q', 0)
  exercise.predict('q', 1)
  exercise.noteEnd(ended(false, 0))
  exercise.predict('q', 0)
  expect(exercise.prediction('q')).toEqual({ id: 'q', chosen: 1, held: 0 })
  exercise.noteEnd(ended(true, 1))
  expect(exercise.prediction('q')).toEqual({ id: 'q', chosen: 1, held: 0 })
})

test('a question that was not answered before the run is decided without an answer', async () => {
  const exercise = await openExercise()
  exercise.noteEnd(ended(false, 0))
  exercise.predict('q', 0)
  expect(exercise.prediction('q')).toEqual({ id: 'q', chosen: undefined, held: 0 })
})

test('two tabs that note something lose nothing of each other', async () => {
  const store = memoryStore()
  const one = await openExercise(store)
  const other = await openExercise(store)
  one.noteGuess({ field: 'EFER', reason: 'a', isRight: false })
  other.noteGuess({ field: 'CR0', reason: 'b', isRight: true })
  await vi.waitFor(async () => {
    const fields = (await openExercise(store)).progress.value?.guesses.map(({ field }) => field)
    expect(fields?.sort()).toEqual(['CR0', 'EFER'])
  })
})

test('a record that is as full as one can be is read again after whatever is noted next', async () => {
  const full: LabProgress = {
    ...{ format: 1, title: 'Lab', attempts: 2 ** 53 - 1, firstAt: 1, lastAt: 1, met: [], goals: 1, hints: 0 },
    completedAt: 1,
    predictions: Array.from({ length: 500 }, (_, index) => ({ id: `p${index}`, chosen: 0 })),
    guesses: Array.from({ length: 500 }, (_, at) => ({ field: 'CR0', reason: '', isRight: false, at })),
  }
  const store = memoryStore()
  await store.save('lab-progress', KEY, full)
  const exercise = await openExercise(
    store,
    vi.fn(() => 999),
  )
  expect(exercise.progress.value).toEqual(full)
  exercise.predict('q', 1)
  exercise.noteGuess({ field: 'EFER', reason: 'SVME', isRight: true })
  exercise.noteEnd(ended(true, 1))
  await vi.waitFor(async () => {
    const stored = parseLabProgress(await store.load('lab-progress', KEY))
    expect(stored).toMatchObject({ attempts: 2 ** 53 - 1, completedAt: 1 })
    expect(stored?.guesses.at(-1)?.field).toBe('EFER')
    expect(stored?.predictions.at(-1)).toEqual({ id: 'q', chosen: 1, held: 1 })
  })
})

test('what cannot be kept is told, and that it can be again', async () => {
  const store = memoryStore()
  const kept: string[] = []
  const add = vi
    .fn(() => Promise.resolve())
    .mockRejectedValueOnce(new DOMException('full', 'QuotaExceededError'))
  const exercise = new Exercise(
    KEY,
    () => 1,
    (keeping) => kept.push(keeping),
  )
  await exercise.open(PAYLOAD.lab, { ...store, add })
  exercise.predict('q', 1)
  await vi.waitFor(() => expect(kept).toEqual(['full']))
  exercise.noteEnd(ended(false, 0))
  await vi.waitFor(() => expect(kept).toEqual(['full', 'lasting']))
})
