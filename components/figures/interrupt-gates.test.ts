import { describe, expect, test } from 'vitest'
import type { Machine } from '../../emulator/machine/index.ts'
import { interruptGatesView, type GateLane, type InterruptGatesView } from './interrupt-gates-view.ts'
import { VMCB, worldMachine } from './worlds.fixture.ts'

/** A fixed interrupt of vector 41h to the processor itself; the host's GIF and IF as they are. */
const SELF_INTERRUPT = `
    mov ebp, 0FEE00000h
    mov dword [rbp + 0F0h], 1FFh
    mov dword [rbp + 300h], 44041h`
const VMRUN = `
    mov rax, ${VMCB}
    vmrun
    hlt`
const INTR_INTERCEPT = { 'control.intercept_vector_3': 1n }

/** Virtual interrupt control: V_TPR, V_IRQ, V_INTR_PRIO, V_INTR_MASKING, vector. */
function virtualInterrupt({ tpr = 0n, priority = 4n, masking = 0n, rest = 0n }): Record<string, bigint> {
  const word = tpr | (1n << 8n) | (priority << 16n) | (masking << 24n) | rest
  return { 'control.virtual_interrupt': word | (0x41n << 32n) }
}

function viewAt(machine: Machine, instructions: number): InterruptGatesView {
  machine.run(instructions)
  return interruptGatesView(machine.pendingEvents())
}

function lane({ lanes }: InterruptGatesView, event: GateLane['event']): GateLane {
  return lanes.find((found) => found.event === event)!
}

function closed({ gates }: GateLane): string[] {
  return gates.filter(({ isOpen }) => !isOpen).map(({ value }) => value)
}

describe('a physical interrupt', () => {
  test('waits for IF, and the figure says what sets it', () => {
    const view = viewAt(worldMachine({ host: `${SELF_INTERRUPT}\n hlt` }), 3)
    const interrupt = lane(view, 'interrupt')
    expect(interrupt).toMatchObject({ isPending: true, pending: 'vector 41h', isOpen: false, isNext: false })
    expect(closed(interrupt)).toEqual(['IF = 0'])
    expect(view.summary).toBe('Physical interrupt waits: IF = 0.')
  })

  test('waits one instruction longer behind the shadow of STI', () => {
    const machine = worldMachine({ host: `${SELF_INTERRUPT}\n sti\n nop\n hlt` })
    expect(closed(lane(viewAt(machine, 4), 'interrupt'))).toEqual(['after STI, MOV SS or POP SS'])
    expect(lane(viewAt(machine, 1), 'interrupt')).toMatchObject({ isOpen: true, isNext: true })
  })

  test('waits for a lower priority', () => {
    const machine = worldMachine({ host: `${SELF_INTERRUPT}\n mov eax, 5\n mov cr8, rax\n sti\n nop\n hlt` })
    expect(closed(lane(viewAt(machine, 7), 'interrupt'))).toEqual(['class 4 ≤ 5 of the PPR'])
  })

  test('waits for the GIF, also in a host with IF = 1', () => {
    const machine = worldMachine({ host: `clgi\n sti\n ${SELF_INTERRUPT}\n nop\n hlt` })
    expect(closed(lane(viewAt(machine, 5), 'interrupt'))).toEqual(['GIF = 0'])
  })

  test("looks at the guest's IF without V_INTR_MASKING", () => {
    const machine = worldMachine({ host: SELF_INTERRUPT + VMRUN, vmcb: INTR_INTERCEPT })
    expect(closed(lane(viewAt(machine, 5), 'interrupt'))).toEqual(['V_INTR_MASKING = 0, IF = 0'])
  })

  test("looks at the host's IF with V_INTR_MASKING, whatever the guest's is", () => {
    const masking = { ...INTR_INTERCEPT, 'control.virtual_interrupt': 1n << 24n }
    const off = worldMachine({
      host: SELF_INTERRUPT + VMRUN,
      guest: 'nop\n vmmcall',
      vmcb: { ...masking, 'save.rflags': 0x202n },
    })
    expect(closed(lane(viewAt(off, 5), 'interrupt'))).toEqual(['V_INTR_MASKING = 1, host IF = 0'])
    const on = worldMachine({ host: `clgi\n sti\n ${SELF_INTERRUPT}${VMRUN}`, vmcb: masking })
    const interrupt = lane(viewAt(on, 7), 'interrupt')
    expect(interrupt).toMatchObject({ isOpen: true, isNext: true, destination: '#VMEXIT(INTR)' })
  })
})

describe('a virtual interrupt', () => {
  test("waits for the guest's IF", () => {
    const view = viewAt(worldMachine({ vmcb: virtualInterrupt({}) }), 2)
    expect(view.world).toBe('guest')
    expect(closed(lane(view, 'virtual interrupt'))).toEqual(['IF = 0'])
  })

  test('waits for a priority above V_TPR', () => {
    const vmcb = { ...virtualInterrupt({ tpr: 4n }), 'save.rflags': 0x202n }
    expect(closed(lane(viewAt(worldMachine({ vmcb }), 2), 'virtual interrupt'))).toEqual([
      'V_INTR_PRIO 4 ≤ V_TPR 4',
    ])
  })

  test('exits where the VINTR intercept asks for it', () => {
    const vmcb = {
      ...virtualInterrupt({}),
      'save.rflags': 0x202n,
      'control.intercept_vector_3': 1n << 4n,
    }
    expect(lane(viewAt(worldMachine({ vmcb }), 2), 'virtual interrupt')).toMatchObject({
      isNext: true,
      destination: '#VMEXIT(VINTR)',
    })
  })

  test('waits for the virtual GIF, which CLGI of the guest clears', () => {
    const vmcb = { ...virtualInterrupt({ rest: 1n << 25n }), 'save.rflags': 0x202n }
    expect(closed(lane(viewAt(worldMachine({ vmcb }), 2), 'virtual interrupt'))).toEqual(['V_GIF = 0'])
  })

  test('is not there in the host', () => {
    expect(lane(viewAt(worldMachine(), 1), 'virtual interrupt')).toMatchObject({
      isPending: false,
      isOpen: false,
    })
  })
})

test('an NMI virtualization that masks shows its own gate', () => {
  const enabled = (1n << 26n) | (1n << 11n) | (1n << 12n)
  const vmcb = { 'control.virtual_interrupt': enabled, 'control.intercept_vector_3': 2n }
  expect(closed(lane(viewAt(worldMachine({ vmcb }), 2), 'virtual nmi'))).toEqual(['V_NMI_MASK = 1'])
})

test('the figure never contradicts the processor: what is next is the first lane that is pending and open', () => {
  const flags = [0x2n, 0x202n]
  for (let seed = 0; seed < 64; seed++) {
    const bits = (at: number): bigint => BigInt((seed >> at) & 1)
    const rest = (bits(0) << 25n) | (bits(1) << 9n) | (bits(2) << 26n) | (bits(3) << 11n)
    const machine = worldMachine({
      host: (seed & 16 ? SELF_INTERRUPT : '') + VMRUN,
      vmcb: {
        ...virtualInterrupt({ tpr: 3n + bits(5), rest, masking: bits(4) }),
        'save.rflags': flags[(seed >> 5) & 1],
        'control.intercept_vector_3': 3n,
      },
    })
    for (let i = 0; i < 7; i++) {
      machine.run(1)
      const state = machine.pendingEvents()
      const { lanes } = interruptGatesView(state)
      const open = lanes.find(({ isPending, isOpen }) => isPending && isOpen)
      expect([seed, i, open?.event]).toEqual([seed, i, state.next])
    }
  }
})
