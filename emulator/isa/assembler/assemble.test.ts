import { describe, expect, it } from 'vitest'
import { assemble } from './assemble.ts'
import { assembleText, bytesOf, firstProblem, placesOf } from './assembler.fixture.ts'

describe('symbols', () => {
  it('lists labels in full and equ numbers, but not the labels of macros', () => {
    const { symbols } = assembleText(
      'org 0x100\n%macro m 0\n%%x:\n%endmacro\nm\nmain: nop\n.loop:\nend equ $ - main\nfive equ 5',
    )
    expect(Object.fromEntries(symbols)).toEqual({ main: 0x100n, 'main.loop': 0x101n, end: 1n, five: 5n })
  })

  it('takes numbers from the caller', () => {
    const files = new Map([['a', 'db n']])
    expect(assemble({ files, entry: 'a', symbols: new Map([['n', 7n]]) }).bytes).toEqual(Uint8Array.of(7))
  })

  it('resolves equ that look ahead', () => {
    expect(bytesOf('a equ b + 1\nb equ c + 1\nc equ x - y\ny: nop\nx: db a')).toBe('9003')
  })

  it('keeps local labels apart', () => {
    expect(bytesOf('a:\n.x: nop\nb:\n.x: dw .x, a.x')).toBe('9001000000')
  })

  it('names the other place of a name defined twice', () => {
    expect(firstProblem('a:\nb:\na: nop')).toMatchObject({
      code: 'duplicate-symbol',
      line: 3,
      column: 1,
      endColumn: 2,
    })
    expect(firstProblem('a:\na:').message).toContain('main.asm:1')
  })

  it('suggests a name for one that is not defined', () => {
    expect(firstProblem('message: nop\ndw mesage')).toMatchObject({
      code: 'undefined-symbol',
      line: 2,
      column: 4,
      endColumn: 10,
      hint: "did you mean 'message'?",
    })
  })

  it('reports equ that go in a circle', () => {
    expect(placesOf('a equ b\nb equ a')).toEqual(['1:1-2 circular-definition', '2:1-2 circular-definition'])
  })

  it('reports a size that moves the symbol it depends on', () => {
    expect(placesOf('a: times 1 - (b - a) nop\nb:')).toMatchObject([expect.stringContaining('not-settled')])
  })
})

describe('ranges', () => {
  it.each([
    ['db 256', 'value-out-of-range', 4, 7],
    ['db -129', 'value-out-of-range', 4, 8],
    ['dw 0x10000', 'value-out-of-range', 4, 11],
    ['dd 1 << 32', 'value-out-of-range', 4, 11],
    ['dd 0xffffffffffffffff', 'value-out-of-range', 4, 22],
    ['mov al, 1000', 'value-out-of-range', 9, 13],
    ['mov eax, [byte ebx+200]', 'value-out-of-range', 10, 24],
    ['db 1/0', 'division-by-zero', 5, 6],
    ["dd 'abcdefghi' + 1", 'string-too-long', 4, 15],
    ['bits 8', 'value-out-of-range', 6, 7],
    ['align 3', 'value-out-of-range', 1, 6],
    ['resb -1', 'negative-count', 6, 8],
    ['jmp 0x12345:0', 'value-out-of-range', 5, 14],
  ])('finds %s', (source, code, column, endColumn) => {
    expect(firstProblem(source)).toMatchObject({ code, line: 1, column, endColumn, severity: 'error' })
  })

  it('takes the last values that fit', () => {
    expect(bytesOf('db 255, -128\ndw 0xffff, -0x8000\ndq 0xffffffffffffffff')).toBe(
      'ff80ffff0080ffffffffffffffff',
    )
  })

  it('reports a short jump that does not reach', () => {
    expect(firstProblem('jmp short x\ntimes 200 nop\nx:')).toMatchObject({
      code: 'branch-out-of-range',
      line: 1,
      column: 5,
    })
  })

  it('names the count of times that ends below zero', () => {
    const problem = firstProblem('nop\ntimes 510 nop\ntimes 510-($-$$) db 0')
    expect(problem).toMatchObject({ code: 'negative-count', line: 3, column: 7 })
    expect(problem.message).toContain('-1')
  })

  it.each([
    'times 1000000000 db 0',
    'times 0x7fffffffffffffff dq 0',
    'resb 1 << 40',
    'align 1 << 30\nnop\nalign 1 << 30',
  ])('limits the output of %j', (source) => {
    expect(firstProblem(source).code).toBe('output-too-large')
  })

  it('lets the caller set the limit', () => {
    const files = new Map([['a', 'times 513 nop']])
    expect(assemble({ files, entry: 'a', maxBytes: 512 }).diagnostics[0]).toMatchObject({
      code: 'output-too-large',
      message: 'here the program grows beyond 512 bytes',
    })
    expect(assemble({ files, entry: 'a', maxBytes: 513 }).bytes.length).toBe(513)
  })
})

describe('diagnostics', () => {
  it('reports all errors of a file in order, and no bytes', () => {
    const { bytes, lines, diagnostics } = assembleText('mvo eax, 1\nmov eax\ndb 300\nadd al, x\njmp [\nnop')
    expect(diagnostics.map((d) => [d.line, d.code])).toEqual([
      [1, 'unknown-mnemonic'],
      [2, 'no-such-form'],
      [3, 'value-out-of-range'],
      [4, 'undefined-symbol'],
      [5, 'expression-expected'],
    ])
    expect([bytes.length, lines.length]).toEqual([0, 0])
  })

  it.each([
    ['mvo eax, 1', "did you mean 'mov'?"],
    ['vmrum', "did you mean 'vmrun'?"],
    ['sectoin .text', "did you mean 'section'?"],
    ['section .txt', "did you mean '.text'?"],
    ['%defin x', "did you mean '%define'?"],
    ['mov eax, dword ptr [ebx]', "write 'dword [x]'"],
    ['mov ax, es:[bx]', "write '[es:...]'"],
    ['extern x', 'a flat binary is not linked'],
    ['incbin "x"', "'db'"],
  ])('helps with %s', (source, hint) => {
    expect(firstProblem(source).hint).toContain(hint)
  })

  it('points at the operand that does not fit the instruction', () => {
    expect(firstProblem('  bits 64\n  add rax, 0x123456789a')).toMatchObject({
      line: 2,
      column: 12,
      endColumn: 24,
      code: 'value-out-of-range',
    })
  })

  it('points at the second line of a line that goes on', () => {
    expect(placesOf('db 1, \\\n   300')).toEqual(['2:4-7 value-out-of-range'])
  })

  it('warns of a name alone on a line and takes it as a label', () => {
    expect(firstProblem('start\ndw start')).toMatchObject({
      severity: 'warning',
      code: 'label-without-colon',
    })
  })

  it.each([
    ['mov eax: 5', 'syntax-error'],
    ['mov eax, [rax+ebx]', 'invalid-address'],
    ['mov eax, [eax-ebx]', 'invalid-address'],
    ['mov eax, [eax*7]', 'invalid-address'],
    ['mov eax, [esp*2+eax]', 'invalid-address'],
    ['mov eax, ebx+1', 'unexpected-text'],
    ['rax: nop', 'reserved-name'],
    ['mov: nop', 'reserved-name'],
    ['org 5\norg 6', 'duplicate-org'],
    ['org x\nx:', 'not-constant'],
    ['times 2 times 3 nop', 'syntax-error'],
    ['times 2 bits 64', 'syntax-error'],
    ['section .bss\ndb 5', 'data-in-bss'],
    ['section .text vstart=5', 'unsupported'],
    ['db 1.5', 'invalid-token'],
    ['mov eax, seg x', 'unsupported'],
    ['push al, byte word 5', 'syntax-error'],
    ['nop 5 5', 'unexpected-text'],
    ['call short x\nx:', 'no-such-form'],
    ['mov rax, [rel rbx]', 'invalid-address'],
    ['lock nop', 'prefix-not-allowed'],
    ['mov [eax], 5', 'operand-size-unknown'],
  ])('has a code for %j', (source, code) => {
    expect(firstProblem(source).code).toBe(code)
  })

  it('reports a missing entry file', () => {
    const { diagnostics } = assemble({ files: new Map([['a', '']]), entry: 'b' })
    expect(diagnostics).toMatchObject([{ file: 'b', line: 1, code: 'file-not-found' }])
  })
})

describe('the map from lines to bytes', () => {
  it('has address, offset, length and kind of each statement', () => {
    const { lines, origin } = assembleText('org 0x7c00\nx: nop\ndw 1, 2\n\nresb 3\nsection .bss\ny: resq 1')
    expect(origin).toBe(0x7c00n)
    expect(lines).toEqual([
      { file: 'main.asm', line: 2, address: 0x7c00n, offset: 0, length: 1, kind: 'instruction', bits: 16 },
      { file: 'main.asm', line: 3, address: 0x7c01n, offset: 1, length: 4, kind: 'data', bits: undefined },
      { file: 'main.asm', line: 5, address: 0x7c05n, offset: 5, length: 3, kind: 'reserve', bits: undefined },
      { file: 'main.asm', line: 7, address: 0x7c08n, offset: 8, length: 8, kind: 'reserve', bits: undefined },
    ])
  })

  it('gives the lines of a macro the line of its invocation', () => {
    const { lines } = assembleText('%macro m 0\nnop\nnop\n%endmacro\nnop\nm')
    expect(lines.map((l) => [l.line, l.offset])).toEqual([
      [5, 0],
      [6, 1],
      [6, 2],
    ])
  })
})

describe('the layout', () => {
  it('keeps branches short where they reach and grows the others, whatever the order', () => {
    const chain = Array.from({ length: 40 }, (_, i) => `jmp l${i}`).join('\n')
    const targets = Array.from({ length: 40 }, (_, i) => `l${i}: times 5 nop`).join('\n')
    const { bytes, lines } = assembleText(`bits 32\n${chain}\n${targets}`)
    expect(lines.filter((l) => l.kind === 'instruction' && l.length === 5).length).toBeGreaterThan(0)
    for (const { offset, length } of lines.slice(0, 40)) {
      const view = new DataView(bytes.buffer)
      const target =
        offset + length + (length === 2 ? view.getInt8(offset + 1) : view.getInt32(offset + 1, true))
      expect(bytes[target]).toBe(0x90)
    }
  })

  it('starts in 16-bit code unless told otherwise', () => {
    expect(bytesOf('mov eax, 1')).toBe('66b801000000')
    expect(assemble({ files: new Map([['a', 'mov eax, 1']]), entry: 'a', bits: 64 }).bytes[0]).toBe(0xb8)
  })

  it('puts .data and .bss behind .text', () => {
    const { symbols, bytes } = assembleText(
      'section .bss\nb: resb 4\nsection .data\nd: db 1\nsection .text\nnop',
    )
    expect(Object.fromEntries(symbols)).toEqual({ b: 8n, d: 4n })
    expect([...bytes]).toEqual([0x90, 0, 0, 0, 1])
  })

  it('assembles hundreds of equ lines from an include file', () => {
    const fields = Array.from({ length: 500 }, (_, i) => `VMCB_FIELD_${i} equ ${i * 8}`).join('\n')
    expect(
      bytesOf('bits 64\n%include "svm.inc"\nmov dword [rax + VMCB_FIELD_204], VMCB_FIELD_1', {
        'svm.inc': fields,
      }),
    ).toBe('c7806006000008000000')
  })
})
