import { expect, test } from 'vitest'
import { definitionAt } from './definitions.ts'
import { foldAssembly, foldVmcb } from './folding.ts'

const TEXTS = {
  'main.asm': `limit   equ 5
%macro enter 1
        mov rax, %1
        vmrun
%endmacro
start:  mov ecx, limit
.loop:  enter vmcb
        loop .loop
        mov rdx, [rax + VMCB_SAVE_G_PAT]
        call other

; The second part.
second: jmp .loop
.loop:  hlt
vmcb:   resb 4096
`,
  'more.asm': 'other:  ret\n',
  'guest.vmcb': 'save.rip = second + 1\n\nsave.g_pat.pa1 = WB\nsave.rflags = 2\n',
}

/** The place of the last `word` in a line. */
function at(
  file: keyof typeof TEXTS,
  line: number,
  word: string,
): { file: string; line: number; column: number } {
  return { file, line, column: TEXTS[file].split('\n')[line - 1].lastIndexOf(word) + 2 }
}

test.each([
  ['a number', at('main.asm', 6, 'limit'), { file: 'main.asm', line: 1, column: 1 }],
  ['a macro', at('main.asm', 7, 'enter'), { file: 'main.asm', line: 2, column: 8 }],
  ['a label', at('main.asm', 7, 'vmcb'), { file: 'main.asm', line: 15, column: 1 }],
  ['a local label', at('main.asm', 8, '.loop'), { file: 'main.asm', line: 7, column: 1 }],
  ['a local label of the same name', at('main.asm', 13, '.loop'), { file: 'main.asm', line: 14, column: 1 }],
  ['a label of another file', at('main.asm', 10, 'other'), { file: 'more.asm', line: 1, column: 1 }],
  [
    'a symbol of the program in a .vmcb text',
    at('guest.vmcb', 1, 'second'),
    { file: 'main.asm', line: 13, column: 1 },
  ],
  [
    'a VMCB field: where it is set',
    at('main.asm', 9, 'VMCB_SAVE'),
    { file: 'guest.vmcb', line: 3, column: 1 },
  ],
])('the definition of %s', (_, place, definition) => {
  expect(definitionAt(TEXTS, place)).toEqual(definition)
})

test('a register, an unknown name and a blank have no definition', () => {
  for (const place of [
    at('main.asm', 3, 'rax'),
    { file: 'main.asm', line: 11, column: 1 },
    { file: 'x', line: 1 },
  ])
    expect(definitionAt(TEXTS, place)).toBeUndefined()
})

test('labels and blocks of the preprocessor fold, without what belongs to the next label', () => {
  expect(foldAssembly(TEXTS['main.asm'])).toEqual([
    { start: 2, end: 5 },
    { start: 6, end: 10 },
    { start: 13, end: 14 },
  ])
})

test('the paragraphs of a .vmcb text fold', () => {
  expect(foldVmcb('a = 1\nb = 2\n\nc = 3\n\nd = 4\ne = 5')).toEqual([
    { start: 1, end: 2 },
    { start: 6, end: 7 },
  ])
})
