import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCpuModel } from '../system/cpu-model.ts'
import { isValidPat } from '../system/validity.ts'
import { CHECKS, failedChecks, fieldValue, findCheck, imageView, type CheckFacts } from './checks.ts'
import { modelFacts } from './facts.ts'
import { VMCB_BYTES, vmcbField, writeField } from './fields.ts'
import { LONG_GUEST, MAXPHYADDR } from './svm.fixture.ts'

const facts = modelFacts(createCpuModel())
const LIMIT = 1n << BigInt(MAXPHYADDR)
const NP = { 'control.nested_control': 1n, 'control.n_cr3': 0x1000n, 'save.g_pat': 0x0007_0406_0007_0406n }

/** The ids of the checks that the 64-bit guest with `changes` fails. */
function failures(changes: Readonly<Record<string, bigint>>, under: CheckFacts = facts): string[] {
  return failedChecks(view({ ...LONG_GUEST, ...changes }), under).map(({ id }) => id)
}

function view(fields: Readonly<Record<string, bigint>>) {
  const image = new DataView(new ArrayBuffer(VMCB_BYTES))
  for (const [key, value] of Object.entries(fields)) writeField(image, vmcbField(key), value)
  return imageView(image)
}

const efer = LONG_GUEST['save.efer']
const cr0 = LONG_GUEST['save.cr0']
const long = (changes: Record<string, bigint>): Record<string, bigint> => changes

describe('the consistency checks', () => {
  it('let the smallest 64-bit guest pass', () => {
    expect(failures({})).toEqual([])
  })

  it('let the smallest real-mode guest pass: VMRUN intercept, ASID and EFER.SVME', () => {
    const real = view({ 'control.intercept_vector_4': 1n, 'control.asid': 1n, 'save.efer': 0x1000n })
    expect(failedChecks(real, facts)).toEqual([])
  })

  // One edit away from the 64-bit guest, each failing exactly one check.
  it.each([
    ['EFER.SVME = 0', long({ 'save.efer': 0x500n }), 'efer-svme-clear'],
    ['NW without CD', long({ 'save.cr0': cr0 | 0x2000_0000n }), 'cr0-nw-without-cd'],
    ['CR0 bit 32', long({ 'save.cr0': cr0 | (1n << 32n) }), 'cr0-upper-half'],
    ['CR0 bit 63', long({ 'save.cr0': cr0 | (1n << 63n) }), 'cr0-upper-half'],
    ['CR3 at MAXPHYADDR', long({ 'save.cr3': LIMIT }), 'cr3-reserved'],
    ['CR3 bit 51', long({ 'save.cr3': 1n << 51n }), 'cr3-reserved'],
    ['CR3 bit 63', long({ 'save.cr3': 1n << 63n }), 'cr3-reserved'],
    ['CR4 bit 13', long({ 'save.cr4': 0x20n | (1n << 13n) }), 'cr4-reserved'],
    ['CR4.CET without the feature', long({ 'save.cr4': 0x20n | (1n << 23n) }), 'cr4-reserved'],
    ['CR4 bit 32', long({ 'save.cr4': 0x20n | (1n << 32n) }), 'cr4-reserved'],
    ['DR6 bit 32', long({ 'save.dr6': 1n << 32n }), 'dr6-upper-half'],
    ['DR7 bit 32', long({ 'save.dr7': 1n << 32n }), 'dr7-upper-half'],
    ['DR7 bit 63', long({ 'save.dr7': 1n << 63n }), 'dr7-upper-half'],
    ['EFER bit 9', long({ 'save.efer': efer | 0x200n }), 'efer-reserved'],
    ['EFER bit 16', long({ 'save.efer': efer | (1n << 16n) }), 'efer-reserved'],
    ['EFER bit 63', long({ 'save.efer': efer | (1n << 63n) }), 'efer-reserved'],
    ['long mode without PAE', long({ 'save.cr4': 0n }), 'long-mode-without-pae'],
    ['long mode without PE', long({ 'save.cr0': cr0 & ~1n }), 'long-mode-without-protection'],
    ['CS.L and CS.D', long({ 'save.cs.attrib': 0xe9bn }), 'long-mode-cs-l-and-d'],
    ['no VMRUN intercept', long({ 'control.intercept_vector_4': 0n }), 'vmrun-intercept-clear'],
    [
      'all intercepts but VMRUN',
      long({ 'control.intercept_vector_4': 0xffff_fffen }),
      'vmrun-intercept-clear',
    ],
    ['MSRPM in the last page', long({ 'control.msrpm_base_pa': LIMIT - 0x1000n }), 'msrpm-out-of-range'],
    ['MSRPM in the last two pages', long({ 'control.msrpm_base_pa': LIMIT - 0x2000n }), 'msrpm-at-limit'],
    [
      'MSRPM in the last two pages, low bits set',
      long({ 'control.msrpm_base_pa': LIMIT - 0x1001n }),
      'msrpm-at-limit',
    ],
    ['MSRPM bit 63', long({ 'control.msrpm_base_pa': 1n << 63n }), 'msrpm-out-of-range'],
    ['IOPM in the last two pages', long({ 'control.iopm_base_pa': LIMIT - 0x2000n }), 'iopm-out-of-range'],
    ['EVENTINJ type 1', long({ 'control.event_inj': 0x8000_0100n }), 'event-inj-reserved-type'],
    ['EVENTINJ type 5', long({ 'control.event_inj': 0x8000_0500n }), 'event-inj-reserved-type'],
    ['EVENTINJ type 6', long({ 'control.event_inj': 0x8000_0600n }), 'event-inj-reserved-type'],
    ['EVENTINJ type 7', long({ 'control.event_inj': 0x8000_0700n }), 'event-inj-reserved-type'],
    ['exception 2', long({ 'control.event_inj': 0x8000_0302n }), 'event-inj-not-an-exception'],
    ['#BR in 64-bit mode', long({ 'control.event_inj': 0x8000_0305n }), 'event-inj-impossible'],
    ['#OF in 64-bit mode', long({ 'control.event_inj': 0x8000_0304n }), 'event-inj-impossible'],
    ['V_NMI_ENABLE alone', long({ 'control.virtual_interrupt': 1n << 26n }), 'v-nmi-without-nmi-intercept'],
    ['ASID 0', long({ 'control.asid': 0n }), 'asid-zero'],
    ['nCR3 at MAXPHYADDR', { ...NP, 'control.n_cr3': LIMIT }, 'n-cr3-reserved'],
    ['G_PAT type 2', { ...NP, 'save.g_pat': 0x02n }, 'g-pat-type'],
    ['G_PAT type 3', { ...NP, 'save.g_pat': 0x03n << 56n }, 'g-pat-type'],
    ['G_PAT 08 in each slot', { ...NP, 'save.g_pat': 0x0808_0808_0808_0808n }, 'g-pat-type'],
    ['G_PAT 86h', { ...NP, 'save.g_pat': 0x86n << 32n }, 'g-pat-type'],
  ])('reject %s', (_, changes, id) => {
    expect(failures(changes)).toEqual([id])
  })

  // The other side of each border, and oddities that are legal.
  it.each([
    ['NW with CD', long({ 'save.cr0': cr0 | 0x6000_0000n })],
    ['CD without NW', long({ 'save.cr0': cr0 | 0x4000_0000n })],
    ['CR3 just below MAXPHYADDR', long({ 'save.cr3': LIMIT - 0x1000n })],
    ['ignored low bits of CR3', long({ 'save.cr3': 0x2fe7n })],
    ['DR6 = 0 and reserved low bits of DR6', long({ 'save.dr6': 0x1ff0n })],
    ['reserved low bits of DR7', long({ 'save.dr7': 0xcc00n })],
    ['EFER bits 7:1, which read as zero', long({ 'save.efer': efer | 0xfen })],
    ['EFER.LMA clear with LME and PG', long({ 'save.efer': efer & ~0x400n })],
    ['paged real mode without LME', long({ 'save.efer': 0x1000n, 'save.cr0': 0x8000_0000n })],
    ['CS.L and CS.D outside long mode', long({ 'save.efer': 0x1000n, 'save.cs.attrib': 0xe9bn })],
    ['CS.D in long mode', long({ 'save.cs.attrib': 0xc9bn })],
    ['MSRPM a page below the last two', long({ 'control.msrpm_base_pa': LIMIT - 0x2001n })],
    ['IOPM that just fits', long({ 'control.iopm_base_pa': LIMIT - 0x3000n })],
    ['EVENTINJ without V', long({ 'control.event_inj': 0x302n })],
    ['an NMI with any vector', long({ 'control.event_inj': 0x8000_0277n })],
    ['an interrupt with any vector', long({ 'control.event_inj': 0x8000_0002n })],
    ['a software interrupt with any vector', long({ 'control.event_inj': 0x8000_0402n })],
    ['reserved bits of EVENTINJ', long({ 'control.event_inj': 0xffff_f30en })],
    ['ASID 8000_0000h', long({ 'control.asid': 0x8000_0000n })],
    ['reserved TLB_CONTROL', long({ 'control.tlb_control': 5n })],
    ['nested paging', NP],
    ['nCR3 just below MAXPHYADDR with low bits', { ...NP, 'control.n_cr3': LIMIT - 1n }],
    ['an all-zero G_PAT', { ...NP, 'save.g_pat': 0n }],
    ['G_PAT with every legal type', { ...NP, 'save.g_pat': 0x0607_0605_0401_0700n }],
    [
      'garbage in G_PAT and nCR3 without nested paging',
      long({ 'save.g_pat': (1n << 64n) - 1n, 'control.n_cr3': LIMIT }),
    ],
    [
      'non-canonical bases and rIP',
      long({ 'save.gdtr.base': 1n << 63n, 'save.cs.base': 1n << 62n, 'save.rip': 1n << 63n }),
    ],
    ['reserved rFLAGS', long({ 'save.rflags': 0xffff_ffff_0000_8028n })],
    [
      'V_NMI_ENABLE with the NMI intercept',
      long({ 'control.virtual_interrupt': 1n << 26n, 'control.intercept_vector_3': 2n }),
    ],
    ['V_INTR_MASKING without the INTR intercept', long({ 'control.virtual_interrupt': 1n << 24n })],
  ])('accept %s', (_, changes) => {
    expect(failures(changes)).toEqual([])
  })

  it('accept exactly six values in each slot of G_PAT', () => {
    for (let slot = 0n; slot < 8n; slot++) {
      const legal = Array.from({ length: 256 }, (_, type) => type).filter(
        (type) => failures({ ...NP, 'save.g_pat': BigInt(type) << (slot * 8n) }).length === 0,
      )
      expect(legal).toEqual([0, 1, 4, 5, 6, 7])
    }
  })

  it('accept the G_PAT values that WRMSR accepts for the PAT', () => {
    const slot = fc.oneof(fc.constantFrom(0, 1, 4, 5, 6, 7), fc.nat(255))
    fc.assert(
      fc.property(fc.array(slot, { minLength: 8, maxLength: 8 }), (slots) => {
        const value = slots.reduce((pat, type) => (pat << 8n) | BigInt(type), 0n)
        expect(failures({ ...NP, 'save.g_pat': value }).length === 0).toBe(isValidPat(value))
      }),
    )
  })

  it('accept for EVENTINJ exceptions the vectors that exceptions have, in 32-bit mode #BR and #OF too', () => {
    const protectedMode = { 'save.efer': 0x1000n, 'save.cr0': 0x11n }
    const legal = Array.from({ length: 256 }, (_, vector) => vector).filter(
      (vector) =>
        failures({ ...protectedMode, 'control.event_inj': 0x8000_0300n | BigInt(vector) }).length === 0,
    )
    expect(legal).toEqual([0, 1, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 16, 17, 18, 19, 28, 30])
  })

  it('reject #BR in 64-bit mode but not in compatibility mode', () => {
    expect(failures({ 'control.event_inj': 0x8000_0305n, 'save.cs.attrib': 0xc9bn })).toEqual([])
  })

  it('reject long mode on a processor without it', () => {
    expect(failures({}, { ...facts, longMode: false })).toEqual(['efer-no-long-mode'])
  })

  it('reject nested paging under a host without paging', () => {
    expect(failures(NP, { ...facts, hostPaging: false })).toEqual(['np-without-host-paging'])
    expect(failures({}, { ...facts, hostPaging: false })).toEqual([])
  })

  it('reject reserved bits in the PDPEs of a PAE guest, but only present ones and only without nested paging', () => {
    const pae = { 'save.efer': 0x1000n, 'save.cr3': 0x5000n }
    const memory = new Map<number, number>()
    const withMemory = { ...facts, memoryWord: (address: number) => memory.get(address) ?? 0 }
    expect(failures(pae, withMemory)).toEqual([])
    memory.set(0x5008, 0x21)
    expect(failures(pae, withMemory)).toEqual(['pae-pdpe-reserved'])
    expect(failures({ ...pae, ...NP }, withMemory)).toEqual([])
    expect(failures(pae, facts)).toEqual([])
    memory.set(0x5008, 0x20)
    expect(failures(pae, withMemory)).toEqual([])
    memory.set(0x5008, 1).set(0x500c, 1 << (MAXPHYADDR - 32))
    expect(failures(pae, withMemory)).toEqual(['pae-pdpe-reserved'])
  })

  it("report every failure, in the manual's order, with value and offending bits", () => {
    const failed = failedChecks(
      view({
        ...LONG_GUEST,
        ...NP,
        'control.asid': 0n,
        'save.efer': 0x700n,
        'save.g_pat': 0x0007_0406_0207_0c06n,
      }),
      facts,
    )
    expect(failed).toEqual([
      { id: 'efer-svme-clear', field: 'save.efer', value: 0x700n, bits: 0x1000n },
      { id: 'efer-reserved', field: 'save.efer', value: 0x700n, bits: 0x200n },
      { id: 'asid-zero', field: 'control.asid', value: 0n, bits: 0xffff_ffffn },
      { id: 'g-pat-type', field: 'save.g_pat', value: 0x0007_0406_0207_0c06n, bits: 0x0200_0800n },
    ])
  })

  it('blame a field of the table and cite the manual, each under its own id', () => {
    expect(new Set(CHECKS.map(({ id }) => id)).size).toBe(CHECKS.length)
    for (const { id, fields, section, explanation } of CHECKS) {
      expect(fields.map(vmcbField).length, id).toBeGreaterThan(0)
      expect(section).toMatch(/^APM vol 2 §15\./)
      expect(explanation).toMatch(/\.$/)
      expect(findCheck(id)?.id).toBe(id)
    }
  })

  it('read fields of every width out of words', () => {
    const vmcb = view({ 'save.cs.attrib': 0xa9bn, 'save.cpl': 3n, 'save.rip': 0x8877_6655_4433_2211n })
    expect(fieldValue(vmcb, 'save.cs.attrib')).toBe(0xa9bn)
    expect(fieldValue(vmcb, 'save.cpl')).toBe(3n)
    expect(fieldValue(vmcb, 'save.rip')).toBe(0x8877_6655_4433_2211n)
  })
})
