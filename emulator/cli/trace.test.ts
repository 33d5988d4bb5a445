import { expect, it } from 'vitest'
import { assemble } from '../isa/index.ts'
import { Machine } from '../machine/index.ts'
import { UsageError } from './command.ts'
import { printEvents, TRACE_KINDS, traceKinds } from './trace.ts'

/** What a machine with caches says while it executes a program that begins at 10000h and halts. */
function trace(source: string, kinds: string): string[] {
  const { bytes } = assemble({
    files: new Map([['t.asm', `bits 64\norg 10000h\n${source}\nhlt`]]),
    entry: 't.asm',
  })
  const machine = new Machine({ ramBytes: 0x10_0000, caches: true })
  machine.start('long', 0x1_0000)
  machine.load(0x1_0000, bytes)
  const lines: string[] = []
  printEvents(machine, undefined, traceKinds(kinds), (line) => lines.push(line))
  machine.run(100)
  return lines
}

it('prints an instruction with its address and its text', () => {
  expect(trace('mov ebx, 5', 'instruction')[0]).toBe('       1  0  instruction   10000h  mov ebx, 5')
})

it('prints an access with all its addresses, its value and its type', () => {
  expect(trace('mov dword [8000h], 5', 'access')).toEqual([
    '       1  0  access        store of 4 at gVA 8000h, gPA 8000h, sPA 8000h: 5, WB',
  ])
})

it('prints what crosses the bus, with its cause', () => {
  expect(trace('mov dword [8000h], 5\nwbinvd', 'bus')).toEqual([
    '       1  0  bus           line-fill of 64 at 8000h (access)',
    '       2  0  bus           write-back of 64 at 8000h (flush)',
  ])
})

it('has a text for every kind of event', () => {
  const lines = trace('mov dword [8000h], 5\nint3', 'all')
  expect(lines.every((line) => !line.includes('undefined'))).toBe(true)
  expect(new Set(lines.map((line) => line.slice(13, 26).trim())).size).toBeGreaterThan(4)
})

it('names the kinds that there are when it is asked for another', () => {
  expect(traceKinds('all')).toEqual(TRACE_KINDS)
  expect(() => traceKinds('walk,exits')).toThrow(UsageError)
  expect(() => traceKinds('walk,exits')).toThrow("no 'exits'; there are: all, instruction, access")
})
