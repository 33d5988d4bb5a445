import { describe, expect, test } from 'vitest'
import { PROPERTIES } from '../../emulator/hypervisor/index.ts'
import { latticeView, placeAt, shortestPath } from './lattice-view.ts'
import { designOf, recordedRace, storeTo } from './worlds.fixture.ts'

const INVALID_PAT = 0x0007_0406_0007_0402n
const VMRUN_SUCCEEDS = PROPERTIES.filter(({ name }) => name === 'vmrun-succeeds')

/** L0 checks the live page, while another vCPU stores an illegal G_PAT. */
const record = recordedRace(designOf('live-page'), [storeTo('save.g_pat', INVALID_PAT)], VMRUN_SUCCEEDS)

describe('the lattice of a race', () => {
  const view = latticeView(record, undefined)
  const [wide, high] = view.size

  test('has every order: with one store against n steps there are n + 1', () => {
    expect(record.isComplete).toBe(true)
    expect(high).toBe(1)
    expect(view.total).toBe(wide + 1)
    expect(view.edges).toHaveLength(wide * 2 + wide + 1)
  })

  test('marks the orders that lose: the store between check and use', () => {
    const stores = view.edges.filter(({ actor }) => actor === 1)
    const losing = stores.filter(({ outcome }) => outcome === 'all lose')
    expect(losing).toHaveLength(view.losing)
    for (const { from } of losing) {
      const before = view.steps[0].slice(0, from[0]).join()
      expect(before).toContain('save.g_pat, to check')
      expect(before).not.toContain('save.g_pat, to use')
    }
    expect(losing.length).toBeGreaterThan(0)
    expect(losing.length).toBeLessThan(stores.length)
  })

  test('numbers the shortest of them, which is a way through the grid', () => {
    const numbered = view.edges.filter(({ shortest }) => shortest !== undefined)
    expect(numbered.map(({ shortest }) => shortest!).sort((a, b) => a - b)).toEqual(
      shortestPath(record, undefined).map((_, i) => i + 1),
    )
    expect(numbered.some(({ actor, outcome }) => actor === 1 && outcome === 'all lose')).toBe(true)
  })
})

describe('a walk through the lattice', () => {
  const path = shortestPath(record, 0)

  test('begins where both sides have a step before them', () => {
    const { next, orders, losing, findings } = placeAt(record, [], undefined)
    expect([next[0]?.actor, next[1]?.actor]).toEqual([0, 1])
    expect([orders, losing > 0, findings]).toEqual([record.orders.length, true, undefined])
  })

  test('says what each step reads and writes: the same field with another value', () => {
    const effects = placeAt(record, path, undefined).taken.flatMap((step) => step.effects)
    expect(effects).toEqual(
      expect.arrayContaining([
        'reads G_PAT = 0007_0406_0007_0406h',
        'writes G_PAT = 0007_0406_0007_0402h',
        'reads G_PAT = 0007_0406_0007_0402h',
      ]),
    )
  })

  test('says when all is lost', () => {
    const store = path.indexOf(1)
    const before = placeAt(record, path.slice(0, store), undefined)
    expect(before.losing).toBeLessThan(before.orders)
    const after = placeAt(record, path.slice(0, store + 1), undefined)
    expect(after.losing).toBe(after.orders)
  })

  test('ends with what was found', () => {
    const losing = record.orders.find(({ findings }) => findings.length > 0)!
    const whole = losing.steps.map((number) => record.steps[number].actor)
    const end = placeAt(record, whole, undefined)
    expect(end.next).toEqual([undefined, undefined])
    expect(end.findings!.map((number) => record.findings[number].property)).toEqual(['vmrun-succeeds'])
  })
})

test('two stores make a grid of two rows, and what no order loses is not marked', () => {
  const safe = recordedRace(
    designOf('as-merged'),
    [storeTo('save.g_pat', INVALID_PAT), storeTo('save.cr2', 5n)],
    VMRUN_SUCCEEDS,
  )
  const { size, total, losing, edges } = latticeView(safe, undefined)
  const [n] = size
  expect(size[1]).toBe(2)
  expect([total, losing]).toEqual([((n + 1) * (n + 2)) / 2, 0])
  expect(edges.every(({ outcome, shortest }) => outcome === 'win' && shortest === undefined)).toBe(true)
})

test('a record survives its way from the worker', () => {
  expect(structuredClone(record)).toEqual(record)
})
