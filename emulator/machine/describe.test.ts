import { expect, test } from 'vitest'
import { describeCpuid, describeMsrs } from './describe.ts'

const MSRS = new Map(describeMsrs().map((msr) => [msr.name, msr]))

test('PAT: its reset value, the three low bits of each slot, and its two bits in the MSRPM', () => {
  expect(MSRS.get('PAT')).toMatchObject({
    index: 0x277,
    reset: 0x0007_0406_0007_0406n,
    writable: 0x0707_0707_0707_0707n,
    permissionBit: 0x4ee,
    exists: true,
  })
})

test('bits that a register knows are found although not every value with them is accepted', () => {
  expect(MSRS.get('MTRRdefType')?.writable).toBe(0xc07n)
  expect(MSRS.get('LSTAR')?.writable).toBe((1n << 64n) - 1n)
  expect(MSRS.get('VM_HSAVE_PA')?.writable).toBe(0xffff_ffff_f000n)
  expect(MSRS.get('VM_CR')?.writable).toBe(0x1fn)
})

test('what cannot be written or read says so', () => {
  expect(MSRS.get('MTRRcap')).toMatchObject({ reset: 0x508n, writable: 0n })
  expect(MSRS.get('PerfCtr0')).toMatchObject({ reset: 0n, writable: 0n })
  expect(MSRS.get('PRED_CMD')).toMatchObject({ reset: undefined, writable: 1n })
  expect(MSRS.get('APERF')?.exists).toBe(false)
})

test('MSRs of the second and third range have their place in the MSRPM', () => {
  expect(MSRS.get('EFER')?.permissionBit).toBe(0x820 * 8)
  expect(MSRS.get('VM_HSAVE_PA')?.permissionBit).toBe(0x1000 * 8 + 0x117 * 2)
})

test('CPUID: the leaves of the default processor with their features', () => {
  const leaves = new Map(describeCpuid().map((leaf) => [leaf.leaf, leaf]))
  expect(leaves.get(0x8000_000a)?.words.slice(0, 2)).toEqual([1, 32768])
  expect(leaves.get(0x8000_000a)?.features[0]).toEqual({ name: 'np', register: 'edx', bit: 0, exists: true })
  expect(leaves.get(6)?.features).toMatchObject([{ name: 'effectivefrequency', exists: false }])
  expect(leaves.has(2)).toBe(false)
})
