import { describe, expect, test } from 'vitest'
import { STREAM_KINDS, type StreamEvent, type StreamEvents, type StreamKind } from './event-stream.ts'
import { GUEST, NESTED_PAGING, runGuest, VMCB } from './guest.fixture.ts'
import { machineWith } from './machine.fixture.ts'

/** What a nested guest that reads memory and exits with VMMCALL makes the machine say. */
function heard(kinds: readonly StreamKind[], code = 'mov rbx, [8008h]\nvmmcall'): StreamEvent[] {
  const events: StreamEvent[] = []
  runGuest(code, NESTED_PAGING, (machine) => void machine.listen(kinds, (event) => events.push(event)))
  return events
}

function ofKind<K extends StreamKind>(events: readonly StreamEvent[], kind: K): StreamEvents[K][] {
  return events.filter((event) => event.kind === kind).map(({ event }) => event as StreamEvents[K])
}

describe('the event stream', () => {
  test('tells each instruction with its rIP, in order', () => {
    const events = ofKind(heard(['instruction']), 'instruction')
    expect(events.map(({ instruction }) => instruction.mnemonic)).toEqual([
      'mov',
      'vmrun',
      'mov',
      'vmmcall',
      'hlt',
    ])
    expect(events[2].rip).toBe(BigInt(GUEST))
  })

  test('tells an access with its three addresses, its value and its memory type', () => {
    const [access] = ofKind(heard(['access']), 'access')
    expect(access).toMatchObject({
      write: false,
      linear: 0x8008n,
      guestAddress: 0x8008,
      address: 0x8008,
      bytes: 8,
      value: 0n,
    })
    expect(access.memoryType?.effective).toBe('WB')
  })

  test('tells every entry that a two-dimensional walk reads', () => {
    // The fetch: three guest levels (2 MB pages), each behind two nested ones (1 GB pages), and two for the final address.
    const walk = ofKind(heard(['walk'], 'vmmcall'), 'walk').filter((_, i, all) => i >= all.length - 11)
    expect(walk.map(({ nested, levels }) => `${nested ? 'n' : 'g'}${levels}`).join(' ')).toBe(
      'n4 n3 g4 n4 n3 g3 n4 n3 g2 n4 n3',
    )
  })

  test('tells fills and hits of the TLB', () => {
    const events = ofKind(heard(['tlb'], 'nop\nvmmcall'), 'tlb').filter(({ entry }) => entry.asid === 1)
    expect(events.map(({ what }) => what)).toEqual(['fill', 'hit'])
  })

  test('tells which intercepts were asked for and which were taken', () => {
    const events = ofKind(heard(['intercept'], 'cpuid\nvmmcall'), 'intercept')
    expect(events.map(({ name, taken }) => [name, taken])).toEqual([
      ['VMEXIT_CPUID', false],
      ['VMEXIT_VMMCALL', true],
    ])
  })

  test('tells every consistency check, passed or failed', () => {
    const passed = ofKind(heard(['check']), 'check')
    expect(passed.length).toBeGreaterThan(20)
    expect(passed.every(({ failed }) => !failed)).toBe(true)
    const events: StreamEvent[] = []
    runGuest(
      'vmmcall',
      { 'control.asid': 0n },
      (machine) => void machine.listen(['check'], (e) => events.push(e)),
    )
    expect(
      ofKind(events, 'check')
        .filter(({ failed }) => failed)
        .map(({ id }) => id),
    ).toEqual(['asid-zero'])
  })

  test('tells what both world switches moved', () => {
    const [entry, exit] = ofKind(heard(['world-switch']), 'world-switch')
    expect(entry).toMatchObject({ direction: 'vmrun', vmcb: VMCB })
    expect(entry.fields).toContainEqual({ field: 'save.rip', value: BigInt(GUEST), source: 'memory' })
    expect(exit.direction).toBe('vmexit')
    expect(exit.fields).toContainEqual({ field: 'control.exit_code', value: 0x81n, source: 'processor' })
  })

  test('tells which fields VMRUN took from the state cache', () => {
    const events: StreamEvent[] = []
    runGuest(
      'vmmcall\nvmmcall',
      {},
      (machine) => void machine.listen(['world-switch'], (event) => events.push(event)),
      `mov rax, ${VMCB}\nvmrun\nmov dword [${VMCB} + 0c0h], -1\nvmrun\nhlt`,
      { stateCache: 'aggressive' },
    )
    const second = ofKind(events, 'world-switch').filter(({ direction }) => direction === 'vmrun')[1]
    const source = (key: string): string | undefined =>
      second.fields.find(({ field }) => field === key)?.source
    expect([source('save.cr3'), source('save.rip')]).toEqual(['state cache', 'memory'])
  })

  test('tells injected, raised and taken events', () => {
    const events: StreamEvent[] = []
    // The guest has no IDT: the injected #UD meets #GP, then shutdown.
    runGuest(
      'vmmcall',
      { 'control.event_inj': 0x8000_0306n, 'control.intercept_vector_3': 1n << 31n },
      (machine) => void machine.listen(['event'], (event) => events.push(event)),
    )
    expect(ofKind(events, 'event')[0]).toEqual({ what: 'injected', vector: 6 })
    expect(ofKind(events, 'event').some(({ what }) => what === 'raised')).toBe(true)
  })

  test('tells an interrupt that waits until it may be taken', () => {
    const events: StreamEvent[] = []
    // The guest's V_IRQ with vector 21h waits because its IF is 0.
    runGuest(
      'nop\nvmmcall',
      { 'control.virtual_interrupt': (0x21n << 32n) | (1n << 20n) | (1n << 8n) },
      (machine) => void machine.listen(['event'], (event) => events.push(event)),
    )
    expect(ofKind(events, 'event')).toEqual([{ what: 'pending', vector: 0x21 }])
  })

  test('tells accesses to ports', () => {
    const events: StreamEvent[] = []
    const machine = machineWith('mov al, 5\nout 80h, al\nin al, 80h\nhlt')
    machine.listen(['bus'], (event) => events.push(event))
    machine.run(100)
    expect(ofKind(events, 'bus')).toMatchObject([
      { kind: 'port-write', address: 0x80, bytes: 1, value: 5n },
      { kind: 'port-read', address: 0x80, bytes: 1, value: 0xffn },
    ])
  })

  test('ends when nobody listens any more', () => {
    const events: StreamEvent[] = []
    const machine = machineWith('nop\nnop\nhlt')
    const end = machine.listen(STREAM_KINDS, (event) => events.push(event))
    machine.run(1)
    end()
    const { length } = events
    machine.run(10)
    expect(events).toHaveLength(length)
  })

  test('leaves the run as it is', () => {
    const run = (listens: boolean): string => {
      const { machine } = runGuest(
        'mov rbx, [8008h]\ncpuid\nout 80h, al\nvmmcall',
        NESTED_PAGING,
        (machine) => {
          if (listens) machine.listen(STREAM_KINDS, () => undefined)
        },
      )
      return machine.digest()
    }
    expect(run(true)).toBe(run(false))
  })
})
