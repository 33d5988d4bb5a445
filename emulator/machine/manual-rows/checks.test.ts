/** What makes VMRUN fail (APM vol 2 §15.5.1, §15.20, §15.25). */
import {
  enters,
  invalid,
  NESTED_PAGING,
  on,
  PAE,
  PAGE,
  PAGE_DIRECTORY,
  pdpes,
  PROTECTED,
  PSE,
  REAL,
  row,
  testRows,
  type Row,
} from './rows.fixture.ts'

const LIMIT = 1n << 48n
const INJECT = 'control.event_inj'

const REGISTERS: readonly Row[] = [
  row(
    '15.5.1',
    'EFER.SVME = 0 is illegal',
    invalid({ 'save.efer': 0x500n }, 'efer-svme-clear'),
    enters({ 'save.efer': 0x1500n }),
  ),
  row(
    '15.5.1',
    'CR0.NW without CD is illegal',
    invalid({ 'save.cr0': 0xa000_0031n }, 'cr0-nw-without-cd'),
    enters({ 'save.cr0': 0xe000_0031n }),
  ),
  row(
    '15.5.1',
    'CR0[63:32] must be zero',
    invalid({ 'save.cr0': 0x1_8000_0031n }, 'cr0-upper-half'),
    enters({ 'save.cr0': 0x8000_0071n }),
  ),
  row(
    '15.5.1',
    'CR3 must be below 2^MAXPHYADDR',
    invalid({ 'save.cr3': LIMIT | 0x1000n }, 'cr3-reserved'),
    enters({ 'save.cr3': 0x1fe7n }),
  ),
  row(
    '15.5.1',
    'CR4 bits that do not exist must be zero',
    invalid({ 'save.cr4': 0x2020n }, 'cr4-reserved'),
    enters({ 'save.cr4': 0xa0n }),
  ),
  row(
    '15.5.1',
    'DR6[63:32] must be zero',
    invalid({ 'save.dr6': LIMIT }, 'dr6-upper-half'),
    enters({ 'save.dr6': 0n }),
  ),
  row(
    '15.5.1',
    'DR7[63:32] must be zero',
    invalid({ 'save.dr7': LIMIT }, 'dr7-upper-half'),
    enters({ 'save.dr7': 0xcc00n }),
  ),
  row(
    '15.5.1',
    'EFER bits that must be zero are checked',
    invalid({ 'save.efer': 0x1700n }, 'efer-reserved'),
    enters({ 'save.efer': 0x15fen }),
  ),
  row(
    '15.5.1',
    'EFER.LME needs a processor with long mode',
    { ...invalid({}, 'efer-reserved', 'efer-no-long-mode'), machine: { cpu: 'default,-lm' } },
    enters({ ...PROTECTED }, { machine: { cpu: 'default,-lm' } }),
  ),
  row(
    '15.5.1',
    'long mode needs PAE',
    invalid({ 'save.cr4': 0n }, 'long-mode-without-pae'),
    enters({ ...PROTECTED, 'save.efer': 0x1100n }),
  ),
  row(
    '15.5.1',
    'long mode needs protection, although real mode may be paged',
    invalid({ 'save.cr0': 0x8000_0030n }, 'long-mode-without-protection'),
    enters(
      { ...REAL, 'save.cr0': 0x8000_0010n, 'save.cr4': 0x10n, 'save.cr3': BigInt(PAGE) },
      { memory: PAGE_DIRECTORY },
    ),
  ),
  row(
    '15.5.1',
    'CS.L and CS.D exclude each other in long mode only',
    invalid({ 'save.cs.attrib': 0xe9bn }, 'long-mode-cs-l-and-d'),
    enters({ ...PROTECTED, 'save.cs.attrib': 0xe9bn }),
  ),
  row(
    '15.5.1',
    'S_CET is not looked at without CET, whose bit in CR4 is reserved',
    enters({ 'save.s_cet': LIMIT - 1n }),
    invalid({ 'save.cr4': 0x80_0020n }, 'cr4-reserved'),
  ),
  row(
    '15.5.1',
    'the PDPEs of a PAE guest are checked, unless nested paging is on',
    { ...invalid(PAE, 'pae-pdpe-reserved'), memory: pdpes(1, 3n) },
    enters({ ...PAE, ...NESTED_PAGING }, { memory: pdpes(1, 3n) }),
  ),
  row('15.5.1', 'a PDPE that is not present is not checked', enters(PAE, { memory: pdpes(1, 2n) }), {
    ...invalid(PAE, 'pae-pdpe-reserved'),
    memory: pdpes(3, 0x21n),
  }),
  row(
    '15.5.1',
    'CR3 of a PAE guest must be below 2^MAXPHYADDR',
    { ...invalid({ ...PAE, 'save.cr3': LIMIT | BigInt(PAGE) }, 'cr3-reserved'), memory: pdpes() },
    enters({ ...PAE, 'save.cr3': BigInt(PAGE) | 0x1fn }, { memory: pdpes() }),
  ),
  row(
    '15.5.1',
    'CR3 of a 32-bit guest must be below 2^MAXPHYADDR',
    { ...invalid({ ...PSE, 'save.cr3': LIMIT | BigInt(PAGE) }, 'cr3-reserved'), memory: PAGE_DIRECTORY },
    enters({ ...PSE, 'save.cr3': BigInt(PAGE) | 0xfe7n }, { memory: PAGE_DIRECTORY }),
  ),
]

const CONTROLS: readonly Row[] = [
  row(
    '15.5.1',
    'the VMRUN intercept must be set',
    invalid({ 'control.intercept_vector_4': 2n }, 'vmrun-intercept-clear'),
    enters({ 'control.intercept_vector_4': 3n }),
  ),
  row(
    '15.11',
    'the MSRPM must end below 2^MAXPHYADDR',
    invalid({ 'control.msrpm_base_pa': LIMIT - 0x1000n }, 'msrpm-out-of-range'),
    enters({ 'control.msrpm_base_pa': LIMIT - 0x3000n }),
  ),
  row(
    '15.10.1',
    'the IOPM of three pages must end below 2^MAXPHYADDR',
    invalid({ 'control.iopm_base_pa': LIMIT - 0x2000n }, 'iopm-out-of-range'),
    enters({ 'control.iopm_base_pa': LIMIT - 0x3000n }),
  ),
  row(
    '15.20',
    'reserved types of EVENTINJ are illegal while V is 1',
    invalid({ [INJECT]: 0x8000_0100n }, 'event-inj-reserved-type'),
    enters({ [INJECT]: 0x0000_0100n }),
  ),
  row(
    '15.20',
    'vector 2 is no exception',
    invalid({ [INJECT]: 0x8000_0302n }, 'event-inj-not-an-exception'),
    { fields: { ...on(0x4d), [INJECT]: 0x8000_0306n }, gives: { code: 0x4dn } },
  ),
  row(
    '15.20',
    'vectors above 31 are no exceptions',
    invalid({ [INJECT]: 0x8000_0320n }, 'event-inj-not-an-exception'),
    { fields: { ...on(0x4d), [INJECT]: 0x8000_0020n }, gives: { code: 0x4dn } },
  ),
  row(
    '15.20',
    '#BR cannot happen in 64-bit code',
    invalid({ [INJECT]: 0x8000_0305n }, 'event-inj-impossible'),
    {
      fields: { ...PROTECTED, ...on(0x4d), [INJECT]: 0x8000_0305n },
      gives: { code: 0x4dn, vmcb: { 'control.exit_int_info': 0x8000_0305n } },
    },
  ),
  row(
    '15.16',
    'ASID 0 is illegal, also without nested paging',
    invalid({ 'control.asid': 0n }, 'asid-zero'),
    enters({ 'control.asid': 0x7fffn }),
  ),
  row(
    '15.21.10',
    'NMI virtualization needs the NMI intercept',
    invalid({ 'control.virtual_interrupt': 1n << 26n }, 'v-nmi-without-nmi-intercept'),
    enters({ ...on(0x61), 'control.virtual_interrupt': 1n << 26n }),
  ),
]

const PROTECTED_HOST = 'mov ecx, 0c0000080h\nmov eax, 1000h\nxor edx, edx\nwrmsr\nmov eax, 20000h\nvmrun\nhlt'

const NESTED: readonly Row[] = [
  row(
    '15.25.4',
    'N_CR3 must be below 2^MAXPHYADDR when nested paging is on',
    invalid({ ...NESTED_PAGING, 'control.n_cr3': LIMIT }, 'n-cr3-reserved'),
    enters({ 'control.n_cr3': LIMIT }),
  ),
  row(
    '15.25.4',
    'types of G_PAT must exist when nested paging is on',
    invalid({ ...NESTED_PAGING, 'save.g_pat': 0x0808_0808_0808_0808n }, 'g-pat-type'),
    enters({ 'save.g_pat': 0x0808_0808_0808_0808n }),
  ),
  row(
    '15.25.3',
    'nested paging needs paging in the host',
    {
      ...invalid({ ...PROTECTED, ...NESTED_PAGING }, 'np-without-host-paging'),
      start: 'protected',
      host: PROTECTED_HOST,
    },
    enters(PROTECTED, { start: 'protected', host: PROTECTED_HOST }),
  ),
  row(
    '15.25.12',
    'NP_ENABLE does nothing on a processor without nested paging',
    enters({ ...NESTED_PAGING, 'save.g_pat': 2n }, { machine: { cpu: 'default,-np' } }),
    invalid({ ...NESTED_PAGING, 'save.g_pat': 2n }, 'g-pat-type'),
  ),
  row(
    '15.25.14',
    'SSSCheckEn without nested paging is ignored on a processor without supervisor shadow stacks',
    enters({ 'control.nested_control': 0x10n }),
    invalid({ ...NESTED_PAGING, 'control.nested_control': 0x11n, 'save.g_pat': 2n }, 'g-pat-type'),
  ),
  row(
    '15.34.3',
    'SEV_ENABLE is ignored on a processor without memory encryption',
    enters({ 'control.nested_control': 6n }),
    invalid({ ...NESTED_PAGING, 'control.nested_control': 7n, 'save.g_pat': 2n }, 'g-pat-type'),
  ),
]

testRows('registers', REGISTERS)
testRows('controls', CONTROLS)
testRows('nested paging', NESTED)
