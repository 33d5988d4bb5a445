import { describe, expect, it } from 'vitest'
import { design } from './designs.fixture.ts'
import type { Decisions } from './decisions.ts'
import type { Migration } from './migration.ts'
import { movedNestedPat, NESTED_PAT, nestedPatRow, runNestedPat, type NestedPatRound } from './nested-pat.ts'

const { l1, l2, vmcb12, invalid } = NESTED_PAT
const VMMCALL = 0x81n
const INVALID = -1n

interface Row {
  /** Exit code of VMRUN with an illegal g_pat, nested paging on. */
  readonly invalid: bigint
  /** Nested paging on: what L2 reads first, what L1 reads afterwards, and vmcb12's g_pat then. */
  readonly l2Reads: bigint
  readonly l1Reads: bigint
  readonly vmcb12: bigint
}

const SHARED: Row = { invalid: VMMCALL, l2Reads: l1, l1Reads: l2, vmcb12 }
const SEPARATE: Row = { invalid: INVALID, l2Reads: vmcb12, l1Reads: l1, vmcb12: l2 }

/** The designs side by side. Without nested paging all of them are alike. */
const TABLE: readonly (readonly [design: string, quirk: boolean | undefined, Row])[] = [
  ['before-the-series', undefined, SHARED],
  ['live-page', undefined, SEPARATE],
  ['control-cache', undefined, SEPARATE],
  ['own-field', undefined, SEPARATE],
  ['save-cache-with-controls', undefined, SEPARATE],
  ['as-merged', true, SHARED],
  ['as-merged', false, SEPARATE],
  ['checked-only', undefined, SEPARATE],
]

const MIGRATIONS = [undefined, { msrs: 'before' }, { msrs: 'after' }] as const

/** The values L2 and L1 find in `rounds` VMRUNs: whatever L2 wrote in the first one it finds in the next. */
function expected(rounds: number, first: Omit<NestedPatRound, 'exitCode' | 'l2ReadsBack'>): NestedPatRound[] {
  return Array.from({ length: rounds }, (_, round) => ({
    ...first,
    exitCode: VMMCALL,
    l2Reads: round === 0 ? first.l2Reads : l2,
    l2ReadsBack: l2,
  }))
}

describe.each(TABLE)('%s (quirk: %s)', (name, sharedPatQuirk, row) => {
  const base = { decisions: design(name), ...(sharedPatQuirk === undefined ? {} : { sharedPatQuirk }) }

  it('has its row in the table', () => {
    const { invalid: exitCode, nestedPaging, noNestedPaging } = nestedPatRow(base.decisions, sharedPatQuirk)
    const { l2Reads, l1Reads, vmcb12: left } = nestedPaging
    expect({ invalid: exitCode, l2Reads, l1Reads, vmcb12: left }).toEqual(row)
    expect(noNestedPaging).toEqual(expected(1, { l2Reads: l1, l1Reads: l2, vmcb12 })[0])
  })

  it('does not look at an illegal g_pat with nested paging off', () => {
    expect(runNestedPat({ ...base, nestedPaging: false, gPat: invalid })[0].exitCode).toBe(VMMCALL)
  })

  it.each(MIGRATIONS)(
    'gives L2 its PAT with nested paging on, once and ten times (moved: %o)',
    (migration) => {
      const moved = migration === undefined ? {} : { migration }
      const first = { l2Reads: row.l2Reads, l1Reads: row.l1Reads, vmcb12: row.vmcb12 }
      for (const rounds of [1, 10])
        expect(runNestedPat({ ...base, ...moved, nestedPaging: true, rounds })).toEqual(
          expected(rounds, first),
        )
    },
  )

  it.each(MIGRATIONS)(
    'shares one PAT with nested paging off, once and ten times (moved: %o)',
    (migration) => {
      const moved = migration === undefined ? {} : { migration }
      for (const rounds of [1, 10])
        expect(runNestedPat({ ...base, ...moved, nestedPaging: false, rounds })).toEqual(
          expected(rounds, { l2Reads: l1, l1Reads: l2, vmcb12 }),
        )
    },
  )
})

describe('the processor itself', () => {
  it('has the row of the designs with two PATs', () => {
    const { invalid: exitCode, nestedPaging, noNestedPaging } = nestedPatRow(undefined)
    const { l2Reads, l1Reads, vmcb12: left } = nestedPaging
    expect({ invalid: exitCode, l2Reads, l1Reads, vmcb12: left }).toEqual(SEPARATE)
    expect(noNestedPaging).toEqual(expected(1, { l2Reads: l1, l1Reads: l2, vmcb12 })[0])
  })
})

/** What L2 and L1 read after the move; undefined when the state is refused. */
type Pats = readonly [l2: bigint, l1: bigint] | undefined

/** A value that no check accepts. */
const GARBAGE = 0x0203n
const RESET = 0x0007_0406_0007_0406n

describe('a vCPU that is moved after L2 has written its PAT', () => {
  const both: Pats = [l2, l1]
  const shared: Pats = [l2, l2]
  const ofL1: Pats = [l1, l1]
  type Columns = [today: [Pats, Pats], older: [Pats, Pats], toOlder: [Pats, Pats]]
  const moves: [string, boolean | undefined, ...Columns][] = [
    ['before-the-series', undefined, [shared, shared], [shared, shared], [shared, shared]],
    ['control-cache', undefined, [both, both], [ofL1, [l1, RESET]], [shared, shared]],
    ['save-cache-with-controls', undefined, [both, both], [undefined, undefined], [ofL1, ofL1]],
    ['own-field', undefined, [both, both], [ofL1, ofL1], [ofL1, ofL1]],
    ['as-merged', true, [shared, shared], [shared, shared], [shared, shared]],
    ['as-merged', false, [both, both], [[0n, l1], [0n, l1]], [ofL1, ofL1]], // prettier-ignore
  ]

  function pats(
    decisions: Decisions,
    quirk: boolean | undefined,
    move: Pick<Migration, 'olderGPat' | 'to'> = {},
  ): readonly (Pats | undefined)[] {
    return (['before', 'after'] as const).map((msrs) => {
      const round = movedNestedPat(decisions, quirk, { msrs, ...move })
      return round && [round.l2ReadsBack, round.l1Reads]
    })
  }

  it.each(moves)('%s (quirk: %s)', (name, quirk, today, older, toOlder) => {
    expect(pats(design(name), quirk)).toEqual(today)
    expect(pats(design(name), quirk, { olderGPat: GARBAGE })).toEqual(older)
    expect(pats(design(name), quirk, { to: design('before-the-series') })).toEqual(toOlder)
  })

  it.each([
    ['keeps both PATs', 'the other is the same', 'own-field', both],
    ['loses that of L2', 'the other sets no flag, and this one asks for it', 'as-merged', ofL1],
    ['loses that of L1 to the write of L2', 'the other has only one', 'before-the-series', shared],
  ])('and back, and again, %s if %s', (_loss, _reason, other, found) => {
    const to: Decisions = { ...design(other), shared_pat_quirk: other === 'as-merged' ? 'off' : 'absent' }
    const migration: Migration = { msrs: 'after', at: ['l2'], to }
    const [round] = runNestedPat({ decisions: design('own-field'), nestedPaging: true, migration })
    expect([round.l2ReadsBack, round.l1Reads]).toEqual(found)
  })
})
