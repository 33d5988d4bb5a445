import { describe, expect, it } from 'vitest'
import { copyVmcb12 } from './copies.ts'
import { inForce, type Decisions } from './decisions.ts'
import { design } from './designs.fixture.ts'
import { PAT, perform, vcpuWithPat, VMCB12 } from './handlers.fixture.ts'
import { gPatToWriteBack, loadGPat, readPat, writePat } from './pat.ts'
import { emptyImage, type VcpuState } from './state.ts'
import { get, isClean, markAllClean, put } from './vmcb-image.ts'

/** L1 has executed VMRUN of a vmcb12 with a PAT of its own. */
function inL2(decisions: Decisions, nestedPaging: boolean, pat: bigint = PAT.vmcb12, clean = 0n): VcpuState {
  const vcpu = vcpuWithPat()
  enter(vcpu, decisions, nestedPaging, pat, clean)
  markAllClean(vcpu.vmcb01)
  markAllClean(vcpu.vmcb02)
  return vcpu
}

function enter(vcpu: VcpuState, decisions: Decisions, nestedPaging: boolean, pat: bigint, clean = 0n): void {
  const page = emptyImage()
  put(page, 'control.nested_control', nestedPaging ? 1n : 0n)
  put(page, 'control.clean_bits', clean)
  put(page, 'save.g_pat', pat)
  perform(copyVmcb12(vcpu.nested, decisions), page)
  perform(loadGPat(vcpu, decisions), page)
  vcpu.nested.guestMode = true
  vcpu.nested.last = VMCB12
}

const separate: [string, Decisions][] = [
  ['live-page', design('live-page')],
  ['own-field', design('own-field')],
  ['save-cache-with-controls', design('save-cache-with-controls')],
  ['as-merged, quirk off', inForce(design('as-merged'), false)],
]
const shared: [string, Decisions][] = [
  ['before-the-series', design('before-the-series')],
  ['as-merged, quirk on', inForce(design('as-merged'))],
]

describe.each(separate)('%s, nested paging on for L2', (_, decisions) => {
  it('gives L2 the PAT of vmcb12, and L2 changes that one only', () => {
    const vcpu = inL2(decisions, true)
    expect(get(vcpu.vmcb02, 'save.g_pat')).toBe(PAT.vmcb12)
    expect(readPat(vcpu, decisions, 'guest')).toBe(PAT.vmcb12)
    expect(writePat(vcpu, decisions, 'guest', PAT.l2)).toBe(true)
    expect(readPat(vcpu, decisions, 'guest')).toBe(PAT.l2)
    expect(gPatToWriteBack(vcpu, decisions)).toBe(PAT.l2)
    expect(vcpu.pat).toBe(PAT.l1)
    expect(isClean(vcpu.vmcb02, 'np')).toBe(false)
    expect(isClean(vcpu.vmcb01, 'np')).toBe(true)
  })

  it("keeps the host's user with L1's PAT", () => {
    const vcpu = inL2(decisions, true)
    expect(readPat(vcpu, decisions, 'host')).toBe(PAT.l1)
    expect(writePat(vcpu, decisions, 'host', PAT.default)).toBe(true)
    expect(get(vcpu.vmcb02, 'save.g_pat')).toBe(PAT.vmcb12)
    expect(get(vcpu.vmcb01, 'save.g_pat')).toBe(PAT.default)
  })

  it("heeds L1's clean bit NP at the same address", () => {
    const vcpu = inL2(decisions, true)
    enter(vcpu, decisions, true, PAT.default, 1n << 4n)
    expect(get(vcpu.vmcb02, 'save.g_pat')).toBe(PAT.vmcb12)
    enter(vcpu, decisions, true, PAT.default)
    expect(get(vcpu.vmcb02, 'save.g_pat')).toBe(PAT.default)
  })
})

const sharing = [
  ...separate.map(([name, decisions]) => [name, decisions, false] as const),
  ...shared.flatMap(([name, decisions]) => [true, false].map((np) => [name, decisions, np] as const)),
]

describe.each(sharing)('%s, one PAT for L1 and L2 (nested paging: %s)', (name, decisions, nestedPaging) => {
  it("gives L2 the PAT of L1, and L2's WRMSR changes it", () => {
    const vcpu = inL2(decisions, nestedPaging, PAT.invalid)
    expect(get(vcpu.vmcb02, 'save.g_pat')).toBe(PAT.l1)
    expect(readPat(vcpu, decisions, 'guest')).toBe(PAT.l1)
    expect(writePat(vcpu, decisions, 'guest', PAT.l2)).toBe(true)
    expect(vcpu.pat).toBe(PAT.l2)
    expect([vcpu.vmcb01, vcpu.vmcb02].map((vmcb) => get(vmcb, 'save.g_pat'))).toEqual([PAT.l2, PAT.l2])
    expect(gPatToWriteBack(vcpu, decisions)).toBeUndefined()
  })

  it('tells the processor that g_pat changed in both VMCBs, but before the series in one', () => {
    const vcpu = inL2(decisions, nestedPaging)
    writePat(vcpu, decisions, 'guest', PAT.l2)
    expect([vcpu.vmcb01, vcpu.vmcb02].map((vmcb) => isClean(vmcb, 'np'))).toEqual([
      name === 'before-the-series',
      false,
    ])
  })
})

describe('a write of PAT', () => {
  it.each(['guest', 'host'] as const)('of a reserved type is refused (%s)', (by) => {
    const decisions = design('own-field')
    const vcpu = inL2(decisions, true)
    expect(writePat(vcpu, decisions, by, PAT.invalid)).toBe(false)
    expect([vcpu.pat, readPat(vcpu, decisions, 'guest')]).toEqual([PAT.l1, PAT.vmcb12])
  })

  it("reaches L2's while it follows hPAT, because the restored state had none", () => {
    const decisions = design('own-field')
    const vcpu = inL2(decisions, true)
    vcpu.nested.followsHPat = true
    writePat(vcpu, decisions, 'host', PAT.default)
    expect(get(vcpu.vmcb02, 'save.g_pat')).toBe(PAT.default)
  })

  it('by the user reaches whoever runs, in a design that has it so', () => {
    const merged = inForce(design('as-merged'), false)
    const decisions: Decisions = { ...merged, pat: { ...merged.pat, host_accesses: 'as-the-guest' } }
    const vcpu = inL2(decisions, true)
    writePat(vcpu, decisions, 'host', PAT.default)
    expect([readPat(vcpu, decisions, 'host'), vcpu.pat]).toEqual([PAT.default, PAT.l1])
  })
})
