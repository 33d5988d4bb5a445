import { describe, expect, it } from 'vitest'
import { deriveType, type EntryType, type TypeSources } from '../machine/index.ts'
import type { Verdict } from './condition-kind.ts'
import { conditionSchema } from './condition-schemas.ts'
import { judge } from './conditions.ts'
import type { ExitFact, Outcome } from './outcome.ts'

function entry(sources: Partial<TypeSources>): EntryType {
  return {
    ...deriveType({ guestPat: 'WB', nestedPat: undefined, mtrr: 'WB', cacheDisable: false, ...sources }),
    guestSlot: 0,
    nestedSlot: sources.nestedPat && 0,
  }
}

function exit(name: string, asid: number): ExitFact {
  return { name, asid, vmcb: 0x1000, guestInstructions: 1, failedChecks: [] }
}

/** After guests 1 and 2 ran and a third VMRUN failed; entries by ASID. */
function outcome(entries: Readonly<Record<number, EntryType>>, exits?: readonly ExitFact[]): Outcome {
  return {
    exits: exits ?? [exit('vmmcall', 1), exit('vmmcall', 2), exit('invalid', 0)],
    vmruns: [
      { vmcb: 0x1000, fromCache: [] },
      { vmcb: 0x1000, fromCache: ['np', 'crx'] },
    ],
    end: 'halted',
    serial: '',
    symbols: new Map([['buffer', 0x20_0000n]]),
    register: () => undefined,
    memory: () => 0n,
    transactions: () => undefined,
    memoryType: (linear, asid) => (linear === 0x20_0000n ? entries[asid] : undefined),
    vmcbField: () => undefined,
    l0: undefined,
    race: () => undefined,
    scenario: () => undefined,
  }
}

function verdict(found: Outcome, wanted: Record<string, unknown>): Verdict {
  return judge(found, conditionSchema.parse({ 'memory-type': { at: 'buffer', ...wanted } }))
}

describe('the condition memory-type', () => {
  const survived = entry({ guestPat: 'WC', nestedPat: 'UC' })

  it('looks at the guest that ran last, and names the derivation', () => {
    expect(verdict(outcome({ 1: entry({}), 2: survived }), { is: 'WC' })).toEqual({
      met: true,
      reason:
        'for the guest with ASID 2, buffer is WC: guest PAT WC and nested PAT UC make WC, MTRR WB makes that WC',
    })
  })

  it('can name another guest, or the host as 0', () => {
    const found = outcome({ 0: entry({ mtrr: 'UC' }), 1: entry({ cacheDisable: true }), 2: survived })
    expect(verdict(found, { is: 'WC', asid: 1n })).toEqual({
      met: false,
      reason: 'for the guest with ASID 1, buffer is CD: PAT WB, MTRR WB makes that WB, CR0.CD makes that CD',
    })
    expect(verdict(found, { is: 'UC', asid: 0n })).toEqual({
      met: true,
      reason: 'for the host, buffer is UC: PAT WB, MTRR UC makes that UC',
    })
  })

  it.each([
    ['guest-pat', 'WC', 'UC'],
    ['nested-pat', 'UC', 'UC-'],
    ['mtrr', 'WB', 'WC'],
  ])('can ask where the type comes from: %s', (key, right, wrong) => {
    const found = outcome({ 2: survived })
    expect(verdict(found, { is: 'WC', [key]: right }).met).toBe(true)
    expect(verdict(found, { is: 'WC', [key]: wrong }).met).toBe(false)
  })

  it('is not met by a nested PAT type where there is no nested paging', () => {
    expect(verdict(outcome({ 2: entry({}) }), { is: 'WB', 'nested-pat': 'WB' }).met).toBe(false)
  })

  it('says what is missing: the translation, the guest, the symbol', () => {
    const found = outcome({})
    expect(verdict(found, { is: 'WB' })).toEqual({
      met: false,
      reason: 'the guest with ASID 2 has no translation of buffer',
    })
    expect(verdict(found, { is: 'WB', at: 0x5000n, asid: 0n }).reason).toBe(
      'the host has no translation of 5000h',
    )
    expect(verdict(outcome({}, [exit('invalid', 0)]), { is: 'WB' }).reason).toBe('no guest ran')
    expect(verdict(found, { is: 'WB', at: 'gone' }).reason).toBe('the program has no symbol gone')
  })

  it('refuses types that cannot be', () => {
    const parses = (wanted: object): boolean =>
      conditionSchema.safeParse({ 'memory-type': { at: 'buffer', ...wanted } }).success
    expect(parses({ is: 'WC+' })).toBe(true)
    expect(parses({ is: 'UC-' })).toBe(false)
    expect(parses({ is: 'UC', 'guest-pat': 'UC-' })).toBe(true)
    expect(parses({ is: 'UC', 'guest-pat': 'WC+' })).toBe(false)
    expect(parses({ is: 'UC', mtrr: 'UC-' })).toBe(false)
  })
})

describe('the condition bus', () => {
  const line = {
    instructions: 1,
    agent: 0,
    cause: 'full',
    kind: 'combined-write',
    address: 0x20_0000,
  } as const
  const withTraffic: Outcome = {
    ...outcome({}),
    transactions: (from) => (from === 0x20_0000 ? [{ ...line, data: new Uint8Array(64) }] : []),
  }
  const crossed = (found: Outcome, at: string, ...are: string[]): Verdict =>
    judge(found, conditionSchema.parse({ bus: { at, are } }))

  it('wants exactly these transactions at an address', () => {
    expect(crossed(withTraffic, 'buffer', 'combined-write 64').met).toBe(true)
    expect(crossed(withTraffic, 'buffer', 'write 8')).toEqual({
      met: false,
      reason: 'the transactions there were combined-write 64',
    })
    expect(crossed(withTraffic, 'buffer + 64')).toEqual({
      met: true,
      reason: 'nothing crossed the bus there',
    })
  })

  it('is not met by a machine without caches, whose bus nobody looks at', () => {
    expect(crossed(outcome({}), 'buffer')).toEqual({ met: false, reason: 'the machine has no caches' })
  })
})

describe('the condition from-cache', () => {
  const cached = (wanted: Record<string, unknown>): Verdict =>
    judge(outcome({}), conditionSchema.parse({ 'from-cache': wanted }))

  it('wants exactly these groups at one VMRUN, in any order', () => {
    expect(cached({ vmrun: 1n, are: ['crx', 'np'] }).met).toBe(true)
    expect(cached({ vmrun: 1n, are: ['np'] })).toEqual({
      met: false,
      reason: 'VMRUN 1 took np, crx from the state cache',
    })
    expect(cached({ are: ['np'] })).toEqual({
      met: false,
      reason: 'VMRUN 0 took nothing from the state cache',
    })
  })

  it('is not met by a VMRUN that never was', () => {
    expect(cached({ vmrun: 2n, are: [] })).toEqual({ met: false, reason: 'VMRUN was executed 2 times' })
  })

  it('refuses a group that does not exist', () => {
    expect(() => cached({ are: ['gpat'] })).toThrow()
  })
})
