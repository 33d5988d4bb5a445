/** What a walk would do, told without doing it: against the walk itself. */
import { describe, expect, test } from 'vitest'
import { ACCESS, type Cpu } from '../state/cpu.ts'
import { Exit, Fault } from '../state/faults.ts'
import { CR0 } from '../state/mode.ts'
import { explainWalk, type Walk } from './explain-walk.ts'
import { PTE } from './formats.ts'
import { NESTED_CONTROL } from './nested-control.ts'
import { ALL, enterGuest, mapNestedIdentity, mapPage, pagedCpu, PRESENT, setEntry } from './paging.fixture.ts'
import { tlbEntries } from './tlb.ts'
import { translate } from './translate.ts'

const ROOT = 0x1000
const NESTED = 0x40_0000
const NESTED_PT = NESTED + 0x7000
const LINEAR = 0x7f12_3456_7abcn
const PTE_AT = ROOT + 0x3000 + 0x167 * 8

/** LINEAR at gPA 9000h, over nested pages of 4 KB: identity, but 9000h is at A000h. */
function guest(flags = ALL): Cpu {
  const cpu = pagedCpu(ROOT)
  mapPage(cpu, ROOT, LINEAR, 0x9000, flags)
  mapNestedIdentity(cpu, NESTED)
  setEntry(cpu, NESTED + 0x2000, 0, NESTED_PT, ALL)
  for (let i = 0; i < 512; i++) setEntry(cpu, NESTED_PT, i, i * 0x1000, ALL)
  setEntry(cpu, NESTED_PT, 9, 0xa000, ALL)
  enterGuest(cpu, NESTED)
  return cpu
}

function addresses({ rows }: Walk): number[] {
  return rows.flatMap(({ nested, entry }) => [...nested, ...(entry ? [entry] : [])]).map((one) => one.address)
}

/** The entries that a true access reads, and how it ends. */
function taken(cpu: Cpu, access: Walk['access'], user: boolean): { read: number[]; end: unknown } {
  const read: number[] = []
  const observer = { walkStep: (_nested: boolean, _levels: number, at: number) => void read.push(at) }
  try {
    const address = translate({ ...cpu, observer }, LINEAR, ACCESS[access], user)
    return { read, end: address }
  } catch (stop) {
    if (stop instanceof Exit) return { read, end: [stop.info1, stop.info2] }
    if (stop instanceof Fault) return { read, end: stop.errorCode }
    throw stop
  }
}

function endOf({ outcome }: Walk): unknown {
  if (outcome.kind === 'translation') return outcome.address
  return outcome.kind === 'page-fault' ? outcome.errorCode : [outcome.info1, outcome.info2]
}

const ACCESSES = ['read', 'write', 'execute'] as const

describe('the walk that is told is the walk that is taken', () => {
  const worlds: readonly [string, () => Cpu][] = [
    ['four levels', () => paged()],
    ['four levels over four', () => guest()],
    ['a page that is not present', () => guest(0)],
    ['a page that is read-only', () => guest(PRESENT | PTE.US)],
    ['a nested page that is read-only', () => withNestedPage(PRESENT | PTE.US)],
    ['a nested page that is not present', () => withNestedPage(0)],
    ['a nested page without U/S', () => withNestedPage(PRESENT | PTE.RW)],
    ['guest tables on nested pages that are read-only', () => withReadOnlyTables(0)],
    ['the same with read-only guest page tables', () => withReadOnlyTables(NESTED_CONTROL.readOnlyTables)],
    ['paging off over nested tables', () => unpagedGuest()],
  ]
  for (const [name, world] of worlds)
    test.each(ACCESSES)(`${name}: %s`, (access) => {
      for (const user of [false, true]) {
        const cpu = world()
        const told = explainWalk(cpu, LINEAR, access, user)
        const { read, end } = taken(cpu, access, user)
        expect(endOf(told)).toEqual(end)
        expect(addresses(told)).toEqual(read)
      }
    })
})

function paged(): Cpu {
  const cpu = pagedCpu(ROOT)
  mapPage(cpu, ROOT, LINEAR, 0x9000)
  return cpu
}

function withNestedPage(flags: number): Cpu {
  const cpu = guest()
  setEntry(cpu, NESTED_PT, 9, 0xa000, flags)
  return cpu
}

/** The guest's tables lie on nested pages that forbid stores, as `control` counts the walker's reads. */
function withReadOnlyTables(control: number): Cpu {
  const cpu = guest()
  for (let page = 1; page <= 4; page++) setEntry(cpu, NESTED_PT, page, page * 0x1000, PRESENT | PTE.US)
  cpu.state.nestedPaging |= control
  return cpu
}

function unpagedGuest(): Cpu {
  const cpu = guest()
  cpu.state.cr0 &= ~CR0.PG
  return cpu
}

test('a walk in two dimensions reads 24 entries: five times four nested ones, four of the guest', () => {
  const { rows } = explainWalk(guest(), LINEAR, 'read', true)
  expect(rows.map(({ purpose }) => purpose)).toEqual(['table', 'table', 'table', 'table', 'final'])
  expect(rows.map(({ nested }) => nested.length)).toEqual([4, 4, 4, 4, 4])
  expect(rows.map(({ guestAddress }) => guestAddress)).toEqual([
    ...[ROOT + 0xfe * 8, ROOT + 0x1000 + 0x48 * 8, ROOT + 0x2000 + 0x1a2 * 8, PTE_AT],
    0x9abc,
  ])
  expect(rows.at(-1)).toMatchObject({ address: 0xaabc, entry: undefined })
})

test('looking changes neither memory nor the TLB', () => {
  const cpu = guest()
  const before = cpu.memory.dump(0, cpu.memory.ramBytes)
  explainWalk(cpu, LINEAR, 'write', true)
  expect(Buffer.compare(cpu.memory.dump(0, cpu.memory.ramBytes), before)).toBe(0)
  expect(tlbEntries(cpu.state)).toEqual([])
})

test('it tells which A and D bits the access would set', () => {
  const entries = explainWalk(paged(), LINEAR, 'write', true).rows.map(({ entry }) => entry!.sets)
  expect(entries).toEqual([PTE.A, PTE.A, PTE.A, PTE.A | PTE.D].map(BigInt))
})

describe('the bits to blame', () => {
  const blamed = (cpu: Cpu, access: Walk['access'], user = true): bigint[] =>
    explainWalk(cpu, LINEAR, access, user).rows.flatMap(({ nested, entry }) =>
      [...nested, ...(entry ? [entry] : [])].map(({ offending }) => offending).filter((bits) => bits !== 0n),
    )

  test('P of an entry that is not present', () => {
    expect(blamed(guest(0), 'read')).toEqual([1n])
  })

  test('R/W and U/S of every entry that forbids a store at CPL 3', () => {
    expect(blamed(guest(PRESENT), 'write')).toEqual([6n])
  })

  test('reserved bits that are set', () => {
    const cpu = paged()
    cpu.memory.write32(PTE_AT + 4, 1 << 18)
    expect(blamed(cpu, 'read')).toEqual([1n << 50n])
  })

  test('those of the nested entry of the address that failed', () => {
    expect(blamed(withNestedPage(PRESENT | PTE.US), 'write')).toEqual([2n])
  })

  test('none where the walk succeeds', () => {
    expect(blamed(guest(), 'write')).toEqual([])
  })
})

test('a fault of the tables leads to the row of the table, with its gPA', () => {
  const { rows } = explainWalk(withReadOnlyTables(0), LINEAR, 'read', true)
  expect(rows).toHaveLength(1)
  expect(rows[0]).toMatchObject({ purpose: 'table', guestAddress: ROOT + 0xfe * 8, address: undefined })
})

test('with read-only guest page tables the store of A is a nested walk of its own', () => {
  const cpu = withReadOnlyTables(NESTED_CONTROL.readOnlyTables)
  const { rows } = explainWalk(cpu, LINEAR, 'read', true)
  expect(rows.map(({ purpose }) => purpose)).toEqual(['table', 'update'])
  expect(rows[1].guestAddress).toBe(rows[0].guestAddress)
})
