/** Whatever the text, the assembler returns: no exception, diagnostics inside the source, and soon (the test's time limit). */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { directives } from './directives.ts'
import { operandKeywords } from './operands.ts'
import { registerNames } from './register-names.ts'
import { samplePrograms } from './sample-programs.ts'
import { assembleText } from './assembler.fixture.ts'

function checkSurvives(source: string): void {
  const { bytes, lines, diagnostics } = assembleText(source)
  const text = source.split('\n')
  for (const { line, column, endColumn, code, message } of diagnostics) {
    expect(text[line - 1]).toBeDefined()
    expect(column).toBeGreaterThanOrEqual(1)
    expect(endColumn).toBeGreaterThanOrEqual(column)
    expect(endColumn).toBeLessThanOrEqual(text[line - 1].length + 1)
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/)
    expect(message).not.toBe('')
  }
  if (diagnostics.some((d) => d.severity === 'error')) {
    expect([bytes.length, lines.length]).toEqual([0, 0])
  } else {
    for (const { offset, length, kind } of lines) {
      if (kind !== 'reserve') expect(offset + length).toBeLessThanOrEqual(bytes.length)
    }
  }
}

/** Words of the language in any order: much more of it parses than of random characters. */
const words = [
  ...directives,
  ...operandKeywords,
  ...registerNames,
  'mov',
  'add',
  'jmp',
  'jz',
  'call',
  'lea',
  'push',
  'int',
  'vmrun',
  'rep',
  'lock',
  'movsb',
  'o16',
  'a32',
  'a',
  'b',
  '.c',
  '%1',
  '%0',
  '%%x',
  '%+',
  '%{2}',
  '$',
  '$$',
  '?',
  "'ab'",
  '"',
  '`\\n`',
  '0',
  '1',
  '-1',
  '300',
  '0x7fffffffffffffff',
  '0xffffffffffffffff',
  '1.5',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  ',',
  ':',
  '+',
  '-',
  '*',
  '/',
  '%',
  '<<',
  '>>>',
  '~',
  '!',
  '=',
  '&&',
  '||',
  ';',
  '\\',
  '\n',
  '\n',
  '\n',
  '\n',
]
const wordSoup = fc.array(fc.constantFrom(...words), { maxLength: 120 }).map((list) => list.join(' '))

/** A valid program with a few lines deleted, doubled, exchanged, or characters changed. */
const mutation = fc.oneof(
  fc.record({ kind: fc.constant('delete' as const), at: fc.nat() }),
  fc.record({ kind: fc.constant('double' as const), at: fc.nat() }),
  fc.record({ kind: fc.constant('exchange' as const), at: fc.nat(), with: fc.nat() }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: fc.nat(),
    text: fc.oneof(fc.string(), fc.constantFrom(...words)),
  }),
)
const mutatedProgram = fc
  .record({
    program: fc.constantFrom(...samplePrograms),
    mutations: fc.array(mutation, { minLength: 1, maxLength: 6 }),
  })
  .map(({ program, mutations }) => {
    let text = program.source
    for (const m of mutations) {
      if (m.kind === 'insert') {
        const at = m.at % (text.length + 1)
        text = text.slice(0, at) + m.text + text.slice(at)
        continue
      }
      const lines = text.split('\n')
      const at = m.at % lines.length
      if (m.kind === 'delete') lines.splice(at, 1)
      else if (m.kind === 'double') lines.splice(at, 0, lines[at])
      else {
        const other = m.with % lines.length
        ;[lines[at], lines[other]] = [lines[other], lines[at]]
      }
      text = lines.join('\n')
    }
    return text
  })

describe('the assembler survives', () => {
  it('random characters', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), checkSurvives), { numRuns: 500 })
  })

  it('words of the language in any order', () => {
    fc.assert(fc.property(wordSoup, checkSurvives), { numRuns: 1000 })
  })

  it('valid programs with random changes', () => {
    fc.assert(fc.property(mutatedProgram, checkSurvives), { numRuns: 300 })
  })

  it.each([
    ['deep parentheses', `db ${'('.repeat(50_000)}`],
    ['long sums of symbols', `db ${'x+'.repeat(50_000)}x\nx:`],
    ['long chains of signs', `db ${'-'.repeat(50_000)}1`],
    ['a very long name', `${'a'.repeat(100_000)}: jmp ${'a'.repeat(99_999)}`],
    ['a very long number', `dq ${'9'.repeat(100_000)}`],
    ['many errors', 'mvo eax, 1\n'.repeat(5000)],
    ['many undefined symbols', Array.from({ length: 5000 }, (_, i) => `dd symbol${i}`).join('\n')],
    [
      'a chain of equ in reverse order',
      Array.from({ length: 500 }, (_, i) => `e${i} equ e${i + 1}`).join('\n') + '\ne500:',
    ],
    ['repetition of branches', 'times 0x7fffffff jmp x\nx:'],
    ['a huge reservation in .bss', 'section .bss\nresq 1 << 62\nresq 1 << 62'],
    ['carriage returns', 'nop\r\ndb 5\r\n; comment\r\n'],
  ])('%s', (_, source) => checkSurvives(source))
})
