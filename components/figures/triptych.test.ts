import { describe, expect, test } from 'vitest'
import { inForce, triptych, type TriptychRow } from '../../emulator/hypervisor/index.ts'
import { SOURCES, triptychView } from './triptych-view.ts'
import { nestedMachine, NESTED_PAGING } from './worlds.fixture.ts'

const GUEST = 'mov ecx, 3\n again: loop again\n vmmcall'

/** The rows while L2 runs, and again some steps later. */
function rowsOf(): { early: readonly TriptychRow[]; late: readonly TriptychRow[] } {
  const { machine, l0 } = nestedMachine({
    guest: GUEST.replace('vmmcall', 'cli\n jmp $'),
    vmcb: { ...NESTED_PAGING, 'control.tsc_offset': 5n, 'save.rflags': 0x202n },
  })
  const decisions = inForce(l0.context.decisions, false)
  const rows = (): readonly TriptychRow[] | undefined => triptych(l0.state(0), decisions)
  while (rows() === undefined) machine.run(10)
  const early = rows()!
  machine.run(1000)
  return { early, late: rows()! }
}

describe('the triptych', () => {
  const { early, late } = rowsOf()

  test('shows all fields in groups, each once', () => {
    const { groups, shown, total } = triptychView(early, undefined, { show: 'all' })
    expect(shown).toBe(total)
    const keys = groups.flatMap(({ fields }) => fields.map(({ field }) => field.key))
    expect(new Set(keys).size).toBe(early.length)
    expect(groups.map(({ title }) => title)).toContain('Intercepts')
  })

  test('shows first what is not the same in all three', () => {
    const { groups } = triptychView(early, undefined, { show: 'differing' })
    const fields = groups.flatMap((group) => group.fields)
    const offset = fields.find(({ field }) => field.key === 'control.tsc_offset')!
    expect(offset.cells.vmcb01.text).toBe('0000_0000_0000_0000h')
    expect(offset.cells.vmcb12.text).toBe('0000_0000_0000_0005h')
    expect(SOURCES[offset.source].from).toContain('vmcb12')
    expect(fields.every(({ differs }) => differs)).toBe(true)
  })

  test('draws one arrow for a copy, two for a merged field and none for what L0 decides', () => {
    const fields = triptychView(early, undefined, { show: 'all' }).groups.flatMap((group) => group.fields)
    const from = (key: string) => SOURCES[fields.find(({ field }) => field.key === key)!.source].from
    expect(from('control.intercept_vector_4')).toEqual(['vmcb01', 'vmcb12'])
    expect(from('save.cr3')).toEqual(['vmcb12'])
    expect(from('control.asid')).toEqual([])
  })

  test('marks what changed since', () => {
    expect(triptychView(early, early, { show: 'changed' }).shown).toBe(0)
    const changed = late.map((row) => (row.field === 'save.cr2' ? { ...row, vmcb12: 0x77n } : row))
    const { groups } = triptychView(changed, early, { show: 'changed' })
    const cr2 = groups.flatMap(({ fields }) => fields).find(({ field }) => field.key === 'save.cr2')!
    expect([cr2.cells.vmcb12.isChanged, cr2.cells.vmcb01.isChanged]).toEqual([true, false])
  })

  test('can be filtered by source and by name', () => {
    const sources = triptychView(early, undefined, { show: 'all', source: 'merged' }).groups.flatMap(
      ({ fields }) => fields.map(({ source }) => source),
    )
    expect(new Set(sources)).toEqual(new Set(['merged']))
    const found = triptychView(early, undefined, { show: 'all', text: 'asid' })
    expect(found.groups.flatMap(({ fields }) => fields.map(({ field }) => field.key))).toEqual([
      'control.asid',
    ])
  })
})
