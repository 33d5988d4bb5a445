import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCpuModel } from '../machine/index.ts'
import { modelFacts } from '../svm/index.ts'
import { copyOf, copyVmcb12 } from './copies.ts'
import { inForce, type Decisions } from './decisions.ts'
import { design } from './designs.fixture.ts'
import { PAT, perform, vcpuWithPat, VMCB12 } from './handlers.fixture.ts'
import { readUserState, writeUserState } from './migration.ts'
import { getNestedState, setNestedState, STATE_FLAG, VALID_G_PAT } from './nested-state.ts'
import { loadGPat, readPat, writePat } from './pat.ts'
import { cloneVcpuState, createVcpuState, emptyImage, type VcpuState } from './state.ts'
import { bytesOf, get, put } from './vmcb-image.ts'

const FACTS = modelFacts(createCpuModel())
const MERGED = inForce(design('as-merged'), false)
const SIZE = 128 + 4096

const HOST: Readonly<Record<string, bigint>> = {
  'save.efer': 0x1d00n,
  'save.cr0': 0x8001_0033n,
  'save.cr4': 0x20n,
  'save.dr6': 0xffff_0ff0n,
  'save.dr7': 0x400n,
}

/** A vCPU in L1, with SVM on. */
function inL1(): VcpuState {
  const vcpu = vcpuWithPat()
  vcpu.nested.vmcb12 = 0
  for (const [key, value] of Object.entries(HOST)) put(vcpu.vmcb01, key, value)
  return vcpu
}

/** A vCPU that runs L2, with a PAT of its own as far as the design lets it. */
function inL2(decisions: Decisions, nestedPaging = true): VcpuState {
  const vcpu = inL1()
  const page = emptyImage()
  const fields = {
    ...HOST,
    'control.intercept_vector_4': 1n,
    'control.asid': 1n,
    'control.nested_control': nestedPaging ? 1n : 0n,
    'control.virtual_interrupt': 0x20_0100_0102n,
    'save.g_pat': PAT.vmcb12,
    'save.rip': 0x8000n,
  }
  for (const [key, value] of Object.entries(fields)) put(page, key, value)
  vcpu.nested.vmcb12 = VMCB12
  perform(copyVmcb12(vcpu.nested, decisions), page)
  bytesOf(vcpu.vmcb02).set(bytesOf(page))
  perform(loadGPat(vcpu, decisions), page)
  vcpu.nested.guestMode = true
  return vcpu
}

/** A state of KVM's form, for the checks that look at the header only. */
function header(fields: { flags?: number; format?: number; size?: number; vmcb12?: bigint }): Uint8Array {
  const bytes = new Uint8Array(SIZE)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, fields.flags ?? 0, true)
  view.setUint16(2, fields.format ?? 1, true)
  view.setUint32(4, fields.size ?? SIZE, true)
  view.setBigUint64(8, fields.vmcb12 ?? 0n, true)
  return bytes
}

function set(vcpu: VcpuState, bytes: Uint8Array | undefined, decisions: Decisions = MERGED) {
  const result = setNestedState(vcpu, decisions, FACTS, bytes)
  return result.ok ? 'ok' : `${result.error} ${result.rule}`
}

const { guestMode, runPending, gifSet } = STATE_FLAG

describe("setting a nested state, as KVM's nested_set_state_test has it", () => {
  const cases: [string, boolean, Uint8Array | undefined, string][] = [
    ['no state at all', true, undefined, 'EFAULT readable'],
    ['a size of 0', true, header({ size: 0 }), 'EINVAL header-size'],
    ['less than the size says', true, header({}).subarray(0, 200), 'EFAULT readable'],
    ['the flags 0Fh', true, header({ flags: 0xf }), 'EINVAL svm-flags'],
    ['a flag of nobody', true, header({ flags: 0x1000 }), 'EINVAL flags'],
    ['a pending run without L2', true, header({ flags: runPending }), 'EINVAL run-pending'],
    ["another vendor's format", true, header({ format: 0 }), 'EINVAL format'],
    ["another vendor's flag", true, header({ flags: 4 }), 'EINVAL svm-flags'],
    ['L2 while EFER.SVME is 0', false, header({ flags: guestMode }), 'EINVAL svme'],
    ['nothing while EFER.SVME is 0', false, header({}), 'ok'],
    ['GIF while EFER.SVME is 0', false, header({ flags: gifSet }), 'ok'],
    ['no L2, and no address', true, header({ vmcb12: ~0n & (2n ** 64n - 1n) }), 'ok'],
    [
      'L2 at an address that is none',
      true,
      header({ flags: guestMode, vmcb12: 2n ** 64n - 1n }),
      'EINVAL vmcb12-address',
    ],
    [
      'L2 beyond the last physical address',
      true,
      header({ flags: guestMode, vmcb12: 1n << 52n }),
      'EINVAL vmcb12-address',
    ],
    ['no L2, in a header alone', true, header({ size: 128 }).subarray(0, 128), 'ok'],
    [
      'L2, in a header alone',
      true,
      header({ flags: guestMode, size: 128 }).subarray(0, 128),
      'EINVAL data-size',
    ],
    [
      'L2 with controls of zeros',
      true,
      header({ flags: guestMode }),
      'EINVAL controls: vmrun-intercept-clear',
    ],
  ]
  it.each(cases)('%s', (_, svme, bytes, expected) => {
    const vcpu = inL1()
    vcpu.svme = svme
    expect(set(vcpu, bytes)).toBe(expected)
  })

  it.each([
    ['L2', true, header({ flags: guestMode | gifSet }), 'EINVAL smm'],
    ['L2, as it was saved', true, getNestedState(inL2(MERGED), MERGED), 'EINVAL smm'],
    ['L2, which EFER.SVME forbids before', false, header({ flags: guestMode | gifSet }), 'EINVAL svme'],
    ['no L2', false, header({ flags: gifSet }), 'ok'],
  ])('%s, in SMM', (_, svme, bytes, expected) => {
    const vcpu = Object.assign(inL1(), { smm: true, svme })
    expect(set(vcpu, bytes)).toBe(expected)
    expect([vcpu.smm, vcpu.nested.guestMode]).toEqual([true, false])
  })

  it('forgets the address when the vCPU leaves L2, whatever address is set', () => {
    const vcpu = inL2(MERGED)
    expect(set(vcpu, header({ flags: gifSet, vmcb12: 0x3000n }))).toBe('ok')
    const view = new DataView(getNestedState(vcpu, MERGED).buffer)
    expect([view.byteLength, view.getUint16(0, true), view.getBigUint64(8, true)]).toEqual([128, gifSet, 0n])
  })

  const areas: [string, (image: DataView, vcpu: VcpuState) => void, string][] = [
    ['an ASID of 0', (image) => put(image, 'control.asid', 0n), 'EINVAL controls: asid-zero'],
    ["the vCPU's CR0 with NW", (_, vcpu) => put(vcpu.vmcb01, 'save.cr0', 0xa001_0033n), 'EINVAL l2-cr0'],
    ['L1 without paging', (image) => put(image, 'save.cr0', 0x33n), 'EINVAL l1-mode'],
    ['L1 in virtual-8086 mode', (image) => put(image, 'save.rflags', 1n << 17n), 'EINVAL l1-mode'],
    ['L1 without SVME', (image) => put(image, 'save.efer', 0xd00n), 'EINVAL save area: efer-svme-clear'],
  ]
  it.each(areas)('%s', (_, spoil, expected) => {
    const bytes = getNestedState(inL2(MERGED), MERGED)
    const vcpu = inL1()
    expect(set(cloneVcpuState(vcpu), bytes)).toBe('ok')
    spoil(new DataView(bytes.buffer, 128), vcpu)
    const before = cloneVcpuState(vcpu)
    expect(set(vcpu, bytes)).toBe(expected)
    expect(vcpu).toEqual(before)
  })
})

describe('the layout of a nested state', () => {
  it('has the cached controls with what happened in L2 since, and the save area of L1', () => {
    const vcpu = inL2(MERGED)
    put(vcpu.vmcb02, 'control.virtual_interrupt', 0x20_0100_0003n)
    put(vcpu.vmcb01, 'save.rip', 0x1234n)
    put(vcpu.nested.controls, 'control.clean_bits', 0x3ffn)
    vcpu.nested.runPending = true
    const bytes = getNestedState(vcpu, MERGED)
    const view = new DataView(bytes.buffer)
    expect(view.getUint16(0, true)).toBe(gifSet | guestMode | runPending)
    expect([view.getUint16(2, true), view.getUint32(4, true)]).toEqual([1, SIZE])
    expect(view.getBigUint64(8, true)).toBe(BigInt(VMCB12))
    const image = new DataView(bytes.buffer, 128)
    expect(get(image, 'control.virtual_interrupt')).toBe(0x20_0100_0003n)
    expect(get(image, 'control.clean_bits')).toBe(0n)
    expect([get(image, 'save.rip'), get(vcpu.vmcb02, 'save.rip')]).toEqual([0x1234n, 0x8000n])
  })

  /** Of each design: u32 at 16, u64 at 16, u64 at 24, g_pat of the save area. */
  const places: [string, Decisions, [flags: number, at16: bigint, at24: bigint, saved: bigint]][] = [
    ['before-the-series', design('before-the-series'), [0, 0n, 0n, PAT.l1]],
    ['control-cache', design('control-cache'), [VALID_G_PAT, 1n, 0n, PAT.l1]],
    ['own-field', design('own-field'), [VALID_G_PAT, 1n, PAT.vmcb12, PAT.l1]],
    ['save-cache-with-controls', design('save-cache-with-controls'), [VALID_G_PAT, 1n, 0n, PAT.vmcb12]],
    ['as-merged, quirk on', inForce(design('as-merged')), [0, 0n, 0n, PAT.l1]],
    ['as-merged, quirk off', MERGED, [Number(PAT.vmcb12 & 0xffff_ffffn), PAT.vmcb12, 0n, PAT.l1]],
  ]
  it.each(places)("has L2's PAT where the design wants it: %s", (_, decisions, expected) => {
    const view = new DataView(getNestedState(inL2(decisions), decisions).buffer)
    const gPat = get(new DataView(view.buffer, 128), 'save.g_pat')
    expect([
      view.getUint32(16, true),
      view.getBigUint64(16, true),
      view.getBigUint64(24, true),
      gPat,
    ]).toEqual(expected)
  })

  it('says nothing of a PAT that L2 shares', () => {
    const view = new DataView(getNestedState(inL2(MERGED, false), MERGED).buffer)
    expect(view.getBigUint64(16, true)).toBe(0n)
  })
})

describe('a vCPU that is moved while L2 runs', () => {
  const designs: [string, Decisions, l2: bigint, l1: bigint][] = [
    ['before-the-series', design('before-the-series'), PAT.l1, PAT.l1],
    ['live-page', design('live-page'), PAT.vmcb12, PAT.l1],
    ['control-cache', design('control-cache'), PAT.vmcb12, PAT.l1],
    ['own-field', design('own-field'), PAT.vmcb12, PAT.l1],
    ['save-cache-with-controls', design('save-cache-with-controls'), PAT.vmcb12, PAT.l1],
    ['as-merged, quirk on', inForce(design('as-merged')), PAT.l1, PAT.l1],
    ['as-merged, quirk off', MERGED, PAT.vmcb12, PAT.l1],
  ]
  const orders = (['before', 'after'] as const).flatMap((msrs) =>
    designs.map((row) => [msrs, ...row] as const),
  )
  it.each(orders)('keeps both PATs, with the MSRs restored %s: %s', (msrs, _, decisions, l2, l1) => {
    const old = inL2(decisions)
    const { vcpu, result } = writeUserState(0, readUserState(old, decisions), decisions, FACTS, { msrs })
    expect(result).toEqual({ ok: true })
    expect([readPat(vcpu, decisions, 'guest'), vcpu.pat]).toEqual([l2, l1])
    expect([get(vcpu.vmcb02, 'save.rip'), vcpu.nested.vmcb12]).toEqual([0x8000n, VMCB12])
    expect(get(vcpu.vmcb01, 'save.cr0')).toBe(HOST['save.cr0'])
  })

  it("loses L1's PAT where the user's accesses go to whoever runs", () => {
    const decisions: Decisions = { ...MERGED, pat: { ...MERGED.pat, host_accesses: 'as-the-guest' } }
    const user = readUserState(inL2(decisions), decisions)
    const { vcpu } = writeUserState(0, user, decisions, FACTS, { msrs: 'after' })
    expect(vcpu.pat).not.toBe(PAT.l1)
  })
})

/** What an L0 of before the series saved, with g_pat of the dead kind: nobody ever loaded it, so nobody minded what it was. */
function olderState(nestedPaging = true): Uint8Array {
  const older = design('before-the-series')
  const bytes = getNestedState(inL2(older, nestedPaging), older)
  put(new DataView(bytes.buffer, 128), 'save.g_pat', PAT.invalid)
  return bytes
}

describe('a saved state of before the series, with garbage in g_pat of the save area', () => {
  const v2 = design('save-cache-with-controls')
  const filled: Decisions = { ...v2, saved_state: { ...v2.saved_state, fill_l1_g_pat: 'host-pat' } }
  const unchecked: Decisions = { ...v2, saved_state: { ...v2.saved_state, check_l1_g_pat: 'never' } }

  it("is refused where L1's save area is checked with vmcb12's controls, and the refusal says so", () => {
    const result = setNestedState(inL1(), v2, FACTS, olderState())
    expect(result).toMatchObject({ ok: false, error: 'EINVAL', rule: 'save area: g-pat-type' })
    expect(result.ok ? '' : result.explanation).toMatch(/vmcb12's controls/)
    expect(set(inL1(), olderState(false), v2)).toBe('ok')
  })

  const repairs: [string, Decisions][] = [
    ['filled from hPAT, as proposed', filled],
    ['not checked, as merged', unchecked],
    ['own-field', design('own-field')],
    ['as-merged, quirk on', inForce(design('as-merged'))],
  ]
  it.each(repairs)('is accepted: %s', (_, decisions) => {
    const vcpu = inL1()
    expect(set(vcpu, olderState(), decisions)).toBe('ok')
    expect(readPat(vcpu, decisions, 'guest')).toBe(PAT.l1)
  })

  it('gives L2 the hPAT of its first run, in designs with a flag: the MSRs may be restored later', () => {
    const decisions = design('own-field')
    const vcpu = createVcpuState(0)
    vcpu.svme = true
    for (const [key, value] of Object.entries(HOST)) put(vcpu.vmcb01, key, value)
    expect(set(vcpu, olderState(), decisions)).toBe('ok')
    expect(readPat(vcpu, decisions, 'guest')).toBe(PAT.default)
    writePat(vcpu, decisions, 'host', PAT.l1)
    expect(readPat(vcpu, decisions, 'guest')).toBe(PAT.l1)
  })

  it('gives L2 a PAT of zeros, which is legal and makes all its memory uncacheable, as merged with the quirk off', () => {
    const vcpu = inL1()
    expect(set(vcpu, olderState())).toBe('ok')
    expect(readPat(vcpu, MERGED, 'guest')).toBe(0n)
  })

  it('is still refused when the g_pat of the save area is meant, and illegal', () => {
    const bytes = getNestedState(inL2(filled), filled)
    put(new DataView(bytes.buffer, 128), 'save.g_pat', PAT.invalid)
    expect(set(inL1(), bytes, filled)).toBe('EINVAL save area: g-pat-type')
  })
})

describe('an event that is to be injected into L2', () => {
  it('may be one that could not occur in L1, which is in another mode', () => {
    const OVERFLOW = 0x8000_0304n
    const vcpu = inL2(MERGED)
    put(vcpu.vmcb01, 'save.cs.attrib', 0xa9bn)
    put(vcpu.vmcb02, 'control.event_inj', OVERFLOW)
    const restored = inL1()
    expect(set(restored, getNestedState(vcpu, MERGED))).toBe('ok')
    expect(copyOf(restored.nested, MERGED, 'control.event_inj')).toBe(OVERFLOW)
  })
})

describe('a PAT of L2 that travels with the MSRs', () => {
  const rfc = design('control-cache')

  it("leaves L1's to the save area, and an illegal one there is refused", () => {
    const user = readUserState(inL2(rfc), rfc)
    expect(user.msrs.pat).toBe(PAT.vmcb12)
    put(new DataView(user.nested.buffer, 128), 'save.g_pat', PAT.invalid)
    const { result } = writeUserState(0, user, rfc, FACTS, { msrs: 'before' })
    expect(result).toMatchObject({ ok: false, error: 'EINVAL', rule: 'save area: h-pat-type' })
  })

  it("loses L1's of an older state if the MSRs are restored after it", () => {
    const older = design('before-the-series')
    const user = readUserState(inL2(older), older, { olderGPat: PAT.invalid })
    const pats = (['before', 'after'] as const).map((msrs) => {
      const { vcpu } = writeUserState(0, user, rfc, FACTS, { msrs })
      return [readPat(vcpu, rfc, 'guest'), vcpu.pat]
    })
    expect(pats).toEqual([
      [PAT.l1, PAT.l1],
      [PAT.l1, PAT.default],
    ])
  })
})

describe('an illegal gPAT in the header', () => {
  const inHeader: [string, Decisions, number][] = [
    ['own-field', design('own-field'), 24],
    ['as-merged', MERGED, 16],
  ]
  it.each(inHeader)('is refused, unless L2 has no PAT of its own: %s', (_, decisions, at) => {
    for (const [nestedPaging, expected] of [
      [true, 'EINVAL header: g-pat-type'],
      [false, 'ok'],
    ] as const) {
      const bytes = getNestedState(inL2(decisions, nestedPaging), decisions)
      new DataView(bytes.buffer).setBigUint64(at, PAT.invalid, true)
      expect(set(inL1(), bytes, decisions)).toBe(expected)
    }
  })
})

describe('random bytes as a nested state', () => {
  it('never throw, and change nothing when they are refused', () => {
    const good = getNestedState(inL2(MERGED), MERGED)
    const edits = fc.array(fc.tuple(fc.nat(SIZE - 1), fc.nat(255)), { maxLength: 6 })
    const edited = edits.map((list) => {
      const bytes = good.slice()
      for (const [at, value] of list) bytes[at] = value
      return bytes
    })
    const anything = fc.oneof(edited, fc.uint8Array({ maxLength: 300 }))
    fc.assert(
      fc.property(anything, fc.boolean(), (bytes, svme) => {
        const vcpu = inL1()
        vcpu.svme = svme
        const before = cloneVcpuState(vcpu)
        const result = setNestedState(vcpu, MERGED, FACTS, bytes)
        if (!result.ok) expect(vcpu).toEqual(before)
        else if (vcpu.nested.guestMode) expect(vcpu.nested.vmcb12 % 4096).toBe(0)
      }),
      { numRuns: 200 },
    )
  })
})
