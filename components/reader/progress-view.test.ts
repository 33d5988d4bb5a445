import { expect, test } from 'vitest'
import { labRows, quizRows, type Contents } from './progress-view.ts'
import type { LabProgress } from './records.ts'

const CONTENTS: Contents = {
  labs: [{ slug: 'x', key: 'x:2', title: 'Lab X', goals: 2, path: '/chapters/vmrun/#lab-x' }],
  quizzes: [{ title: 'VMRUN', path: '/chapters/vmrun/', questions: 2 }],
}
const PROGRESS: LabProgress = {
  ...{ format: 1, title: 'Lab X', attempts: 3, firstAt: 1, lastAt: 9, met: ['a'], goals: 2, hints: 0 },
  ...{ predictions: [], guesses: [] },
}

test('a lab without a record is not begun', () => {
  expect(labRows(CONTENTS, {})[0]).toMatchObject({ state: 'new', attempts: 0 })
})

test('a lab is begun with its goals counted, and done once all were met', () => {
  expect(labRows(CONTENTS, { 'x:2': PROGRESS })[0]).toMatchObject({ state: 'begun', summary: '1 of 2 goals' })
  expect(labRows(CONTENTS, { 'x:2': { ...PROGRESS, completedAt: 5 } })[0]).toMatchObject({ state: 'done' })
})

test('the newest record of another version counts where there is none of this one, and is said to be old', () => {
  const records = { 'x:0': PROGRESS, 'x:1': { ...PROGRESS, lastAt: 20, attempts: 8 }, 'y:1': PROGRESS }
  expect(labRows(CONTENTS, records)[0]).toMatchObject({ isOld: true, attempts: 8 })
})

test('answers are counted by chapter, never more than there are questions', () => {
  const answer = { format: 1 as const, question: '?', page: 'VMRUN', first: 'a', isRight: true, at: 1 }
  const here = { ...answer, path: '/chapters/vmrun/' }
  const records = {
    a: here,
    b: { ...here, isRight: false },
    c: here,
    d: { ...answer, path: '/chapters/gpat/' },
  }
  expect(quizRows(CONTENTS, records)).toEqual([
    { title: 'VMRUN', path: '/chapters/vmrun/', questions: 2, answered: 2, right: 2 },
  ])
})
