import { describe, expect, it } from 'vitest'
import { inForce, L2_FIELDS, parseDecisions } from './decisions.ts'
import { design } from './designs.fixture.ts'
import { PAT } from './handlers.fixture.ts'
import { L2, VMCB, vmcbImage } from './l0.fixture.ts'
import { scheduleOf, type RaceEvent } from './explorer.ts'
import { exploreRace, racingMachine, replay, storeTo, type RaceSetup } from './race.fixture.ts'
import { get } from './vmcb-image.ts'

function lossOf(setup: RaceSetup, property: string, field: string) {
  const report = exploreRace(setup)
  expect(report.isComplete).toBe(true)
  const loss = report.losses.find(({ finding }) => finding.property === property && finding.field === field)
  expect(loss).toBeDefined()
  return loss!
}

describe('the check of the live page', () => {
  const decisions = design('live-page')

  it('passes, and then an illegal g_pat that was never checked reaches vmcb02, whose VMRUN fails', () => {
    const setup = { decisions, second: [storeTo('save.g_pat', PAT.invalid)] }
    const report = exploreRace(setup)
    expect(report.losses.map(({ finding }) => finding.property)).toEqual(
      expect.arrayContaining(['read-once', 'used-as-checked', 'vmrun-succeeds']),
    )
    const loss = lossOf(setup, 'vmrun-succeeds', 'save.g_pat')
    expect(loss.trace.map(({ side, step }) => [side, step.what])).toEqual([
      [0, 'vmcb12 control area, to copy'],
      [0, 'vmcb12 save area, to copy'],
      [0, 'vmcb12 save.g_pat, to check'],
      [1, 'store'],
      [0, 'vmcb12 save.g_pat, to use'],
      [0, 'VMRUN'],
    ])
    const { l0 } = replay(setup, loss)
    const seen = l0.events.filter((event) => event.kind === 'vmexit')
    // L0's own checks would have been named.
    expect(seen.map(({ code, failedChecks }) => [code, failedChecks])).toEqual([[2n ** 64n - 1n, []]])
    expect(get(l0.state(0).vmcb02, 'save.g_pat')).toBe(PAT.invalid)
  })

  it('passes, and L2 runs with a legal g_pat that was never checked', () => {
    const setup = { decisions, second: [storeTo('save.g_pat', PAT.l2)] }
    const loss = lossOf(setup, 'used-as-checked', 'save.g_pat')
    const { l0 } = replay(setup, loss)
    expect(l0.events.find(({ kind }) => kind === 'decision')).toMatchObject({ value: PAT.l2 })
    expect(l0.events.find((event) => event.kind === 'vmexit')).toMatchObject({ code: 0x81n })
  })
})

describe('a copy of what is checked, and of nothing else', () => {
  it('fetches rIP twice, and uses two values', () => {
    const setup = {
      decisions: design('checked-only'),
      second: [storeTo('save.rip', BigInt(L2) + 1n, 1)],
      l2: 'nop\n vmmcall',
    }
    const loss = lossOf(setup, 'one-value-used', 'save.rip')
    expect(loss.finding.text).toBe(`save.rip is used as 12000h and as 12001h`)
    expect(loss.trace.filter(({ step }) => step.what.includes('save.rip'))).toHaveLength(2)
    const { l0 } = replay(setup, loss)
    expect(l0.state(0).nested.injectedRip).toBe(BigInt(L2) + 1n)
    expect(l0.events.find((event) => event.kind === 'vmexit')).toMatchObject({ rip: BigInt(L2) + 1n })
  })
})

describe('an intercept of VMRUN that is checked in the copy and used from the page', () => {
  const decisions = parseDecisions(
    'l0.yaml',
    'format: 1\ntitle: Flipped\nfields: { control.intercept_vector_4: { copy: control-cache, check: copy, use: live } }',
  ).decisions!
  const SECOND = VMCB + 0x1000
  const SECOND_L2 = L2 + 0x100
  const VMMCALL = Uint8Array.of(0x0f, 0x01, 0xd9)
  /** VMMCALL stays intercepted. L2 executes VMRUN of a VMCB of its own, whose guest exits at once. */
  const setup: RaceSetup = {
    decisions,
    second: [storeTo('control.intercept_vector_4', 2n)],
    l2: `mov rax, ${SECOND}\n vmrun\n hlt`,
    memory: [
      [SECOND, vmcbImage({ 'save.rip': BigInt(SECOND_L2) })],
      [SECOND_L2, VMMCALL],
    ],
  }

  it('makes L2 a part of L1: L0 takes its VMRUN for one of L1, and it goes on with the privileges of L1', () => {
    const loss = lossOf(setup, 'vmrun-intercepted', 'control.intercept_vector_4')
    const { machine, l0, result } = replay(setup, loss)
    const nested = l0.events.filter(({ kind }) => kind === 'vmrun' || kind === 'vmexit')
    expect(nested).toMatchObject([
      { kind: 'vmrun', vmcb: VMCB },
      { kind: 'vmrun', vmcb: SECOND },
      { kind: 'vmexit', vmcb: SECOND, code: 0x81n },
    ])
    expect([result.reason, l0.state(0).nested.guestMode]).toEqual(['halted-forever', false])
    // Behind its HLT.
    expect(Number(machine.inspect(0).rip)).toBeGreaterThan(L2)
  })

  it('does not make the VMRUN of vmcb02 fail: L0 intercepts VMRUN in L2 itself', () => {
    const { losses } = exploreRace(setup)
    expect(losses.map(({ finding }) => finding.property)).not.toContain('vmrun-succeeds')
  })
})

describe('what was merged, with the quirk off', () => {
  const decisions = inForce(design('as-merged'), false)
  /** A store to each field that one store can reach. */
  const stores = L2_FIELDS.filter(({ bytes }) => [1, 2, 4, 8].includes(bytes)).map(({ key }) =>
    storeTo(key, 0x0808_0808_0808_0808n),
  )

  it('reads each field once and uses what was checked, in every order of its steps and of stores to two fields', () => {
    let executions = 0
    for (const [i, first] of stores.entries()) {
      const second = stores[(i + 1) % stores.length]
      const report = exploreRace({ decisions, second: [first, second] })
      expect(report.isComplete).toBe(true)
      expect(report.losses).toEqual([])
      executions += report.tried
    }
    expect(executions).toBeGreaterThan(stores.length * 2)
  })
})

describe('two stores to g_pat', () => {
  const stores = [storeTo('save.g_pat', PAT.invalid), storeTo('save.g_pat', PAT.l2)]
  const properties = (name: string): string[] => {
    const { losses } = exploreRace({ decisions: inForce(design(name), false), second: stores })
    return [...new Set(losses.map(({ finding }) => finding.property))].sort()
  }

  it.each(['before-the-series', 'own-field', 'save-cache-with-controls', 'as-merged'])(
    'gain nothing: %s',
    (name) => {
      expect(properties(name)).toEqual([])
    },
  )

  it('gain what one does where the page is checked and read again', () => {
    expect(properties('live-page')).toEqual(['read-once', 'used-as-checked', 'vmrun-succeeds'])
  })
})

describe('a replay', () => {
  const setup = { decisions: design('live-page'), second: [storeTo('save.g_pat', PAT.invalid)] }

  it('gives vmcb02 on the machine the g_pat that the search said, in every class of orders', () => {
    const stores = [storeTo('save.g_pat', PAT.l2), storeTo('save.g_pat', PAT.vmcb12)]
    const orders: RaceEvent[][] = []
    exploreRace({ ...setup, second: stores }, { onExecution: (events) => orders.push([...events]) })
    const used = orders.map((events) => {
      const read = events.find(({ step }) => step.what === 'vmcb12 save.g_pat, to use')!
      return new DataView(read.data.slice().buffer).getBigUint64(0, true)
    })
    expect(new Set(used).size).toBe(3)
    for (const [i, events] of orders.entries()) {
      const { machine, l0 } = racingMachine({ ...setup, second: stores }, scheduleOf(events))
      machine.run(3000)
      expect(l0.events.find(({ kind }) => kind === 'decision')).toMatchObject({ value: used[i] })
    }
  })

  it('can be saved and restored on the way, and ends as it would have', () => {
    const schedule = scheduleOf(lossOf(setup, 'vmrun-succeeds', 'save.g_pat').trace)
    const { machine } = racingMachine(setup, schedule)
    const other = racingMachine(setup, schedule).machine
    const begin = machine.save()
    machine.run(400)
    const end = machine.digest()
    machine.restore(begin)
    for (let step = 0; step < 400; step += 50) {
      other.restore(machine.save())
      other.run(400 - step)
      expect(other.digest()).toBe(end)
      machine.run(50)
    }
  })

  it('refuses a state from another schedule', () => {
    const saved = racingMachine(setup, [0, 0, 0]).machine
    saved.run(400)
    expect(() => racingMachine(setup, [0]).machine.restore(saved.save())).toThrow()
  })

  it('of another order of the same steps harms nothing', () => {
    const { trace } = lossOf(setup, 'vmrun-succeeds', 'save.g_pat')
    const storedLast = [...scheduleOf(trace).filter((side) => side === 0), 1]
    const { machine, l0 } = racingMachine(setup, storedLast)
    machine.run(3000)
    expect(l0.events.find((event) => event.kind === 'vmexit')).toMatchObject({ code: 0x81n })
  })
})
