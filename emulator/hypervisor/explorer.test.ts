import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDecisions } from './decisions.ts'
import { design } from './designs.fixture.ts'
import { multinomial } from './explorer.fixture.ts'
import { areDependent, explore, type Execution, type Race, type RaceEvent, type Step } from './explorer.ts'
import { PAT } from './handlers.fixture.ts'
import { exploreRace, startUnder, storeTo } from './race.fixture.ts'
import { raceForVmcb12 } from './race-model.ts'
import type { Store } from './race-vcpu.ts'

/** A side that only stores, for the explorer alone: a number is the byte that the step writes, a negative one reads it. */
function abstractRace(sides: readonly (readonly number[])[]): Race {
  const step = (byte: number): Step => {
    const range = { address: Math.abs(byte), bytes: 1 }
    return byte < 0
      ? { kind: 'read', what: '', reads: [range], writes: [] }
      : { kind: 'write', what: '', reads: [], writes: [range] }
  }
  return {
    cuts: [],
    footprints: sides.map(() => undefined),
    begin(): Execution {
      const memory = new Map<number, number>()
      let clock = 0
      const read: string[] = []
      return {
        sides: sides.map((bytes, side) => {
          let done = 0
          return {
            get next() {
              return done < bytes.length ? step(bytes[done]) : undefined
            },
            advance() {
              const byte = bytes[done++]
              if (byte >= 0) memory.set(byte, side * 100 + done)
              else read.push(`${side}.${done} read ${memory.get(-byte) ?? 0}`)
              clock++
              return new Uint8Array()
            },
          }
        }),
        judge: () =>
          clock === 0
            ? []
            : read.map((text) => {
                const [side, ordinal] = text.split(' ')[0].split('.').map(Number)
                return { property: 'read', field: '', text, side, ordinal: ordinal - 1 }
              }),
      }
    },
  }
}

/** Names a class of orders: for each step, which earlier steps of other sides it depends on. */
function classOf(events: readonly RaceEvent[]): string {
  const nameOf = ({ side, ordinal }: RaceEvent): string => `${side}.${ordinal}`
  return events
    .map(
      (event) =>
        `${nameOf(event)}<${event.after
          .map((i) => nameOf(events[i]))
          .sort()
          .join(',')}`,
    )
    .sort()
    .join(' ')
}

/** What the two ways must agree on, and that the reduced one tries each class exactly once. */
function compare(race: Race) {
  const classes = new Set<string>()
  const full = explore(race, { reduce: false, onExecution: (events) => classes.add(classOf(events)) })
  const reduced = explore(race)
  expect([full.isComplete, reduced.isComplete]).toEqual([true, true])
  const found = ({ losses }: typeof full) =>
    losses.map(({ finding, trace }) => `${finding.property} ${finding.text} in ${trace.length}`).sort()
  expect(found(reduced)).toEqual(found(full))
  expect(reduced.tried).toBe(classes.size)
  return { full, reduced }
}

describe('the explorer', () => {
  it.each([[[3, 2]], [[2, 2, 2]], [[5, 1]], [[1, 1, 1, 1]]])(
    'tries as many orders as the multinomial coefficient says, and one of them when all steps are independent: %s',
    (counts) => {
      const race = abstractRace(
        counts.map((n, side) => Array.from({ length: n }, (_, i) => side * 10 + i + 1)),
      )
      expect(explore(race, { reduce: false }).tried).toBe(multinomial(...counts))
      expect(explore(race)).toMatchObject({ tried: 1, losses: [] })
    },
  )

  it('tries every order of steps on one byte', () => {
    expect(
      explore(
        abstractRace([
          [1, 1, 1],
          [1, 1],
        ]),
      ).tried,
    ).toBe(multinomial(3, 2))
  })

  it('tries each class of orders once, and finds in it what all orders together show', () => {
    const byte = fc.integer({ min: -3, max: 3 }).filter((n) => n !== 0)
    const sides = fc.array(fc.array(byte, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 3 })
    fc.assert(
      fc.property(sides, (steps) => {
        compare(abstractRace(steps))
      }),
      { numRuns: 60 },
    )
  })

  it('stops at its bound, and says so', () => {
    const race = abstractRace([
      [1, 1, 1, 1],
      [1, 1, 1, 1],
    ])
    expect(explore(race, { bound: { executions: 10, steps: 100 } })).toMatchObject({
      tried: 10,
      isComplete: false,
    })
    expect(explore(race, { bound: { executions: 1000, steps: 7 } })).toMatchObject({
      tried: 0,
      longest: 7,
      isComplete: false,
    })
  })

  it('calls steps dependent when they share a byte and one writes it', () => {
    const at = (address: number, bytes: number) => [{ address, bytes }]
    expect(areDependent({ reads: at(0, 8), writes: [] }, { reads: at(0, 8), writes: [] })).toBe(false)
    expect(areDependent({ reads: at(0, 8), writes: [] }, { reads: [], writes: at(7, 1) })).toBe(true)
    expect(areDependent({ reads: at(0, 8), writes: [] }, { reads: [], writes: at(8, 1) })).toBe(false)
  })
})

describe('races for vmcb12', () => {
  it('of L0 and independent stores have as many orders as the formula says', () => {
    const decisions = design('live-page')
    const stores: Store[] = [0, 8].map((offset) => ({ address: 0x8_0000 + offset, bytes: 8, value: 1n }))
    const full = exploreRace({ decisions, second: stores }, { reduce: false })
    expect(full.tried).toBe(multinomial(full.longest - stores.length, stores.length))
    expect(exploreRace({ decisions, second: stores })).toMatchObject({ tried: 1, pruned: 0 })
  })

  it('come to the same findings with reduction as without, for any small design and any two stores', () => {
    const field = fc.constantFrom(
      'save.g_pat',
      'save.rip',
      'save.efer',
      'control.intercept_vector_4',
      'control.asid',
    )
    const live = fc.record({ check: fc.constantFrom('copy', 'live'), use: fc.constantFrom('copy', 'live') })
    const fields = fc.dictionary(field, live, { maxKeys: 3 })
    const value = fc.constantFrom(0n, 1n, 3n, 0x1500n, BigInt(0x1_2000), PAT.invalid, PAT.l2)
    const attacks = fc.array(fc.record({ key: field, value }), { minLength: 1, maxLength: 2 })
    let losing = 0
    fc.assert(
      fc.property(fields, attacks, (written, list) => {
        const text = JSON.stringify({ format: 1, title: 'Any', fields: written })
        const { decisions } = parseDecisions('l0.yaml', text)
        const attack = list.map(({ key, value }) => storeTo(key, value))
        losing += compare(raceForVmcb12(startUnder(decisions!), [attack])).full.losing
      }),
      { numRuns: 25 },
    )
    expect(losing).toBeGreaterThan(0)
  })
})
