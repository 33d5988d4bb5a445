import { describe, expect, test } from 'vitest'
import type { Machine, StateCachePolicy } from '../../emulator/machine/index.ts'
import { stateCacheRecord } from './state-cache-data.ts'
import { stateCacheView } from './state-cache-view.ts'
import { GUEST, VMCB, worldMachine } from './worlds.fixture.ts'

/** After the first run of the guest: CR2 and CR3 changed in memory, only the bit of group CRX cleared. */
const HOST = `
    mov rax, ${VMCB}
    vmrun
    mov dword [rax + 0c0h], 21fh & ~20h
    mov qword [rax + 640h], 1234h
    mov qword [rax + 550h], 5000h
    hlt`

function after(stateCache: StateCachePolicy): Machine {
  const machine = worldMachine({ host: HOST, options: { stateCache } })
  machine.run(100)
  return machine
}

function groupOf(machine: Machine, policy: StateCachePolicy, group: string, vmcb = VMCB) {
  return stateCacheView(stateCacheRecord(machine, policy, vmcb)).groups.find((row) => row.group === group)!
}

describe('a processor that uses its copies', () => {
  const machine = after('aggressive')

  test('would take a changed field behind a clean bit from its copy', () => {
    const cr2 = groupOf(machine, 'aggressive', 'cr2')
    expect(cr2).toMatchObject({ isClean: true, use: 'cache', isStale: true })
    expect(cr2.fields).toEqual([
      {
        key: 'save.cr2',
        name: 'CR2',
        inMemory: '0000_0000_0000_1234h',
        inCache: '0000_0000_0000_0000h',
        differs: true,
      },
    ])
  })

  test('would read a group again whose clean bit is 0, and shows what differs all the same', () => {
    const crx = groupOf(machine, 'aggressive', 'crx')
    expect(crx).toMatchObject({ isClean: false, use: 'memory', isStale: false })
    expect(crx.fields.filter(({ differs }) => differs).map(({ name }) => name)).toEqual(['CR3'])
  })

  test('has no copy of G_PAT and N_CR3 of a guest without nested paging', () => {
    expect(groupOf(machine, 'aggressive', 'np')).toMatchObject({
      isKept: false,
      isClean: true,
      use: 'memory',
    })
  })

  test('keeps copies of one VMCB only: the tag is its address', () => {
    const view = stateCacheView(stateCacheRecord(machine, 'aggressive', VMCB + 0x1000))
    expect(view).toMatchObject({ tag: '20000h', tagMatches: false, stale: 0 })
    expect(view.groups.every(({ use }) => use === 'memory')).toBe(true)
  })

  test('does what the figure says', () => {
    const said = stateCacheView(stateCacheRecord(machine, 'aggressive', VMCB)).groups
    const next = worldMachine({
      host: HOST.replace('hlt', `mov qword [rax + 578h], ${GUEST}\n vmrun\n hlt`),
      options: { stateCache: 'aggressive' },
    })
    next.run(100)
    const runs = next.events.since().filter((event) => event.kind === 'vmrun')
    expect(runs[1].fromCache).toEqual(said.filter(({ use }) => use === 'cache').map(({ group }) => group))
  })
})

test('of a random processor the figure says that both are possible', () => {
  expect(groupOf(after('random'), 'random', 'cr2')).toMatchObject({ use: 'either', isStale: true })
})

test('a processor without copies reads memory', () => {
  const view = stateCacheView(stateCacheRecord(after('lazy'), 'lazy', VMCB))
  expect(view).toMatchObject({ tag: undefined, stale: 0 })
  expect(view.groups.every(({ use, isKept }) => use === 'memory' && !isKept)).toBe(true)
})
