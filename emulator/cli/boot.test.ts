import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { assemble } from '../isa/index.ts'

const command = fileURLToPath(new URL('../../bin/world-switch.mjs', import.meta.url))
const guests = fileURLToPath(new URL('../../bench/guests/elf', import.meta.url))

/** An ELF32 file of one segment at 1 MiB, with a multiboot header; the code follows. */
const HEAD = `
bits 32
org 100000h
file: db 7fh, "ELF", 1, 1, 1
      times 9 db 0
      dw 2, 3
      dd 1, start, load - file, 0, 0
      dw 52, 32, 1, 0, 0, 0
load: dd 1, 0, 100000h, 100000h, end - file, end - file, 7, 0
header: dd 1badb002h, 0, -1badb002h
start:
`

const KERNELS = {
  'exit.elf': 'mov eax, 10h\nout 0f4h, eax\nhlt',
  'triple.elf': 'lidt [nothing]\nud2\nnothing: dq 0',
  'halt.elf': 'cli\nhlt',
  'loop.elf': 'again: jmp again',
  // Prints its command line, then the first byte of its first module.
  'echo.elf': `
      mov esi, [ebx + 16]
      mov dx, 3f8h
    next: lodsb
      test al, al
      jz module
      out dx, al
      jmp next
    module:
      mov esi, [ebx + 24]
      mov esi, [esi]
      lodsb
      out dx, al
      xor eax, eax
      out 0f4h, al`,
} as const

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'world-switch-'))
  for (const [name, source] of Object.entries(KERNELS)) {
    const program = assemble({ files: new Map([[name, `${HEAD}${source}\nend:`]]), entry: name })
    expect(program.diagnostics).toEqual([])
    writeFileSync(join(folder, name), program.bytes)
  }
  writeFileSync(join(folder, 'module'), 'Module')
})

afterAll(() => {
  rmSync(folder, { recursive: true })
})

function boot(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, 'boot', ...args], {
    cwd: folder,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

describe('a kernel that runs', () => {
  test('ends the command with twice its code plus one', () => {
    expect(boot('exit.elf')).toEqual({ status: 0x21, stdout: '', stderr: '' })
  })

  test.each(['compile', 'evaluate'])('gets its name, the appended text and its modules (%s)', (executor) => {
    const result = boot('echo.elf', '--append', 'div=3 x', '--module', 'module', '--executor', executor)
    expect(result).toEqual({ status: 1, stdout: 'echo.elf div=3 xM', stderr: '' })
  })

  test('enters a guest through VMRUN a thousand times', () => {
    const result = boot(join(guests, 'svm_rt.elf'), '--memory', '256', '--append', 'div=1000', '--stats')
    expect(result.stdout).toMatch(/<< svm_rt iters=1000 .* ok=1\n== END/)
    expect(result.status).toBe(0x21)
    expect(result.stderr).toMatch(/\d+ instructions in .* MIPS, .* % of them in compiled code/)
  })
})

describe('a kernel that does not end by itself', () => {
  test('with a triple fault: 126 and the exceptions', () => {
    const result = boot('triple.elf')
    expect(result.status).toBe(126)
    expect(result.stderr).toMatch(/shutdown at rIP 10006[0-9A-F]h: #UD, then #GP/)
  })

  test('with HLT: 122', () => {
    const result = boot('halt.elf')
    expect(result.status).toBe(122)
    expect(result.stderr).toMatch(/nothing can wake/)
  })

  test('with an exhausted budget: 124', () => {
    expect(boot('loop.elf', '--max-instructions', '250000')).toMatchObject({
      status: 124,
      stderr: 'world-switch boot: the budget of 250000 instructions is used up\n',
    })
  })
})

describe('arguments that make no sense give a usage message and 2', () => {
  test.each([
    [[], /KERNEL is missing/],
    [['a', 'b'], /unexpected argument "b"/],
    [['exit.elf', '--memory', 'lots'], /--memory takes a whole number from 2 to 3072, not "lots"/],
    [['exit.elf', '--max-instructions', '0'], /--max-instructions takes/],
    [['exit.elf', '--executor', 'guess'], /--executor takes compile or evaluate, not "guess"/],
    [['exit.elf', '--cpu', 'default,-wings'], /--cpu: '-wings' is not/],
    [['exit.elf', '--fast'], /--fast/],
    [['exit.elf', '--append'], /--append/],
  ])('%j', (args, message) => {
    const { status, stderr } = boot(...args)
    expect(status).toBe(2)
    expect(stderr).toMatch(message)
    expect(stderr).toMatch(/Usage: world-switch boot KERNEL/)
  })
})

test.each([
  [['nowhere.elf'], /nowhere\.elf/],
  [['module'], /module: at file offset 0h: no multiboot header/],
  [['exit.elf', '--module', 'nowhere'], /nowhere/],
])('files that cannot be used give their name and 4: %j', (args, message) => {
  const { status, stderr } = boot(...args)
  expect(status).toBe(4)
  expect(stderr).toMatch(message)
})
