import { expect, test } from 'vitest'
import { checkLab } from './check.ts'
import { editedLab } from './lab.fixture.ts'
import { parseLab } from './parse.ts'
import { judgePredictions } from './predictions.ts'
import { LabSession } from './session.ts'

function labWith(answers: string): Map<string, string> {
  return editedLab(
    'lab.yaml',
    'hints:\n',
    `predict:\n  - id: rax\n    ask: What is in RAX?\n    answers:\n${answers}hints:\n`,
  )
}

const EIGHT = '      - { text: 8, when: [{ vmcb: { at: vmcb, field: save.rax, equals: 8 } }] }\n'
const ANSWER = "      - { text: '42', when: [{ vmcb: { at: vmcb, field: save.rax, equals: 42 } }] }\n"
const OTHER = '      - { text: something else, when: [{ vmcb: { at: vmcb, field: save.rax, not: 42 } }] }\n'

test('the machine says which answer came true', () => {
  const { lab, start, solution } = parseLab('test', labWith(ANSWER + OTHER))
  if (lab === undefined) throw new Error('the lab cannot be read')
  const held = [start, new Map([...start, ...solution])].map((texts) => {
    const session = new LabSession(lab)
    session.reset(session.build(texts))
    session.run()
    return judgePredictions(lab, session.outcome())
  })
  expect(held).toEqual([[{ id: 'rax', held: 1 }], [{ id: 'rax', held: 0 }]])
})

function checkOf(answers: string): boolean | undefined {
  const { results } = checkLab('test', labWith(answers))
  return results.find(({ name }) => name.includes('answer of each question'))?.passed
}

test('lab check wants exactly one answer to come true for the start', () => {
  expect(checkOf(ANSWER + OTHER)).toBe(true)
  expect(checkOf(ANSWER + EIGHT.replace('text: 8', "text: '8'"))).toBe(false)
  expect(checkOf(OTHER + OTHER)).toBe(false)
})
