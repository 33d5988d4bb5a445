import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCpuModel } from '../machine/index.ts'
import { modelFacts } from '../svm/index.ts'
import { checkVmcb12, copyOf, copyVmcb12, mustLoadGroup, valueToUse } from './copies.ts'
import { L2_FIELDS, parseDecisions, type Decisions } from './decisions.ts'
import { design } from './designs.fixture.ts'
import type { Effect } from './effects.ts'
import { PAT, perform, VMCB12, vcpuWithPat } from './handlers.fixture.ts'
import { createVcpuState, emptyImage, type VcpuState } from './state.ts'
import { get, put } from './vmcb-image.ts'

const FACTS = modelFacts(createCpuModel())

/** A vmcb12 that passes every check, with nested paging on. */
function legal(): DataView {
  const page = emptyImage()
  const fields = {
    'control.intercept_vector_4': 1n,
    'control.asid': 1n,
    'control.nested_control': 1n,
    'save.efer': 0x1d00n,
    'save.cr0': 0x8001_0033n,
    'save.cr4': 0x20n,
    'save.dr6': 0xffff_0ff0n,
    'save.dr7': 0x400n,
    'save.g_pat': PAT.vmcb12,
    'save.rip': 0x8000n,
  }
  for (const [key, value] of Object.entries(fields)) put(page, key, value)
  return page
}

function written(text: string): Decisions {
  return parseDecisions('l0.yaml', `format: 1\ntitle: Test\n${text}`).decisions!
}

/** What a nested VMRUN does to vmcb12: copy, check, use everything. */
function run(
  vcpu: VcpuState,
  decisions: Decisions,
  page: DataView,
  seen: Effect[],
  before?: (effect: Effect) => void,
) {
  perform(copyVmcb12(vcpu.nested, decisions), page, seen, before)
  const failed = perform(checkVmcb12(vcpu.nested, decisions, FACTS), page, seen, before)
  const used = L2_FIELDS.map(
    ({ key }) => [key, perform(valueToUse(vcpu, decisions, key), page, seen, before)] as const,
  )
  return { failed: failed.map(({ id }) => id), used: new Map(used) }
}

describe('a full copy of vmcb12', () => {
  const full = written('')

  it('reads each field once, and uses the value that was checked', () => {
    const vcpu = vcpuWithPat()
    const page = legal()
    const seen: Effect[] = []
    const { failed, used } = run(vcpu, full, page, seen)
    expect(failed).toEqual([])
    for (const { key, offset, bytes } of L2_FIELDS) {
      const start = VMCB12 + offset
      const reads = seen.filter(
        (effect) =>
          effect.kind === 'read' && effect.address < start + bytes && effect.address + effect.bytes > start,
      )
      expect([key, reads.length]).toEqual([key, 1])
    }
    expect(used.get('save.g_pat')).toBe(PAT.vmcb12)
  })

  it('is not moved by what L1 writes afterwards', () => {
    const vcpu = vcpuWithPat()
    const page = legal()
    perform(copyVmcb12(vcpu.nested, full), page)
    for (const { key } of L2_FIELDS) put(page, key, ~0n)
    expect(perform(checkVmcb12(vcpu.nested, full, FACTS), page)).toEqual([])
    expect(perform(valueToUse(vcpu, full, 'save.rip'), page)).toBe(0x8000n)
  })

  it('has nothing of what L0 does not understand', () => {
    const { nested } = vcpuWithPat()
    const page = emptyImage()
    for (let at = 0; at < 4096; at++) page.setUint8(at, 0xff)
    perform(copyVmcb12(nested, full), page)
    const values = ['iopm_base_pa', 'tlb_control', 'interrupt_shadow', 'event_inj', 'nested_control'].map(
      (name) => copyOf(nested, full, `control.${name}`),
    )
    expect(values).toEqual([0xffff_ffff_ffff_f000n, 7n, 1n, 0xffff_ffff_8000_0fffn, 9n])
  })

  it('is all ones where L1 has no RAM', () => {
    const { nested } = createVcpuState(0)
    nested.vmcb12 = VMCB12 + 0x1000
    perform(copyVmcb12(nested, full), emptyImage())
    expect(copyOf(nested, full, 'save.cr3')).toBe(0xffff_ffff_ffff_ffffn)
  })

  it('uses only checked values, whatever another vCPU writes whenever it wants', () => {
    const writes = fc.array(
      fc.tuple(fc.nat(200), fc.constantFrom(...L2_FIELDS), fc.bigInt(0n, 2n ** 64n - 1n)),
    )
    fc.assert(
      fc.property(writes, (attack) => {
        const vcpu = vcpuWithPat()
        const page = legal()
        let step = 0
        const { failed, used } = run(vcpu, full, page, [], () => {
          for (const [, { key }, value] of attack.filter(([at]) => at === step)) put(page, key, value)
          step++
        })
        // Checking what was used must come to the same result.
        const image = emptyImage()
        for (const [key, value] of used) put(image, key, value)
        const again = createVcpuState(0)
        again.nested.vmcb12 = VMCB12
        expect(run(again, full, image, []).failed).toEqual(failed)
      }),
      { numRuns: 50 },
    )
  })
})

describe('the live page', () => {
  const live = design('live-page')

  it('lets a value through that was never checked', () => {
    const vcpu = vcpuWithPat()
    const page = legal()
    let reads = 0
    const { failed, used } = run(vcpu, live, page, [], (effect) => {
      const isGPat = effect.kind === 'read' && effect.address === VMCB12 + 0x668
      if (isGPat && ++reads === 2) put(page, 'save.g_pat', PAT.invalid)
    })
    expect(failed).toEqual([])
    expect(used.get('save.g_pat')).toBe(PAT.invalid)
  })

  it('is right about a g_pat that nobody changes', () => {
    const page = legal()
    put(page, 'save.g_pat', PAT.invalid)
    expect(run(vcpuWithPat(), live, page, []).failed).toEqual(['g-pat-type'])
    put(page, 'control.nested_control', 0n)
    expect(run(vcpuWithPat(), live, page, []).failed).toEqual([])
  })
})

describe('copies of what is checked, and of nothing else', () => {
  it('read RIP anew at each use', () => {
    const decisions = design('checked-only')
    const vcpu = vcpuWithPat()
    const page = legal()
    perform(copyVmcb12(vcpu.nested, decisions), page)
    expect(perform(valueToUse(vcpu, decisions, 'save.rip'), page)).toBe(0x8000n)
    put(page, 'save.rip', 0x9000n)
    put(page, 'save.cr0', 0n)
    expect(perform(valueToUse(vcpu, decisions, 'save.rip'), page)).toBe(0x9000n)
    expect(perform(valueToUse(vcpu, decisions, 'save.cr0'), page)).toBe(0x8001_0033n)
  })
})

describe('the place of a copy', () => {
  const places: [string, (vcpu: VcpuState) => bigint][] = [
    ['save-cache', ({ nested }) => get(nested.save, 'save.g_pat')],
    ['control-cache', ({ nested }) => get(nested.controls, 'save.g_pat')],
    ['own', ({ nested }) => nested.gPat],
  ]
  it.each(places)('%s is where the decisions say, and makes no difference to the check', (copy, found) => {
    const decisions = written(`fields: { save.g_pat: { copy: ${copy} } }`)
    const vcpu = vcpuWithPat()
    const page = legal()
    put(page, 'save.g_pat', PAT.invalid)
    expect(run(vcpu, decisions, page, []).failed).toEqual(['g-pat-type'])
    expect(places.map(([, other]) => other(vcpu) === PAT.invalid)).toEqual(
      places.map(([name]) => name === copy),
    )
    expect(found(vcpu)).toBe(PAT.invalid)
  })

  it('counts for nothing where nothing is checked, or vmcb01 is used', () => {
    const decisions = written('fields: { save.g_pat: { check: none, use: vmcb01 } }')
    const page = legal()
    put(page, 'save.g_pat', PAT.invalid)
    const { failed, used } = run(vcpuWithPat(), decisions, page, [])
    expect(failed).toEqual([])
    expect(used.get('save.g_pat')).toBe(PAT.l1)
  })
})

describe("L1's clean bits", () => {
  it('count only where vmcb12 was at the last nested VMRUN', () => {
    const { nested } = vcpuWithPat()
    put(nested.controls, 'control.clean_bits', 1n << 4n)
    expect(mustLoadGroup(nested, 'np')).toBe(true)
    nested.last = VMCB12
    expect(mustLoadGroup(nested, 'np')).toBe(false)
    expect(mustLoadGroup(nested, 'seg')).toBe(true)
    nested.last = VMCB12 + 0x1000
    expect(mustLoadGroup(nested, 'np')).toBe(true)
  })
})
