import { expect, test } from 'vitest'
import { findField } from '../../emulator/svm/index.ts'
import { dissectBits, dissectFields, summarizeBits } from './dissection.ts'

const EFER = findField('save.efer')!.bits
const G_PAT = findField('save.g_pat')!.bits

test('the field to blame comes first, though it is zero', () => {
  const fields = dissectFields(0x500n, 8, EFER, 1n << 12n)
  expect(fields.map(({ name, isOffending }) => [name, isOffending])).toEqual([
    ['SVME', true],
    ['LMA', false],
    ['LME', false],
  ])
})

test('values with names are shown by name, and a value without one is reserved', () => {
  const fields = dissectFields(0x0007_0406_0007_0206n, 8, G_PAT, 0x200n)
  expect(fields).toHaveLength(8)
  expect(fields[0]).toMatchObject({ name: 'PA1', bits: '15:8', value: 2n, valueName: 'reserved' })
  expect(fields.at(-1)).toMatchObject({ name: 'PA0', valueName: 'WB' })
})

test('bits that belong to no field appear as reserved runs', () => {
  const fields = dissectFields((1n << 9n) | (3n << 40n), 8, EFER)
  expect(fields.map(({ name, bits }) => [name, bits])).toEqual([
    ['reserved', '41:40'],
    ['reserved', '9'],
  ])
})

test('a value without a list of fields has bits only', () => {
  expect(dissectFields(5n, 4, undefined, 1n)).toEqual([])
  expect(dissectBits(5n, 4, undefined, 1n).filter(({ isSet }) => isSet)).toEqual([
    { bit: 2, isSet: true, isOffending: false, field: '' },
    { bit: 0, isSet: true, isOffending: true, field: '' },
  ])
})

test('high bytes are left out as long as they say nothing', () => {
  expect(dissectBits(0x500n, 8, EFER)).toHaveLength(16)
  expect(dissectBits(1n << 63n, 8, EFER)).toHaveLength(64)
  expect(dissectBits(0n, 8, G_PAT)).toHaveLength(64)
})

test('a summary names what is set', () => {
  expect(summarizeBits(0x1500n, 8, EFER)).toBe('SVME, LMA, LME')
  expect(summarizeBits(0x200n, 8, EFER)).toBe('bit 9')
  expect(summarizeBits(0n, 8, EFER)).toBe('')
  expect(summarizeBits(7n, 8, undefined)).toBe('')
})
