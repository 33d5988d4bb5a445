import { expect, test } from 'vitest'
import { errorReport, type ErrorReport } from './error-report.ts'

const REPORT: ErrorReport = {
  link: 'https://the.book/lab/smallest-vmcb/#lab-smallest-vmcb=1.abc',
  lab: 'smallest-vmcb',
  build: '0.1.0, revision 1a2b3c4d5e6f',
  browser: 'A browser',
  result: 'Ended. Last exit: INVALID. 0 of 2 goals met.',
  problems: [],
  failure: '',
}

test('a report has room for words, and what others need to see the same', () => {
  const text = errorReport(REPORT)
  expect(text).toContain('What I expected:\n')
  for (const part of [REPORT.link, REPORT.build, REPORT.browser, REPORT.result]) expect(text).toContain(part)
  expect(text).not.toContain('The machine stopped')
})

test('a report has the first problems of the texts, and what a crash said', () => {
  const problems = Array.from({ length: 8 }, (_, n) => `main.asm:${n + 1}: unknown`)
  const text = errorReport({ ...REPORT, problems, failure: 'out of memory' })
  expect(text.match(/^Problem: /gm)).toHaveLength(6)
  expect(text).toContain('Problem: and 3 more')
  expect(text).toContain('The machine stopped: out of memory')
})

test('before anything was run the report says so', () => {
  expect(errorReport({ ...REPORT, result: '' })).toContain('Last result: nothing was run')
})
