import { describe, expect, it } from 'vitest'
import { lexFile, tokenize } from './lexer.ts'

const kinds = (text: string): string[] => tokenize(text).map((t) => `${t.kind} ${t.text}`)
const value = (text: string): bigint | string => {
  const [token] = tokenize(text)
  return token.kind === 'number' ? token.value : token.problem
}

describe('tokens', () => {
  it('gives a highlighter every part of a line, the comment included', () => {
    expect(kinds('.x: mov eax, [rbx+4] ; load')).toEqual([
      'identifier .x',
      'operator :',
      'identifier mov',
      'identifier eax',
      'operator ,',
      'operator [',
      'identifier rbx',
      'operator +',
      'number 4',
      'operator ]',
      'comment ; load',
    ])
  })

  it('counts columns from 1, the end being the column after the last character', () => {
    expect(tokenize('  db 10').map((t) => [t.column, t.endColumn])).toEqual([
      [3, 5],
      [6, 8],
    ])
  })

  it('tells directives, parameters and macro labels from the remainder operators', () => {
    expect(kinds('%define %1 %{2} %%x 5 % 3 %% 2')).toEqual([
      'directive %define',
      'parameter 1',
      'parameter 2',
      'local x',
      'number 5',
      'operator %',
      'number 3',
      'operator %%',
      'number 2',
    ])
  })

  it('reads $name as a name that is never a keyword, $ and $$ as positions', () => {
    const [name, here, start] = tokenize('$eax $ $$')
    expect([name.kind, name.text, name.lower]).toEqual(['identifier', 'eax', '$eax'])
    expect([here.kind, start.kind]).toEqual(['operator', 'operator'])
  })

  it('knows escapes in back quotes only', () => {
    expect(tokenize("`a\\n\\x41\\0` 'a\\n'").map((t) => t.text)).toEqual(['a\nA\0', 'a\\n'])
  })

  it('calls a string without its closing quote invalid', () => {
    expect(tokenize("db 'abc").at(-1)).toMatchObject({ kind: 'invalid', column: 4, endColumn: 8 })
  })

  it('joins lines that end in a backslash and keeps each token on its own line', () => {
    const [line] = lexFile('f', 'db 1, \\\n  2')
    expect(line.tokens.map((t) => [t.text, t.line])).toEqual([
      ['db', 1],
      ['1', 1],
      [',', 1],
      ['2', 2],
    ])
  })
})

describe('numbers', () => {
  it.each([
    ['0x1F', 0x1fn],
    ['0h1f', 0x1fn],
    ['1fh', 0x1fn],
    ['$1f', 0x1fn],
    ['0b101', 5n],
    ['101b', 5n],
    ['0y101', 5n],
    ['0o17', 15n],
    ['17o', 15n],
    ['17q', 15n],
    ['0d17', 17n],
    ['17d', 17n],
    ['1_000', 1000n],
    ['0bh', 0x0bn],
    ['0xffff_ffff_ffff_ffff', 0xffffffffffffffffn],
  ])('reads %s', (text, expected) => {
    expect(value(text)).toBe(expected)
  })

  it.each([
    ['1.5', 'floating-point'],
    ['1e5', 'floating-point'],
    ['12x', 'not a number of base 10'],
    ['0b12', 'not a number of base 2'],
    ['0x10000000000000000', 'does not fit 64 bits'],
  ])('rejects %s', (text, reason) => {
    expect(value(text)).toContain(reason)
  })
})
