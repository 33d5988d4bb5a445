import { describe, expect, it } from 'vitest'
import { vmcbField } from '../svm/index.ts'
import { inForce, L2_FIELDS } from './decisions.ts'
import { design } from './designs.fixture.ts'
import { multinomial } from './explorer.fixture.ts'
import { scheduleOf, type RaceEvent } from './explorer.ts'
import { PAT } from './handlers.fixture.ts'
import { VMCB } from './l0.fixture.ts'
import { boundsOf, raceOf } from './race-model.ts'
import { sightings } from './race-properties.ts'
import type { Action } from './race-vcpu.ts'
import { exploreRace, racingMachine, replay, startUnder, storeTo, VMRUN_OF_VMCB12 } from './race.fixture.ts'
import { CLEAN_BIT, get } from './vmcb-image.ts'

const merged = inForce(design('as-merged'), false)
const livePage = design('live-page')

/** L1 says that nothing of a group has changed since the VMRUN before. */
function markClean(...groups: readonly string[]): Action {
  const bits = groups.reduce((mask, group) => mask | CLEAN_BIT.get(group)!, 0n)
  return storeTo('control.clean_bits', bits, 4)
}

/** VMRUN, until L2 has left. */
const ROUND_TRIP: readonly Action[] = [VMRUN_OF_VMCB12, 'vmmcall']

function boundsOfFields(...fields: readonly string[]): number[] {
  return boundsOf(fields.map(vmcbField).map(({ offset, bytes }) => ({ address: VMCB + offset, bytes })))
}

function valueOf(events: readonly RaceEvent[], field: string): bigint {
  return sightings(
    events.filter(({ side }) => side === 0),
    merged,
  ).get(field)![0].value
}

describe('a copy of the save area', () => {
  const second = [storeTo('save.cr0', 0x8005_0033n), storeTo('save.g_pat', PAT.l2)]
  const setup = { decisions: merged, second }

  it('has the old value of one field and the new one of another, though the stores came in the other order', () => {
    const seen = new Map<string, number[]>()
    const report = exploreRace(setup, {
      onExecution: (events) =>
        seen.set(
          [valueOf(events, 'save.cr0'), valueOf(events, 'save.g_pat')]
            .map((value) => value.toString(16))
            .join(),
          scheduleOf(events),
        ),
    })
    expect(report).toMatchObject({ isComplete: true, tried: 4, losses: [] })
    expect(seen.size).toBe(4)
    const [old] = [...seen.keys()].find((key) => key.endsWith('606060606060604'))!.split(',')
    expect(old).not.toBe('80050033')
  })

  it('has on the machine what the search said, in each of its orders', () => {
    const orders: RaceEvent[][] = []
    exploreRace(setup, { onExecution: (events) => orders.push([...events]) })
    for (const events of orders) {
      const { machine, l0 } = racingMachine(setup, scheduleOf(events))
      machine.run(3000)
      for (const field of ['save.cr0', 'save.g_pat'])
        expect(get(l0.state(0).nested.save, field)).toBe(valueOf(events, field))
    }
  })
})

describe('two VMRUNs in a row', () => {
  const first = [...ROUND_TRIP, markClean('np'), VMRUN_OF_VMCB12]
  const second = [storeTo('save.g_pat', PAT.invalid), storeTo('save.g_pat', PAT.vmcb12)]

  it('of the live page: a clean bit keeps in vmcb02 what no check has seen, and VMRUN fails again', () => {
    const setup = { decisions: livePage, first, second }
    const report = exploreRace(setup)
    expect(report.isComplete).toBe(true)
    const kept = report.losses.find(({ finding }) => finding.text.includes('a clean bit kept'))!
    expect(kept.finding).toMatchObject({ property: 'used-as-checked', field: 'save.g_pat' })
    const { l0 } = replay(setup, kept)
    const exits = l0.events.filter((event) => event.kind === 'vmexit')
    expect(exits.map(({ code, failedChecks }) => [BigInt.asIntN(64, code), failedChecks])).toEqual([
      [-1n, []],
      [-1n, []],
    ])
  })

  it('of what was merged: nothing is found, for stores to each pair of neighbouring fields', () => {
    const stores = L2_FIELDS.filter(({ bytes }) => [1, 2, 4, 8].includes(bytes)).map(({ key }) =>
      storeTo(key, 0x0808_0808_0808_0808n),
    )
    const everything = markClean(...CLEAN_BIT.keys())
    let executions = 0
    for (const [i, store] of stores.entries()) {
      const neighbour = stores[(i + 1) % stores.length]
      const race = { decisions: merged, first: [...ROUND_TRIP, everything, VMRUN_OF_VMCB12] }
      const report = exploreRace({ ...race, second: [store, neighbour] })
      expect(report).toMatchObject({ isComplete: true, losses: [] })
      executions += report.tried
    }
    expect(executions).toBeGreaterThan(stores.length * 10)
  })
})

describe('two vCPUs that execute VMRUN of the same VMCB', () => {
  const cuts = boundsOfFields('save.rip', 'save.g_pat')
  /** One says what L2's PAT is to be next while the other one enters. */
  const second = [...ROUND_TRIP, storeTo('save.g_pat', PAT.invalid), VMRUN_OF_VMCB12]

  it('lose with the live page: one stores between the check and the use of the other one', () => {
    const setup = { decisions: livePage, second, cuts: boundsOfFields('save.g_pat') }
    const report = exploreRace(setup)
    const loss = report.losses.find(({ finding }) => finding.property === 'vmrun-succeeds')!
    expect(loss.finding).toMatchObject({ side: 0, field: 'save.g_pat' })
    const { l0 } = replay(setup, loss)
    const exits = l0.events.filter((event) => event.kind === 'vmexit' && event.processor === 0)
    expect(exits[0]).toMatchObject({ code: 2n ** 64n - 1n, failedChecks: [] })
  })

  it('use what was checked with what was merged, while each writes back what the other one reads', () => {
    const report = exploreRace({ decisions: merged, first: ROUND_TRIP, second: ROUND_TRIP, cuts })
    expect(report).toMatchObject({ isComplete: true, tried: 120, losses: [], cuts })
  })
})

describe('the explorer, of longer races', () => {
  const store = storeTo('save.rip', 1n)
  it.each([
    {
      name: 'two VMRUNs in a row',
      designs: ['as-merged', 'live-page', 'checked-only'],
      first: [...ROUND_TRIP, VMRUN_OF_VMCB12],
      second: [store],
    },
    {
      name: 'two vCPUs',
      designs: ['as-merged', 'live-page'],
      first: ROUND_TRIP,
      second: [VMRUN_OF_VMCB12],
    },
  ])('finds with reduction what it finds without, and tries what the formula says: $name', (race) => {
    for (const name of race.designs) {
      const setup = { decisions: inForce(design(name), false), first: race.first, second: race.second }
      let lengths = [0, 0]
      const full = exploreRace(setup, {
        reduce: false,
        onExecution: (events) => {
          lengths = [0, 1].map((side) => events.filter((event) => event.side === side).length)
        },
      })
      const reduced = exploreRace(setup)
      expect([full.isComplete, reduced.isComplete]).toEqual([true, true])
      expect(full.tried).toBe(multinomial(...lengths))
      expect(reduced.tried).toBeLessThan(full.tried)
      const found = ({ losses }: typeof full) =>
        losses.map(({ finding, trace }) => `${finding.text} in ${trace.length}`).sort()
      expect(found(reduced)).toEqual(found(full))
    }
  })

  it('refuses a VMRUN of a vCPU that the machine does not have', () => {
    expect(() => raceOf(startUnder(merged), [[], [], [VMRUN_OF_VMCB12]])).toThrow(RangeError)
  })
})

describe('a replay with cuts', () => {
  it('can be saved and restored inside a copy, and ends as it would have', () => {
    const second = [storeTo('save.cr0', 0x8005_0033n), storeTo('save.g_pat', PAT.l2)]
    const setup = { decisions: merged, second }
    const schedule = [0, 0, 1, 1, 0, 0]
    const { machine } = racingMachine(setup, schedule)
    const other = racingMachine(setup, schedule).machine
    const begin = machine.save()
    machine.run(400)
    const end = machine.digest()
    machine.restore(begin)
    for (let step = 0; step < 400; step += 25) {
      other.restore(machine.save())
      other.run(400 - step)
      expect(other.digest()).toBe(end)
      machine.run(25)
    }
  })
})
