import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { editedLab, labFiles } from './lab.fixture.ts'
import { parseLab } from './parse.ts'

describe('reading a lab', () => {
  it('returns the lab, its variants and its texts, the solution laid over the start', () => {
    const { lab, variants, start, solution, diagnostics } = parseLab('new', labFiles())
    expect(diagnostics).toEqual([])
    expect(lab?.slug).toBe('new')
    expect(lab?.machine).toEqual({
      start: 'long',
      memory: 16,
      cpu: 'default',
      cpus: 1,
      seed: 0,
      caches: false,
    })
    expect(variants).toHaveLength(3)
    expect(solution.get('guest.vmcb')).toBe(start.get('guest.vmcb'))
    expect(solution.get('main.asm')).not.toBe(start.get('main.asm'))
  })

  const wrong: [string, Map<string, string>, { file: string; code: string; line?: number }, RegExp][] = [
    ['no lab.yaml', new Map(), { file: 'lab.yaml', code: 'missing-file' }, /no lab\.yaml/],
    [
      'YAML that does not parse',
      labFiles({ 'lab.yaml': 'title: [' }),
      { file: 'lab.yaml', code: 'yaml', line: 1 },
      /./,
    ],
    [
      'a missing title',
      editedLab('lab.yaml', 'title: A new lab\n', ''),
      { file: 'lab.yaml', code: 'schema' },
      /title/,
    ],
    [
      'an unknown key',
      editedLab('lab.yaml', 'minutes: 5', 'minutes: 5\ncolour: red'),
      { file: 'lab.yaml', code: 'schema' },
      /colour/,
    ],
    [
      'a text that YAML ends at #VMEXIT',
      editedLab('lab.yaml', 'title: A new lab', 'title: Behind the #VMEXIT'),
      { file: 'lab.yaml', code: 'cut-text' },
      /"#VMEXIT" is taken for a comment/,
    ],
    [
      'minutes that are no number',
      editedLab('lab.yaml', 'minutes: 5', 'minutes: soon'),
      { file: 'lab.yaml', code: 'schema', line: 6 },
      /minutes/,
    ],
    [
      'a format of the future',
      editedLab('lab.yaml', 'format: 1', 'format: 2'),
      { file: 'lab.yaml', code: 'schema', line: 1 },
      /format/,
    ],
    [
      'a condition that does not exist',
      editedLab('lab.yaml', '- exits: [vmmcall]', '- exist: [vmmcall]'),
      { file: 'lab.yaml', code: 'schema' },
      /goals/,
    ],
    [
      'a listed file that is not there',
      editedLab('lab.yaml', 'name: main.asm', 'name: other.asm'),
      { file: 'lab.yaml', code: 'missing-file' },
      /start\/other\.asm/,
    ],
    [
      'a path that leaves the folder',
      editedLab('lab.yaml', 'name: main.asm', 'name: ../main.asm'),
      { file: 'lab.yaml', code: 'schema' },
      /plain file name/,
    ],
    [
      'a .vmcb file without a symbol',
      editedLab('lab.yaml', '    symbol: vmcb\n', ''),
      { file: 'lab.yaml', code: 'vmcb-symbol' },
      /guest\.vmcb/,
    ],
    [
      'a variant that fails no known goal',
      editedLab('variants.yaml', 'fails: [answer]', 'fails: [answers]'),
      { file: 'variants.yaml', code: 'unknown-goal' },
      /answers/,
    ],
  ]
  for (const [what, files, expected, message] of wrong) {
    it(`names file, line and rule for ${what}`, () => {
      const { lab, diagnostics } = parseLab('new', files)
      expect(lab).toBeUndefined()
      expect(diagnostics[0]).toMatchObject(expected)
      expect(diagnostics[0].message).toMatch(message)
    })
  }

  it('refuses aliases, which can stand for more data than memory holds', () => {
    const bomb = 'a: &a [1]\nb: &b [*a, *a]\ntitle: *b\n'
    expect(parseLab('new', labFiles({ 'lab.yaml': bomb })).diagnostics[0].message).toMatch(/alias/i)
  })

  it('never throws, whatever lab.yaml is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(parseLab('new', labFiles({ 'lab.yaml': text })).lab).toBeUndefined()
      }),
      { numRuns: 200 },
    )
  })
})
