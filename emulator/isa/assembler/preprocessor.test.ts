import { describe, expect, it } from 'vitest'
import { assembleText, bytesOf, firstProblem, placesOf } from './assembler.fixture.ts'

describe('%define', () => {
  it('replaces names when they are used, so a later definition counts', () => {
    expect(bytesOf('%define a b\n%define b 1\ndb a\n%define b 2\ndb a')).toBe('0102')
  })

  it('replaces names at once with %xdefine', () => {
    expect(bytesOf('%define b 1\n%xdefine a b\n%define b 2\ndb a')).toBe('01')
  })

  it('takes parameters, which may hold commas in parentheses', () => {
    expect(bytesOf('%define pair(x, y) x, y\ndb pair(1, (2+3))')).toBe('0105')
  })

  it('does not expand a name inside itself', () => {
    expect(firstProblem('%define a a\ndb a')).toMatchObject({ code: 'undefined-symbol' })
  })

  it('says how many arguments are wanted', () => {
    expect(firstProblem('%define f(x) x\ndb f(1, 2)').message).toBe("'f' takes 1 arguments, 2 given")
  })

  it('counts with %assign', () => {
    expect(bytesOf('%assign i 5\n%assign i i*2-12\ndb i')).toBe('fe')
  })

  it('forgets with %undef', () => {
    expect(bytesOf('%define a\n%undef a\n%ifdef a\ndb 1\n%else\ndb 2\n%endif')).toBe('02')
  })
})

describe('%macro', () => {
  it('joins parameters with the text beside them', () => {
    expect(bytesOf('%macro m 1\nisr_%1: db %{1}h\n%endmacro\nm 10\ndw isr_10')).toBe('100000')
  })

  it('gives %% labels of each expansion names of their own', () => {
    expect(bytesOf('bits 64\n%macro m 0\n%%x: jmp %%x\n%endmacro\nm\nm')).toBe('ebfeebfe')
  })

  it('selects by the number of arguments and fills in defaults', () => {
    expect(
      bytesOf('%macro m 1-2 7\ndb %1, %2\n%endmacro\n%macro m 3\ndb %0\n%endmacro\nm 1\nm 1, 2\nm 1, 2, 3'),
    ).toBe('0107010203')
  })

  it('gathers the rest of the line in a greedy parameter', () => {
    expect(bytesOf('%macro m 2+\ndb %1\ndw %2\n%endmacro\nm 1, 2, 3')).toBe('0102000300')
  })

  it('may wrap the instruction of its own name', () => {
    expect(bytesOf('bits 64\n%macro push 2\npush %1\npush %2\n%endmacro\npush rax, rbx')).toBe('5053')
  })

  it('reports an error of the body at the invocation and names the line of the definition', () => {
    const problem = firstProblem('%include "m.inc"\n nop\n  bad 300', {
      'm.inc': '%macro bad 1\n nop\n db %1\n%endmacro',
    })
    expect(problem).toMatchObject({
      file: 'main.asm',
      line: 3,
      column: 7,
      endColumn: 10,
      code: 'value-out-of-range',
    })
    expect(problem.message).toContain("macro 'bad' at m.inc:3")
  })

  it('says where the macro is and what it takes when the count is wrong', () => {
    const { code, message } = firstProblem('%macro m 1-2\n%endmacro\nm 1, 2, 3')
    expect(code).toBe('wrong-argument-count')
    expect(message).toContain('1 to 2 (main.asm:1)')
  })

  it('ends in an error when it calls itself', () => {
    expect(placesOf('%macro m 0\nm\n%endmacro\n m')).toEqual(['4:2-3 recursive-macro'])
    expect(placesOf('%macro a 0\nb\n%endmacro\n%macro b 0\na\n%endmacro\na')).toEqual([
      '7:1-2 recursive-macro',
    ])
  })
})

describe('%rep', () => {
  it('repeats, nests and ends early', () => {
    expect(
      bytesOf(
        '%assign i 0\n%rep 9\n%if i = 3\n%exitrep\n%endif\n%rep 2\ndb i\n%endrep\n%assign i i+1\n%endrep',
      ),
    ).toBe('000001010202')
  })

  it('rotates the parameters of a macro', () => {
    expect(bytesOf('%macro m 1-*\n%rep %0\ndb %1\n%rotate 1\n%endrep\n%endmacro\nm 1, 2, 3')).toBe('010203')
  })

  it('ends in an error when it repeats too much', () => {
    expect(placesOf('%rep 1000000000\nnop\n%endrep')).toEqual(['1:1-5 expansion-too-large'])
    expect(placesOf('%rep 150000\n%rep 150000\n%assign i 0\n%endrep\n%endrep')[0]).toMatch(
      /expansion-too-large/,
    )
  })

  it('takes its body along when the count is wrong', () => {
    expect(placesOf('%rep -1\nbroken line\n%endrep')).toEqual(['1:1-5 value-out-of-range'])
  })
})

describe('conditions', () => {
  it('takes the first branch that holds', () => {
    const source = (n: number): string =>
      `n equ ${n}\n%if n < 2\ndb 1\n%elif n = 2\ndb 2\n%else\ndb 3\n%endif`
    expect([1, 2, 3].map((n) => bytesOf(source(n)))).toEqual(['01', '02', '03'])
  })

  it('does not look into branches that do not count', () => {
    expect(
      bytesOf("%if 0\n%if nonsense (\n%endif\ndb 'open\n%macro m\n%endif\n%else\n%endmacro\n%endif\ndb 1"),
    ).toBe('01')
  })

  it('knows numbers from equ, not labels', () => {
    expect(firstProblem('x:\n%if x > 5\n%endif')).toMatchObject({
      code: 'not-known-yet',
      line: 2,
      column: 5,
      endColumn: 6,
    })
    expect(firstProblem('%if ($-$$) > 510\n%endif').hint).toContain('times LIMIT-($-$$) db 0')
  })

  it.each([
    ['%if 1', '1:1-4 unbalanced-block'],
    ['%endif', '1:1-7 unbalanced-block'],
    ['%else', '1:1-6 unbalanced-block'],
    ['%rep 2\nnop', '1:1-5 unbalanced-block'],
    ['%endrep', '1:1-8 unbalanced-block'],
    ['%macro m 0\nnop', '1:1-7 unbalanced-block'],
    ['%exitrep', '1:1-9 unbalanced-block'],
  ])('names the block in %j', (source, place) => {
    expect(placesOf(source)).toEqual([place])
  })

  it('lets %exitrep leave a block whose outer condition an %endif inside it has closed', () => {
    expect(bytesOf('%if 1\n%rep 2\n%endif\ndb 7\n%exitrep\n%endrep\ndb 8')).toBe('0708')
  })

  it('reports what the author wants to say', () => {
    expect(firstProblem('%error too large: "x"')).toMatchObject({
      severity: 'error',
      code: 'user-error',
      message: 'too large : x',
    })
    expect(firstProblem('%warning look')).toMatchObject({ severity: 'warning', message: 'look' })
  })
})

describe('%include', () => {
  it('reads files from the map, and errors in them name the file', () => {
    expect(bytesOf('%include "a.inc"\ndb five', { 'a.inc': 'five equ 5' })).toBe('05')
    expect(firstProblem('%include "a.inc"', { 'a.inc': 'nop\ndb 256' })).toMatchObject({
      file: 'a.inc',
      line: 2,
      column: 4,
      endColumn: 7,
    })
  })

  it('suggests a name for a file that is not there', () => {
    expect(firstProblem('%include "smv.inc"', { 'svm.inc': '' })).toMatchObject({
      code: 'file-not-found',
      column: 10,
      hint: "did you mean 'svm.inc'?",
    })
  })

  it('ends in an error when a file includes itself', () => {
    const problem = firstProblem('%include "a"', { a: '%include "b"', b: '%include "a"' })
    expect(problem).toMatchObject({
      file: 'b',
      code: 'include-cycle',
      hint: 'the chain is main.asm -> a -> b -> a',
    })
  })
})

it('stops definitions that double in every step', () => {
  const lines = Array.from({ length: 60 }, (_, i) => `%define d${i + 1} d${i} d${i}`)
  expect(placesOf(`%define d0 1\n${lines.join('\n')}\ndb d60`)).toEqual(['62:4-7 expansion-too-large'])
  expect(assembleText(`%define d0 1\n${lines.join('\n')}`).diagnostics).toEqual([])
})
