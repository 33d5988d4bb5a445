import { expect, test } from 'vitest'
import type { Machine } from '../../emulator/machine/index.ts'
import { tlbRecord } from './tlb-data.ts'
import { tlbView } from './tlb-view.ts'
import { walkAt } from './walk-data.ts'
import { walkView, type WalkPlace } from './walk-view.ts'
import { GUEST, NESTED_PAGING, worldMachine } from './worlds.fixture.ts'

/** Where worldMachine() has its nested tables: a root and one 1 GB leaf. */
const NESTED_LEAF = 0x4_1000

/** In the guest, about to execute its first instruction. */
function inGuest(guest = 'nop\n vmmcall', vmcb = NESTED_PAGING): Machine {
  const machine = worldMachine({ vmcb, guest })
  while (machine.inspect().guest === undefined) machine.step()
  return machine
}

function kindOf(place: WalkPlace): string {
  return typeof place === 'object' ? place.name : place
}

test('a walk without nested paging is a chain of entries that ends at the sPA', () => {
  const machine = worldMachine()
  const view = walkView(machine.walk(BigInt(GUEST), 'read'))
  expect(view).toMatchObject({ isNested: false, columns: [], outcome: { isGood: true, title: 'sPA 12000h' } })
  expect(view.cells.map(({ number, name }) => `${number} ${name}`)).toEqual(['1 PML4E', '2 PDPE', '3 PDE'])
})

test('the address is taken apart as the tables use it: a large page has a longer offset', () => {
  const { fields } = walkView(worldMachine().walk(0xffff_8000_0040_1234n, 'read'))
  expect(fields.map(({ name, bits }) => `${name} ${bits}`)).toEqual([
    'Sign 63:48',
    ...['PML4 47:39', 'PDP 38:30', 'PD 29:21', 'PT 20:12', 'Offset 11:0'],
  ])
  const large = walkView(worldMachine().walk(0x40_1234n, 'read')).fields
  expect(large.at(-1)).toEqual({ name: 'Offset', bits: '20:0', value: '1234h' })
})

test('a walk in two dimensions is a grid: a row for each guest-physical address, a place for each nested level', () => {
  const view = walkView(inGuest().walk(BigInt(GUEST), 'execute'))
  expect(view.columns).toEqual(['PML4', 'PDP', 'PD', 'PT'])
  expect(view.rows.map(({ name }) => name)).toEqual(['PML4E', 'PDPE', 'PDE', 'final address'])
  for (const { nested } of view.rows)
    expect(nested.map(kindOf)).toEqual(['nested PML4E', 'nested PDPE', 'large page', 'large page'])
  expect(view.cells.map(({ number }) => number)).toEqual(view.cells.map((_, n) => n + 1))
  expect(view.cells).toHaveLength(4 * 2 + 3)
})

test('a nested page fault shows the place, the bit, and EXITINFO1 and EXITINFO2 as the exit has them', () => {
  const machine = inGuest()
  machine.writeMemory(NESTED_LEAF, new Uint8Array([0x86]))
  const view = walkView(machine.walk(BigInt(GUEST), 'execute'))
  expect(view.rows[0]).toMatchObject({ name: 'PML4E', address: undefined, entry: 'not read' })
  expect(view.cells.at(-1)).toMatchObject({ name: 'nested PDPE', offending: 1n, blamed: 'P' })
  expect(view.outcome).toMatchObject({ isGood: false, title: '#VMEXIT(NPF)' })
  expect(view.outcome.details.join()).toMatch(/EXITINFO1 200000006h: user write, not present, while walking/)
})

test('a page fault shows its error code in words', () => {
  const { outcome } = walkView(worldMachine().walk(0xffff_8000_0000_0000n, 'write', { user: true }))
  expect(outcome).toMatchObject({ isGood: false, title: '#PF' })
  expect(outcome.details).toEqual([
    '1 entry read',
    '#PF: error code 6h, user write, not present',
    'CR2 = FFFF_8000_0000_0000h',
  ])
})

test('looking at walks and at the TLB leaves the machine as it is', () => {
  const machine = inGuest()
  machine.step()
  const before = machine.digest()
  walkView(machine.walk(0x5000n, 'write'))
  tlbRecord(machine)
  expect(machine.digest()).toBe(before)
})

test('the TLB is shown by ASID, and what the last instruction brought is marked', () => {
  const machine = inGuest('mov rax, [5000h]\n vmmcall')
  const record = tlbRecord(machine)
  expect(tlbView(record).groups.map(({ name }) => name)).toContain('ASID 0 (host)')
  machine.step()
  const view = tlbView(tlbRecord(machine))
  expect(view.groups.map(({ asid }) => asid)).toEqual([0, 1])
  expect(view.added).toBeGreaterThan(0)
  const added = view.groups[1].rows.filter(({ isNew }) => isNew)
  expect(added[0]).toMatchObject({ type: 'WB', writable: true })
  expect(added[0].derivation).toContain('guest PAT WB × nested PAT WB = WB')
})

test('the TLB can be searched by part of an address and by ASID', () => {
  const machine = inGuest('mov rax, [5000h]\n vmmcall')
  machine.step()
  const record = tlbRecord(machine)
  expect(tlbView(record, '', 1).groups.every(({ asid }) => asid === 1)).toBe(true)
  expect(tlbView(record, 'FFFF_FFFFh').groups).toEqual([])
})

test('the walk before a nested page fault ends as the #VMEXIT said', () => {
  const machine = inGuest('mov rax, [40000000h]\n vmmcall')
  machine.run(10)
  const exit = machine.events.since().find((event) => event.kind === 'vmexit')!
  const present = machine.digest()
  const { outcome } = walkAt(machine, exit.instructions - 1, 0x4000_0000n, 'read')
  expect(outcome).toEqual({ kind: 'nested-page-fault', info1: exit.info1, info2: exit.info2 })
  expect(machine.digest()).toBe(present)
})
