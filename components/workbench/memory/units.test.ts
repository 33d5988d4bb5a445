import { expect, test } from 'vitest'
import { littleEndian, toBytes } from '../bytes.ts'
import { cellsOf, printable, symbolFor, tableEntries } from './units.ts'

test('numbers have their lowest byte first, and those whose bytes changed are marked', () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5)
  expect(cellsOf(bytes, 2, Uint8Array.of(1, 2, 3, 9, 5))).toEqual([
    { offset: 0, value: 0x0201n, hasChanged: false },
    { offset: 2, value: 0x0403n, hasChanged: true },
  ])
  expect(cellsOf(bytes, 1, undefined).some(({ hasChanged }) => hasChanged)).toBe(false)
  expect(littleEndian(toBytes(0x1234_5678n, 4))).toBe(0x1234_5678n)
})

test('entries of a table lead to the next table, to a page, or nowhere', () => {
  const table = new Uint8Array(4096)
  table.set(toBytes(0x2003n, 8), 0)
  table.set(toBytes(0x20_0083n, 8), 8)
  table.set(toBytes(0x5000n, 8), 24)
  expect(
    tableEntries(table, 21).map(({ index, target, next, isLeaf }) => [index, target, next, isLeaf]),
  ).toEqual([
    [0, 0x2000, 12, false],
    [1, 0x20_0000, undefined, true],
    [3, undefined, undefined, false],
  ])
})

test('an address is named after the symbol at or shortly before it', () => {
  const symbols = new Map([
    ['start', 0x1_0000n],
    ['guest', 0x1_0010n],
    ['.local', 0x1_0012n],
  ])
  expect(symbolFor(0x1_0000n, symbols)).toBe('start')
  expect(symbolFor(0x1_0014n, symbols)).toBe('guest + 4')
  expect(symbolFor(0x1_0030n, symbols)).toBe('guest + 20h')
  expect(symbolFor(0x5_0000n, symbols)).toBeUndefined()
  expect(symbolFor(3n, symbols)).toBeUndefined()
})

test('what cannot be printed is a dot', () => {
  expect(printable(Uint8Array.of(0x41, 0, 0x7f))).toBe('A··')
})
