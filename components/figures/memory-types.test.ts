import { expect, test } from 'vitest'
import { derivationView, patSlots } from './memory-types-view.ts'

test('a PAT is eight slots; reserved encodings have no type', () => {
  const slots = patSlots(0x0007_0406_0007_0206n)
  expect(slots.map(({ type }) => type)).toEqual(['WB', undefined, 'UC-', 'UC', 'WB', 'WT', 'UC-', 'UC'])
  expect(slots[1].byte).toBe('2')
})

test('with nested paging two tables decide, and the result of the first is the row of the second', () => {
  const { tables, steps, effective } = derivationView({
    guestPat: 'WC',
    nestedPat: 'WB',
    mtrr: 'WB',
    cacheDisable: false,
  })
  expect(tables.map(({ row, column, result }) => [row, column, result])).toEqual([
    ['WC', 'WB', 'WC+'],
    ['WC+', 'WB', 'WC+'],
  ])
  expect(steps).toHaveLength(3)
  expect(effective).toBe('WC+')
})

test('without nested paging one table decides, which knows no WC+', () => {
  const { tables } = derivationView({ guestPat: 'WP', nestedPat: undefined, mtrr: 'WT', cacheDisable: false })
  expect(tables).toHaveLength(1)
  expect(tables[0]).toMatchObject({ row: 'WP', column: 'WT', result: 'CD' })
  expect(tables[0].rows.map(({ name }) => name)).not.toContain('WC+')
})

test('CR0.CD turns what could be cached into CD', () => {
  const view = derivationView({ guestPat: 'WB', nestedPat: 'WB', mtrr: 'WB', cacheDisable: true })
  expect(view.steps.at(-1)).toBe('CR0.CD = 1: WB becomes CD')
  expect(view.effective).toBe('CD')
})
