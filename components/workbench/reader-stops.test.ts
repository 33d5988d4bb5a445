import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ReaderStop } from './protocol.ts'
import { ReaderStops } from './reader-stops.ts'
import { describeReaderStop } from './stop-text.ts'

const STOPS: readonly [string, ReaderStop][] = [
  ['line 6 of main.asm', { kind: 'line', file: 'main.asm', line: 6 }],
  ['instruction at guest', { kind: 'address', address: 'guest' }],
  ['any #VMEXIT', { kind: 'exit', name: undefined }],
  ['#VMEXIT(CPUID)', { kind: 'exit', name: 'cpuid' }],
  ['any exception', { kind: 'exception', vector: undefined }],
  ['exception #PF', { kind: 'exception', vector: 14 }],
  ['write of 8 bytes at vmcb + 8', { kind: 'memory', address: 'vmcb + 8', bytes: 8, access: 'write' }],
  ['write to save.rip of the VMCB at vmcb', { kind: 'field', vmcb: 'vmcb', field: 'save.rip' }],
  ['change of VM_HSAVE_PA of vCPU 1', { kind: 'register', name: 'vmHsavePa', processor: 1 }],
]

function reader(): ReaderStops {
  return new ReaderStops(() => undefined)
}

test.each(STOPS)('a stop is called "%s"', (name, stop) => {
  expect(describeReaderStop(stop)).toBe(name)
})

test('stops of every kind are kept, and whether they are on', () => {
  const before = reader()
  for (const [, stop] of STOPS) before.add(stop)
  before.setEnabled(before.entries.value[2].id, false)
  const after = reader()
  after.restore(JSON.parse(JSON.stringify(before.saved())))
  expect(JSON.stringify(after.saved())).toBe(JSON.stringify(before.saved()))
})

test('stored stops that make no sense are left out', () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (stored, stop) => {
      const stops = reader()
      stops.restore(stored)
      stops.restore([{ stop, isEnabled: true }, { stop: { kind: 'exit' } }])
      expect(stops.entries.value.at(-1)?.stop.kind).toBe('exit')
    }),
  )
})

test('breakpoints go with their lines, and two that meet become one', () => {
  const stops = reader()
  for (const line of [2, 3, 5]) stops.add({ kind: 'line', file: 'main.asm', line })
  stops.add({ kind: 'line', file: 'other.asm', line: 5 })
  stops.follow('main.asm', 'a\nb\nc\nd\ne', 'a\nc\nd\ne')
  expect(stops.enabled.value.map((stop) => stop.kind === 'line' && stop.line)).toEqual([2, 4, 5])
})
