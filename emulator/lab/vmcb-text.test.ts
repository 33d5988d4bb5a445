import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findField, readField } from '../svm/index.ts'
import { parseVmcbText } from './vmcb-text.ts'

const symbols = new Map([['guest', 0x1_0040n]])

function field(text: string, key: string): bigint {
  const { image, diagnostics } = parseVmcbText('guest.vmcb', text, symbols)
  expect(diagnostics).toEqual([])
  return readField(new DataView(image.buffer), findField(key)!)
}

function problem(text: string): {
  line: number
  column: number
  endColumn: number
  code: string
  hint: string
} {
  const { diagnostics } = parseVmcbText('guest.vmcb', text, symbols)
  expect(diagnostics).toHaveLength(1)
  return diagnostics[0]
}

describe('a .vmcb text', () => {
  it('sets a field to a number and leaves the rest zero', () => {
    const { image } = parseVmcbText('guest.vmcb', 'save.g_pat = 0x0007040600070406', symbols)
    expect(new DataView(image.buffer).getBigUint64(0x668, true)).toBe(0x0007040600070406n)
    expect(image.filter((byte) => byte !== 0)).toHaveLength(6)
  })

  it('spreads named intercepts over the intercept vectors', () => {
    const text = 'control.intercepts = vmrun, vmmcall, hlt, cr3_write, excp14'
    expect(field(text, 'control.intercept_vector_4')).toBe(3n)
    expect(field(text, 'control.intercept_vector_3')).toBe(1n << 24n)
    expect(field(text, 'control.intercept_vector_0')).toBe(1n << 19n)
    expect(field(text, 'control.intercept_vector_2')).toBe(1n << 14n)
  })

  it('joins single bits by name', () => {
    expect(field('save.efer = svme, lme, lma', 'save.efer')).toBe(0x1500n)
  })

  it('sets bits of a field and leaves its other bits alone', () => {
    const text = 'control.nested_control.np_enable = 1\ncontrol.nested_control.gmet_enable = 1'
    expect(field(text, 'control.nested_control')).toBe(0b1001n)
  })

  it('takes symbols of the program, comments and blank lines', () => {
    expect(field('; where it starts\n\nsave.rip = guest + 4 ; second instruction', 'save.rip')).toBe(
      0x1_0044n,
    )
  })

  it('knows where an assignment and its value stand', () => {
    const { assignments } = parseVmcbText('guest.vmcb', '  control.asid = 1 ; host is 0', symbols)
    expect(assignments[0]).toMatchObject({ line: 1, nameColumn: 3, valueColumn: 18, endColumn: 19 })
  })

  const wrong: [string, string, string, number, number][] = [
    ['a field that does not exist', 'save.gpat = 1', 'unknown-field', 1, 10],
    ['an intercept that does not exist', 'control.intercepts = vmrun, vmmcal', 'unknown-intercept', 29, 35],
    ['a value that does not fit', 'save.cpl = 256', 'value-out-of-range', 12, 15],
    ['a symbol that the program lacks', 'save.rip = gest', 'bad-value', 12, 16],
    ['a number in a list of bits', 'save.efer = svme, 2', 'number-in-list', 19, 20],
    ['a line without a value', 'save.cr0', 'not-an-assignment', 1, 9],
    ['a comma too many', 'save.efer = svme,, lme', 'empty-list-item', 18, 19],
  ]
  for (const [what, text, code, column, endColumn] of wrong) {
    it(`reports ${what} at its columns`, () => {
      expect(problem(text)).toMatchObject({ line: 1, code, column, endColumn })
    })
  }

  it('suggests the field that was meant', () => {
    expect(problem('save.gpat = 1').hint).toContain('save.g_pat')
  })

  it('reports a field that is set twice, bits included', () => {
    expect(problem('save.cr0 = 1\nsave.cr0 = 2')).toMatchObject({ line: 2, code: 'set-twice' })
    expect(problem('control.nested_control = 1\ncontrol.nested_control.np_enable = 0').code).toBe('set-twice')
  })

  it('reports every wrong line and keeps what the others say', () => {
    const { image, diagnostics } = parseVmcbText(
      'x',
      'control.asid = q\ncontrol.asid = 3\nsave.nope = 1',
      symbols,
    )
    expect(diagnostics.map(({ line }) => line)).toEqual([1, 3])
    expect(image[0x58]).toBe(3)
  })

  it('never throws, whatever the text is, and every diagnostic lies within it', () => {
    const words = fc.constantFrom(
      'save.',
      'control.',
      'g_pat',
      'intercepts',
      '=',
      ',',
      ';',
      '\n',
      ' ',
      '0x',
      'np_enable',
      'vmrun',
      '-',
      '+',
      'h',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words).map((parts) => parts.join('')),
        ),
        (text) => {
          const { diagnostics } = parseVmcbText('x', text, symbols)
          const lines = text.split(/\r?\n/)
          for (const { line, column, endColumn } of diagnostics) {
            expect(line).toBeLessThanOrEqual(lines.length)
            expect(column).toBeGreaterThanOrEqual(1)
            expect(endColumn).toBeGreaterThan(column)
            expect(column).toBeLessThanOrEqual(lines[line - 1].length + 1)
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})
