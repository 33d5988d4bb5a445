/** VMLOAD and VMSAVE in a guest, with their virtualization and without (APM vol 2 §15.33.1). */
import { describe, expect, test } from 'vitest'
import { findField, readField, VMCB_BYTES } from '../svm/index.ts'
import { loadWords, mapNestedPages, NESTED_PAGING, runGuest, type GuestRun } from './guest.fixture.ts'

/** The guest's own VMCB: its address, and the page where nested paging puts that address. */
const OWN = 0x7_0000
const MAPPED = 0x7_1000
const LSTAR = 0x600 + 8
const VIRTUALIZED = { ...NESTED_PAGING, 'control.virtualization_extensions': 2n }

/** LSTAR is 1111h at OWN and 2222h at MAPPED; the nested tables map OWN to MAPPED with `flags`. */
function run(code: string, changes: Readonly<Record<string, bigint>>, flags = 7n): GuestRun {
  return runGuest(code, changes, (machine) => {
    mapNestedPages(machine, { [OWN >> 12]: flags === 0n ? 0n : BigInt(MAPPED) | flags })
    loadWords(machine, OWN + LSTAR, [0x1111n])
    loadWords(machine, MAPPED + LSTAR, [0x2222n])
  })
}

function lstarAt({ machine }: GuestRun, address: number): bigint {
  return readField(new DataView(machine.readMemory(address, VMCB_BYTES).buffer), findField('save.lstar')!)
}

const VMLOAD = `mov eax, ${OWN}\nvmload\nvmmcall`
const VMSAVE = `mov eax, ${OWN}\nvmsave\nvmmcall`

describe('with VMLOAD and VMSAVE virtualization', () => {
  test('rAX is a guest-physical address', () => {
    const { machine, field } = run(VMLOAD, VIRTUALIZED)
    expect(field('control.exit_code')).toBe(0x81n)
    expect(machine.inspect().system.lstar).toBe(0x2222n)
    const saved = run(VMSAVE, VIRTUALIZED)
    expect(lstarAt(saved, OWN)).toBe(0x1111n)
    expect(lstarAt(saved, MAPPED)).toBe(0n)
  })

  test.each([
    ['vmload', VMLOAD, 0n, 0x1_0000_0004n],
    ['vmsave', VMSAVE, 5n, 0x1_0000_0007n],
  ])('%s raises a nested page fault where the nested tables forbid it', (_, code, flags, info) => {
    const { field } = run(code, VIRTUALIZED, flags)
    expect(field('control.exit_code')).toBe(0x400n)
    expect(field('control.exit_info_1')).toBe(info)
    expect(field('control.exit_info_2')).toBe(BigInt(OWN))
  })

  test('VMLOAD only reads', () => {
    expect(run(VMLOAD, VIRTUALIZED, 5n).field('control.exit_code')).toBe(0x81n)
  })

  test.each([
    ['vmload', VMLOAD, 0x82n, 1n << 2n],
    ['vmsave', VMSAVE, 0x83n, 1n << 3n],
  ])('%s exits without nested paging, and when it is intercepted', (_, code, exit, intercept) => {
    const unpaged = run(code, { 'control.virtualization_extensions': 2n })
    expect(unpaged.field('control.exit_code')).toBe(exit)
    const intercepted = run(code, { ...VIRTUALIZED, 'control.intercept_vector_4': 3n | intercept })
    expect(intercepted.field('control.exit_code')).toBe(exit)
  })
})

test('without it, rAX is a system-physical address even under nested paging', () => {
  const { machine, field } = run(VMLOAD, NESTED_PAGING)
  expect(field('control.exit_code')).toBe(0x81n)
  expect(machine.inspect().system.lstar).toBe(0x1111n)
})
