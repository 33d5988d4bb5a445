/** Intercepts: the permission maps, and what comes first, fault or exit (APM vol 2 §15.7 to §15.14, table 15-7). */
import { IOPM, MSRPM } from '../guest.fixture.ts'
import { START } from '../start.ts'
import { enters, on, row, RUN, testRows, VMMCALL, type Row } from './rows.fixture.ts'

const PAT_BYTE = MSRPM + 0x98
const MSR = { ...on(0x7c), 'control.msrpm_base_pa': BigInt(MSRPM) }
const IOIO = { ...on(0x7b), 'control.iopm_base_pa': BigInt(IOPM) }
const BAD_PAT = 'mov ecx, 277h\nmov eax, 2\nxor edx, edx\nwrmsr\nvmmcall'
const GP = 0x4d

const MAPS: readonly Row[] = [
  row(
    '15.11',
    'a protected WRMSR exits before its value is looked at',
    {
      guest: BAD_PAT,
      fields: { ...MSR, ...on(0x7c, GP) },
      memory: { [PAT_BYTE]: [0x80n << 40n] },
      gives: { code: 0x7cn },
    },
    { guest: BAD_PAT, fields: { ...MSR, ...on(0x7c, GP) }, gives: { code: 0x4dn } },
  ),
  row(
    '15.11',
    'an MSR outside the three ranges exits whatever the map says',
    { guest: 'mov ecx, 2000h\nrdmsr', fields: { ...MSR, ...on(0x7c, GP) }, gives: { code: 0x7cn } },
    { guest: 'mov ecx, 1fffh\nrdmsr', fields: { ...MSR, ...on(0x7c, GP) }, gives: { code: 0x4dn } },
  ),
  row(
    '15.11',
    'without MSR_PROT the map is not looked at',
    enters(
      { 'control.msrpm_base_pa': BigInt(MSRPM) },
      { guest: 'mov ecx, 277h\nrdmsr\nvmmcall', memory: { [PAT_BYTE]: [~0n & 0xffff_ffff_ffff_ffffn] } },
    ),
    {
      guest: 'mov ecx, 277h\nrdmsr\nvmmcall',
      fields: MSR,
      memory: { [PAT_BYTE]: [0xffn << 40n] },
      gives: { code: 0x7cn },
    },
  ),
  row(
    '15.11',
    'EFER is bits 0 and 1 of byte 820h',
    {
      guest: 'mov ecx, 0c0000080h\nrdmsr\nvmmcall',
      fields: MSR,
      memory: { [MSRPM + 0x820]: [1n] },
      gives: { code: 0x7cn },
    },
    {
      guest: 'mov ecx, 0c0000080h\nrdmsr\nvmmcall',
      fields: MSR,
      memory: { [MSRPM + 0x820]: [2n] },
      gives: { code: VMMCALL },
    },
  ),
  row(
    '15.10.1',
    'a doubleword at port FFFFh looks at the bits behind those of 64K ports',
    {
      guest: 'mov dx, 0ffffh\nin eax, dx\nvmmcall',
      fields: IOIO,
      memory: { [IOPM + 0x2000]: [4n] },
      gives: { code: 0x7bn },
    },
    {
      guest: 'mov dx, 0ffffh\nin eax, dx\nvmmcall',
      fields: IOIO,
      memory: { [IOPM]: [7n] },
      gives: { code: VMMCALL },
    },
  ),
  row(
    '15.10.1',
    'any port of a wider access makes it exit',
    {
      guest: 'mov dx, 60h\nin eax, dx\nvmmcall',
      fields: IOIO,
      memory: { [IOPM + 8]: [8n << 32n] },
      gives: { code: 0x7bn },
    },
    {
      guest: 'mov dx, 60h\nin ax, dx\nvmmcall',
      fields: IOIO,
      memory: { [IOPM + 8]: [8n << 32n] },
      gives: { code: VMMCALL },
    },
  ),
]

const AT_CPL_3 = { 'save.cpl': 3n, 'save.ss.attrib': 0xcf3n, 'save.cs.attrib': 0xafbn }
const SAME = 'mov rbx, cr0\nmov cr0, rbx\nvmmcall'
const MP_ONLY = 'mov rbx, cr0\nor ebx, 2\nmov cr0, rbx\nvmmcall'
const CHANGED = 'mov rbx, cr0\nor ebx, 10000h\nmov cr0, rbx\nvmmcall'

const PRIORITY: readonly Row[] = [
  row(
    '15.7',
    'PUSHF, POPF, IRET and INTn exit before their faults',
    { guest: 'mov rsp, 800000000010h\npushfq', fields: on(0x70, 0x4c, GP), gives: { code: 0x70n } },
    { guest: 'mov rsp, 800000000010h\npushfq', fields: on(0x4c, GP), gives: { code: 0x4cn } },
  ),
  row(
    '15.18',
    'VMMCALL exits at any CPL',
    { fields: { ...on(0x46), ...AT_CPL_3 }, gives: { code: VMMCALL } },
    {
      guest: 'vmmcall',
      fields: { ...on(0x46), ...AT_CPL_3, 'control.intercept_vector_4': 1n },
      gives: { code: 0x46n },
    },
  ),
  row(
    '15.7',
    'HLT outside CPL 0 raises #GP and does not exit',
    { guest: 'hlt', fields: { ...on(0x78, GP), ...AT_CPL_3 }, gives: { code: 0x4dn } },
    { guest: 'hlt', fields: on(0x78, GP), gives: { code: 0x78n } },
  ),
  row(
    '15.8.1',
    'the selective intercept of CR0 leaves out changes of TS and MP, and no change at all',
    { guest: CHANGED, fields: on(0x65), gives: { code: 0x65n } },
    { guest: `${SAME.replace('vmmcall', '')}${MP_ONLY}`, fields: on(0x65), gives: { code: VMMCALL } },
  ),
  row(
    '15.8.1',
    'LMSW is always selected, CLTS never',
    { guest: 'smsw bx\nlmsw bx', fields: on(0x65), gives: { code: 0x65n } },
    { guest: 'clts\nvmmcall', fields: on(0x65), gives: { code: VMMCALL } },
  ),
  row(
    '15.8.1',
    'the intercept of all writes of CR0 comes before the selective one',
    { guest: CHANGED, fields: on(0x65, 0x10), gives: { code: 0x10n } },
    { guest: CHANGED, fields: on(0x65, 0x11), gives: { code: 0x65n } },
  ),
  row(
    '15.8.1',
    'a change of CR3 that is no MOV is not a write of CR3',
    {
      host: RUN.concat('hlt'),
      fields: { ...on(0x13), 'save.cr3': BigInt(START.pml4) | 8n },
      gives: { code: VMMCALL },
    },
    { guest: 'mov rbx, cr3\nmov cr3, rbx', fields: on(0x13), gives: { code: 0x13n } },
  ),
  row(
    '15.7',
    'INVLPGA raises #GP outside CPL 0 before it exits',
    { guest: 'invlpga', fields: { ...on(0x7a, GP), ...AT_CPL_3 }, gives: { code: 0x4dn } },
    { guest: 'invlpga', fields: on(0x7a, GP), gives: { code: 0x7an } },
  ),
  row(
    '15.7',
    'RDTSC checks CR4.TSD before it exits',
    { guest: 'rdtsc', fields: { ...on(0x6e, GP), ...AT_CPL_3, 'save.cr4': 0x24n }, gives: { code: 0x4dn } },
    { guest: 'rdtsc', fields: { ...on(0x6e, GP), ...AT_CPL_3 }, gives: { code: 0x6en } },
  ),
  row(
    '15.12',
    'exceptions exit before they combine into #DF',
    { guest: 'ud2', fields: on(GP, 0x48), gives: { code: 0x4dn } },
    { guest: 'ud2', fields: on(0x48), gives: { code: 0x48n } },
  ),
  row(
    '15.14.4',
    'a PAUSE filter of 0 is no filter',
    { guest: 'pause\nvmmcall', fields: on(0x77), gives: { code: 0x77n } },
    {
      guest: 'pause\nvmmcall',
      fields: { ...on(0x77), 'control.pause_filter_count': 9n },
      gives: { code: VMMCALL },
    },
  ),
  row(
    '15.9',
    'an idle HLT exits only while no virtual interrupt waits',
    { guest: 'hlt', fields: on(0xa6), gives: { code: 0xa6n } },
    {
      guest: 'hlt',
      handler: 'vmmcall',
      fields: { ...on(0xa6), 'control.virtual_interrupt': 0x21_0010_0100n },
      host: `${RUN}hlt`,
      gives: { codes: [], end: 'halted-forever' },
    },
  ),
]

testRows('permission maps', MAPS)
testRows('priority', PRIORITY)
