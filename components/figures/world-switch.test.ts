import { describe, expect, test } from 'vitest'
import type { Machine } from '../../emulator/machine/index.ts'
import { lastWorldSwitch, worldSwitchesAt } from './world-switch-data.ts'
import { worldSwitchView, type SwitchMove, type WorldSwitchView } from './world-switch-view.ts'
import { GUEST, NESTED_PAGING, VMCB, worldMachine } from './worlds.fixture.ts'

function viewOf(machine: Machine): WorldSwitchView {
  return worldSwitchView(lastWorldSwitch(machine)!)
}

function rowOf({ moves }: WorldSwitchView, kind: SwitchMove['kind'], name: string) {
  return moves.find((move) => move.kind === kind)!.rows.find((row) => row.name === name)
}

describe('the figure of VMRUN', () => {
  const machine = worldMachine({ host: `mov rsp, 4444h\n mov ecx, 77h\n mov rax, ${VMCB}\n vmrun\n hlt` })
  machine.run(4)
  const view = viewOf(machine)

  test('shows what went into the host save area', () => {
    expect(view.direction).toBe('vmrun')
    expect(rowOf(view, 'save', 'RSP')!.value).toBe('0000_0000_0000_4444h')
    expect(rowOf(view, 'save', 'RCX')).toBeUndefined()
  })

  test('shows the value before and the value that was loaded', () => {
    expect(rowOf(view, 'load', 'RSP')).toEqual({
      name: 'RSP',
      before: '0000_0000_0000_4444h',
      value: '0000_0000_0005_0000h',
      isChanged: true,
      source: 'memory',
    })
    expect(rowOf(view, 'load', 'CR3')!.isChanged).toBe(false)
    expect(rowOf(view, 'load', 'rIP')!.value).toBe('0000_0000_0001_2000h')
  })

  test('names what neither world gets a copy of', () => {
    expect(rowOf(view, 'keep', 'RCX')!.value).toBe('0000_0000_0000_0077h')
    expect(rowOf(view, 'keep', 'FS base')).toBeDefined()
    expect(rowOf(view, 'keep', 'RAX')).toBeUndefined()
  })
})

describe('the figure of #VMEXIT', () => {
  const machine = worldMachine({ guest: 'mov ecx, 5\n mov rax, 9\n vmmcall' })
  machine.run(100)
  const view = viewOf(machine)

  test('shows what the VMCB got', () => {
    expect(view.direction).toBe('vmexit')
    expect(rowOf(view, 'save', 'RAX')!.value).toBe('0000_0000_0000_0009h')
    expect(rowOf(view, 'save', 'EXITCODE')!.value).toBe('0000_0000_0000_0081h')
  })

  test('shows what the host gets back, over what the guest had', () => {
    expect(rowOf(view, 'load', 'RAX')).toMatchObject({
      before: '0000_0000_0000_0009h',
      value: '0000_0000_0002_0000h',
      isChanged: true,
    })
  })

  test("leaves the guest's other registers to the host", () => {
    expect(rowOf(view, 'keep', 'RCX')!.value).toBe('0000_0000_0000_0005h')
    expect(rowOf(view, 'keep', 'CR2')).toBeDefined()
    expect(rowOf(view, 'set', 'GIF')!.value).toBe('0')
    expect(rowOf(view, 'keep', 'DR7')).toBeUndefined()
  })
})

test('fields from the state cache are marked', () => {
  const host = `mov rax, ${VMCB}\n vmrun\n mov dword [rax + 0c0h], 200h\n mov qword [rax + 578h], ${GUEST}\n vmrun\n hlt`
  const machine = worldMachine({ host, options: { stateCache: 'aggressive' } })
  machine.run(6)
  const view = viewOf(machine)
  expect(rowOf(view, 'load', 'CR2')!.source).toBe('state cache')
  expect(rowOf(view, 'load', 'RSP')!.source).toBe('memory')
})

test('G_PAT and N_CR3 are moved with nested paging only', () => {
  const loadedBy = (vmcb: Readonly<Record<string, bigint>>): string[] => {
    const machine = worldMachine({ vmcb })
    machine.run(2)
    return viewOf(machine).moves[1].rows.map(({ name }) => name)
  }
  expect(loadedBy({})).not.toContain('G_PAT')
  expect(loadedBy(NESTED_PAGING)).toEqual(expect.arrayContaining(['G_PAT', 'N_CR3']))
})

test('looking at a world switch leaves the machine as it is', () => {
  const machine = worldMachine()
  machine.run(100)
  const before = [machine.digest(), machine.instructions, machine.events.since()]
  expect(lastWorldSwitch(machine)).toBeDefined()
  expect([machine.digest(), machine.instructions, machine.events.since()]).toEqual(before)
})

test('a machine that has switched nothing has no figure, and neither has a VMRUN of an illegal VMCB', () => {
  const machine = worldMachine({ vmcb: { 'control.asid': 0n } })
  expect(lastWorldSwitch(machine)).toBeUndefined()
  machine.run(100)
  expect(machine.events.since().map(({ kind }) => kind)).toContain('vmexit')
  expect(lastWorldSwitch(machine)).toBeUndefined()
})

test('an event whose delivery exits makes one instruction of both switches', () => {
  // A #BP is injected; its delivery finds no IDT in the guest, and the host intercepts the shutdown.
  const machine = worldMachine({
    vmcb: { 'control.event_inj': 0x8000_0303n, 'control.intercept_vector_3': 0x8000_0000n },
  })
  machine.run(3)
  const { instructions } = machine.events.since()[0]
  expect(worldSwitchesAt(machine, instructions).map(({ direction }) => direction)).toEqual([
    'vmrun',
    'vmexit',
  ])
})

test('every value is a copy that survives on its way from the worker', () => {
  const machine = worldMachine()
  machine.run(100)
  const record = lastWorldSwitch(machine)!
  expect(worldSwitchView(structuredClone(record))).toEqual(worldSwitchView(record))
})
