import { beforeEach, describe, expect, test } from 'vitest'
import { EXIT } from '../state/exit-codes.ts'
import { Exit } from '../state/faults.ts'
import { createCpuModel } from '../system/cpu-model.ts'
import { findBits } from './fields.ts'
import { CACHED_WORDS, groupNames, inspectStateCache } from './state-cache.ts'
import { svmTest, VMCB, type SvmTest } from './svm.fixture.ts'

const ALL_CLEAN = 0xffff_ffffn
const LBR_ON = { 'control.virtualization_extensions': 1n }
const NESTED = { 'control.nested_control': 1n, 'control.n_cr3': 0x5000n, 'save.g_pat': 0x06n }
const OTHER_VMCB = VMCB + 0x1000

/** `undefined` is the lazy policy. */
function svmTestWith(policy: 'aggressive' | 'random' | undefined, seed = 0): SvmTest {
  const test = svmTest()
  if (policy !== undefined) Object.assign(test.cpu, { stateCache: { policy, seed } })
  return test
}

/** Runs the guest to a #VMEXIT(VMMCALL) at its first instruction. */
function runOnce(test: SvmTest): string[] {
  test.cpu.state.gpr[0] = BigInt(VMCB)
  const failed = test.vmrun()
  if (failed.length === 0) test.cpu.virtualization.exit(test.cpu, new Exit(EXIT.VMMCALL), 0n)
  return failed
}

/** A field's clean-bit group, the field, another value of it, and what of the processor shows which value was loaded. */
type Edit = readonly [string, string, bigint, (test: SvmTest) => unknown]

const EDITS: readonly Edit[] = [
  ['i', 'control.intercept_vector_3', 4n, ({ cpu }) => cpu.state.intercepts[3]],
  ['i', 'control.tsc_offset', 0x1234n, ({ cpu }) => cpu.state.tscOffset],
  ['i', 'control.pause_filter_count', 7n, ({ cpu }) => cpu.state.pauseFilterCount],
  ['iopm', 'control.iopm_base_pa', 0x3000n, ({ cpu }) => cpu.state.iopmBase],
  ['iopm', 'control.msrpm_base_pa', 0x4000n, ({ cpu }) => cpu.state.msrpmBase],
  ['asid', 'control.asid', 9n, ({ cpu }) => cpu.state.asid],
  ['tpr', 'control.virtual_interrupt', 5n, ({ cpu }) => cpu.state.virtualInterrupt],
  ['np', 'control.n_cr3', 0x7000n, ({ cpu }) => cpu.state.nCr3],
  ['np', 'save.g_pat', 0x0101n, ({ cpu }) => cpu.state.gPat],
  ['crx', 'save.cr0', 0x8000_0035n, ({ cpu }) => cpu.state.cr0],
  ['crx', 'save.cr3', 0x9000n, ({ cpu }) => cpu.state.cr3],
  ['crx', 'save.cr4', 0xa0n, ({ cpu }) => cpu.state.cr4],
  ['crx', 'save.efer', 0x1d00n, ({ cpu }) => cpu.state.efer],
  ['drx', 'save.dr6', 0xffff_0ff1n, ({ cpu }) => cpu.state.dr6],
  ['drx', 'save.dr7', 0x500n, ({ cpu }) => cpu.state.dr7],
  ['dt', 'save.gdtr.base', 0x6000n, ({ cpu }) => cpu.state.gdtrBase],
  ['dt', 'save.idtr.limit', 0x77n, ({ cpu }) => cpu.state.idtrLimit],
  ['seg', 'save.cs.base', 0x100n, ({ cpu }) => cpu.state.segments[1].base],
  ['seg', 'save.cpl', 3n, ({ cpu }) => cpu.state.cpl],
  ['cr2', 'save.cr2', 0x88n, ({ cpu }) => cpu.state.cr2],
  ['lbr', 'save.dbgctl', 2n, ({ cpu }) => cpu.state.debugCtl],
  ['lbr', 'save.lastexcpto', 8n, ({ cpu }) => cpu.state.lastIntToIp],
]

const UNCACHED: readonly Edit[] = [
  ['', 'save.rip', 0x4444n, ({ cpu }) => cpu.state.rip],
  ['', 'save.rsp', 0x5555n, ({ cpu }) => cpu.state.gpr[4]],
  ['', 'save.rax', 0x66n, ({ cpu }) => cpu.state.gpr[0]],
  ['', 'save.rflags', 0x203n, ({ cpu }) => cpu.state.flagsOther],
  ['', 'control.pause_filter_threshold', 7n, ({ cpu }) => cpu.state.pauseFilterThreshold],
  ['', 'control.interrupt_shadow', 1n, ({ cpu }) => cpu.state.interruptShadow],
]

/** What a second VMRUN loads after the edit with these clean bits; what it would load from memory; what there was before. */
function secondRun(
  clean: bigint,
  [, field, value, observe]: Edit,
): Record<'found' | 'memory' | 'old', unknown> {
  const observed = (policy: 'aggressive' | undefined, fields: Readonly<Record<string, bigint>>): unknown => {
    const test = svmTestWith(policy)
    test.set({ ...NESTED, ...LBR_ON })
    runOnce(test)
    test.set({ ...fields, 'control.clean_bits': clean })
    test.cpu.state.gpr[0] = BigInt(VMCB)
    expect(test.vmrun()).toEqual([])
    return observe(test)
  }
  return {
    found: observed('aggressive', { [field]: value }),
    memory: observed(undefined, { [field]: value }),
    old: observed(undefined, {}),
  }
}

test('every word of the cache has one group and a place in the vCPU block', () => {
  expect(new Set(CACHED_WORDS.map(({ offset }) => offset)).size).toBe(CACHED_WORDS.length)
  expect(CACHED_WORDS.length).toBeLessThanOrEqual(svmTest().cpu.state.vmcbCache.length)
  const shared = CACHED_WORDS.filter(({ mask }) => mask !== -1).map(({ offset }) => offset)
  expect(shared).toEqual([0x3c, 0x4c8])
})

describe('an aggressive processor', () => {
  test.each(EDITS)('takes group %s from its copy when the clean bit is 1: %s', (...edit) => {
    const { found, memory, old } = secondRun(ALL_CLEAN, edit)
    expect(memory).not.toEqual(old)
    expect(found).toEqual(old)
  })

  test.each(EDITS)('reads group %s from memory when its clean bit alone is 0: %s', (...edit) => {
    const bit = 1n << BigInt(findBits(`control.clean_bits.${edit[0]}`)!.bit!.low)
    const { found, memory } = secondRun(ALL_CLEAN & ~bit, edit)
    expect(found).toEqual(memory)
  })

  test.each(UNCACHED)('always reads what no group covers%s: %s', (...edit) => {
    const { found, memory, old } = secondRun(ALL_CLEAN, edit)
    expect(memory).not.toEqual(old)
    expect(found).toEqual(memory)
  })
})

describe('the cache', () => {
  let run: SvmTest
  beforeEach(() => {
    run = svmTestWith('aggressive')
    run.set(NESTED)
  })

  test('has the address of the VMCB for its tag: in another VMCB clean bits mean nothing', () => {
    runOnce(run)
    const { memory, state } = run.cpu
    memory.load(OTHER_VMCB, memory.dump(VMCB, 0x1000))
    memory.load(OTHER_VMCB + 0x668, Uint8Array.of(4, 0, 0, 0))
    memory.load(OTHER_VMCB + 0xc0, Uint8Array.of(0xff, 0xff, 0, 0))
    state.gpr[0] = BigInt(OTHER_VMCB)
    run.vmrun()
    expect(state.gPat).toBe(4n)
  })

  test('keeps what #VMEXIT wrote back', () => {
    run.cpu.state.gpr[0] = BigInt(VMCB)
    run.vmrun()
    run.cpu.state.cr2 = 0x1234n
    run.cpu.state.virtualInterrupt = 0x0103
    run.cpu.virtualization.exit(run.cpu, new Exit(EXIT.VMMCALL), 0n)
    run.set({ 'save.cr2': 0n, 'control.virtual_interrupt': 0n, 'control.clean_bits': ALL_CLEAN })
    run.cpu.state.gpr[0] = BigInt(VMCB)
    run.vmrun()
    expect(run.cpu.state.cr2).toBe(0x1234n)
    expect(run.cpu.state.virtualInterrupt).toBe(0x0103)
  })

  test('is merged before the checks: a bad G_PAT in memory passes while the copy is used, and fails while it is not', () => {
    expect(runOnce(run)).toEqual([])
    run.set({ 'save.g_pat': 2n, 'control.clean_bits': ALL_CLEAN })
    expect(runOnce(run)).toEqual([])
    run.set({ 'save.g_pat': 2n, 'control.clean_bits': ALL_CLEAN & ~0x10n })
    expect(runOnce(run)).toEqual(['g-pat-type'])
  })

  test('stays as it was when VMRUN fails, and the failed VMRUN can be repeated', () => {
    runOnce(run)
    const before = inspectStateCache(run.cpu.state)
    run.set({ 'control.asid': 0n })
    expect(runOnce(run)).toEqual(['asid-zero'])
    expect(inspectStateCache(run.cpu.state)).toEqual(before)
    run.set({ 'control.clean_bits': ALL_CLEAN })
    expect(runOnce(run)).toEqual([])
  })

  test('leaves the clean field alone', () => {
    run.set({ 'control.clean_bits': 0x1234_5678n })
    runOnce(run)
    expect(run.get('control.clean_bits')).toBe(0x1234_5678n)
  })

  test('has no N_CR3 and G_PAT after a run without nested paging', () => {
    run.set({ 'control.nested_control': 0n })
    runOnce(run)
    run.set({ ...NESTED, 'save.g_pat': 5n, 'control.clean_bits': ALL_CLEAN })
    runOnce(run)
    expect(run.get('save.g_pat')).toBe(5n)
    expect(inspectStateCache(run.cpu.state).groups.find(({ group }) => group === 'np')!.valid).toBe(true)
  })

  test('shows its groups with their values', () => {
    expect(inspectStateCache(run.cpu.state)).toMatchObject({ vmcb: undefined })
    runOnce(run)
    const { vmcb, groups } = inspectStateCache(run.cpu.state)
    expect(vmcb).toBe(VMCB)
    expect(groups.map(({ group, valid }) => [group, valid])).toEqual(
      ['i', 'iopm', 'asid', 'tpr', 'np', 'crx', 'drx', 'dt', 'seg', 'cr2', 'lbr'].map((group) => [
        group,
        group !== 'lbr',
      ]),
    )
    expect(groups[4].values).toEqual([
      { field: 'control.n_cr3', value: 0x5000n },
      { field: 'save.g_pat', value: 6n },
    ])
  })

  test('is not used by a processor without clean bits', () => {
    Object.assign(run.cpu, { model: createCpuModel('default,-vmcbclean') })
    runOnce(run)
    run.set({ 'save.g_pat': 5n, 'control.clean_bits': ALL_CLEAN })
    runOnce(run)
    expect(run.cpu.state.gPat).toBe(5n)
  })

  test('stays empty in a lazy processor', () => {
    const lazy = svmTest()
    runOnce(lazy)
    expect(inspectStateCache(lazy.cpu.state).groups.some(({ valid }) => valid)).toBe(false)
  })
})

describe('a random processor', () => {
  /** The groups that come from the cache in 32 runs at different times. */
  function groupsTaken(seed: number): string[] {
    const test = svmTestWith('random', seed)
    const taken: string[] = []
    test.cpu.observer.vmrun = (_, fromCache) => taken.push(groupNames(fromCache).join(' '))
    test.set({ 'control.clean_bits': ALL_CLEAN })
    for (let i = 0; i < 32; i++) {
      runOnce(test)
      test.cpu.state.instructions++
    }
    return taken
  }

  test('takes every group now from its copy, now from memory', () => {
    const taken = groupsTaken(1).slice(1)
    for (const group of ['i', 'iopm', 'asid', 'tpr', 'crx', 'drx', 'dt', 'seg', 'cr2']) {
      const times = taken.filter((groups) => groups.split(' ').includes(group)).length
      expect(times).toBeGreaterThan(0)
      expect(times).toBeLessThan(taken.length)
    }
  })

  test('does the same again with the same seed, and something else with another', () => {
    expect(groupsTaken(1)).toEqual(groupsTaken(1))
    expect(groupsTaken(1)).not.toEqual(groupsTaken(2))
  })
})
