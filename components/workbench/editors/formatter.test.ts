import { globSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assemble } from '../../../emulator/isa/index.ts'
import { parseVmcbText } from '../../../emulator/lab/index.ts'
import { svmInclude } from '../../../emulator/svm/index.ts'
import { formatAssembly, formatText, formatVmcb } from './formatter.ts'

const LAB_TEXTS = globSync('content/labs/*/{start,solution}/*.{asm,vmcb}').map((path) => ({
  path,
  text: readFileSync(path, 'utf8'),
}))

test('labels, statements and comments stand in columns', () => {
  expect(
    formatAssembly(
      [
        '  org 0x10000',
        'start: mov  rax ,vmcb;the VMCB',
        '\tvmrun  ; enter',
        '      ; alone in its line',
        '; at the left',
        'quite_long: dq  1,2',
        'short: dq "a  b"',
      ].join('\n'),
    ),
  ).toBe(
    [
      '        org 0x10000',
      'start:  mov rax, vmcb           ;the VMCB',
      '        vmrun                   ; enter',
      '        ; alone in its line',
      '; at the left',
      'quite_long: dq 1, 2',
      'short:      dq "a  b"',
    ].join('\n'),
  )
})

test('a long line moves the comments of its neighbours, a very long one does not', () => {
  const long = `        mov rax, ${'a + '.repeat(4)}somewhere`
  expect(formatAssembly(`nop ; one\n${long} ; two`)).toBe(
    `${'        nop'.padEnd(48)}; one\n${long.padEnd(48)}; two`,
  )
  const veryLong = `        mov rax, ${'a + '.repeat(20)}somewhere`
  expect(formatAssembly(`nop ; one\n${veryLong}; two`)).toBe(
    `${'        nop'.padEnd(32)}; one\n${veryLong} ; two`,
  )
})

test('a .vmcb text has one form as well', () => {
  expect(formatVmcb('save.efer=svme,lme ;on\n\n  ; x\n;y\ncontrol.asid =  1')).toBe(
    'save.efer = svme, lme           ;on\n\n        ; x\n;y\ncontrol.asid = 1',
  )
})

test('the lines of a preprocessor and those that go on in the next are left alone', () => {
  const text = '%macro twice 1\n  %rep 2\n        %1\n  %endrep\n%endmacro\n        db 1, \\\n     2'
  expect(formatAssembly(text)).toBe(text)
})

describe.each(LAB_TEXTS)('$path', ({ path, text }) => {
  test('means the same, and is not changed again', () => {
    const formatted = formatText(path, text)
    expect(formatted.split('\n')).toHaveLength(text.split('\n').length)
    expect(formatText(path, formatted)).toBe(formatted)
    if (path.endsWith('.vmcb')) {
      const image = (source: string): Uint8Array => parseVmcbText(path, source, new Map()).image
      expect(image(formatted)).toEqual(image(text))
    } else {
      const bytes = (source: string): Uint8Array =>
        assemble({
          files: new Map([
            ['a', source],
            ['svm.inc', svmInclude()],
          ]),
          entry: 'a',
          bits: 64,
        }).bytes
      expect(bytes(formatted)).toEqual(bytes(text))
    }
  })
})

test('any text keeps its lines and everything but its white space', () => {
  const bare = (text: string): string => text.replaceAll(/\s/g, '')
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab1:,;=[%"\\ \t\n'.split('')) }), (text) => {
      for (const format of [formatAssembly, formatVmcb]) {
        const formatted = format(text)
        expect(formatted.split('\n')).toHaveLength(text.split('\n').length)
        expect(bare(formatted)).toBe(bare(text))
      }
    }),
  )
})
