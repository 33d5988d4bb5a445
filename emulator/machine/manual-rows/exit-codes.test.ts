/** What #VMEXIT says: EXITCODE, EXITINFO1 and 2, nRIP, instruction bytes (APM vol 2 appendix C, §15.7 to §15.14). */
import { IOPM, VMCB } from '../guest.fixture.ts'
import {
  at,
  enters,
  INVALID,
  invalid,
  NESTED_PAGING,
  on,
  peek,
  poke,
  row,
  RUN,
  testRows,
  VMMCALL,
  type Row,
} from './rows.fixture.ts'

const INFO_1 = 'control.exit_info_1'
const INFO_2 = 'control.exit_info_2'
const NRIP = 'control.n_rip'
const RIP = 'save.rip'
const MOV_FLAG = 1n << 63n

/** Page 60h of the nested tables is absent. */
const ABSENT = { fields: NESTED_PAGING, pages: { 0x60: 0n } }
/** An address that the guest does not map. */
const UNMAPPED = 0x1234_0000_5678n
const TOUCHES = `mov rbx, ${UNMAPPED}\nmov [rbx], eax`
const READS_PORT = 'mov dx, 60h\nin al, dx\nvmmcall'
const IOIO = { ...on(0x7b), 'control.iopm_base_pa': BigInt(IOPM) }
const PORT_60 = { [IOPM + 8]: [1n << 32n] }

const INFORMATION: readonly Row[] = [
  row(
    '15.6',
    'EXITINFO1 and 2 say nothing where no format is given, whatever they held before',
    {
      guest: 'cpuid',
      fields: { ...on(0x72), [INFO_1]: 0x55n },
      gives: { code: 0x72n, vmcb: { [INFO_1]: 0n, [INFO_2]: 0n } },
    },
    { guest: 'mov cr3, rbx', fields: on(0x13), gives: { code: 0x13n, vmcb: { [INFO_1]: MOV_FLAG | 3n } } },
  ),
  row(
    '15.11',
    'an MSR exit says read or write; which register is in ECX',
    {
      guest: 'mov ecx, 277h\nwrmsr',
      fields: { ...on(0x7c), 'control.msrpm_base_pa': 0x3_4000n },
      memory: { 0x3_4098: [0x80n << 40n] },
      gives: { code: 0x7cn, vmcb: { [INFO_1]: 1n }, registers: { rcx: 0x277n } },
    },
    {
      guest: 'mov ecx, 277h\nrdmsr',
      fields: { ...on(0x7c), 'control.msrpm_base_pa': 0x3_4000n },
      memory: { 0x3_4098: [0x40n << 40n] },
      gives: { code: 0x7cn, vmcb: { [INFO_1]: 0n } },
    },
  ),
  row(
    '15.10.2',
    'an I/O exit has the next rIP in EXITINFO2',
    {
      guest: READS_PORT,
      fields: IOIO,
      memory: PORT_60,
      gives: { code: 0x7bn, vmcb: { [INFO_2]: at(5), [RIP]: at(4) } },
    },
    { guest: 'nop\ncpuid', fields: on(0x72), gives: { vmcb: { [INFO_2]: 0n, [NRIP]: at(3) } } },
  ),
  row(
    '15.7.1',
    'nRIP is zero after a nested page fault',
    { guest: 'mov al, [60000h]', ...ABSENT, gives: { code: 0x400n, vmcb: { [NRIP]: 0n, [RIP]: at(0) } } },
    { guest: 'cpuid', fields: on(0x72), gives: { vmcb: { [NRIP]: at(2), [RIP]: at(0) } } },
  ),
  row(
    '15.7.1',
    'nRIP is zero after an intercepted exception that is a fault',
    { guest: TOUCHES, fields: on(0x4e), gives: { code: 0x4en, vmcb: { [NRIP]: 0n } } },
    { guest: 'int3', fields: on(0x43), gives: { code: 0x43n, vmcb: { [NRIP]: at(1) } } },
  ),
  row(
    '15.7.1',
    'nRIP is the next sequential instruction, not the target',
    { guest: 'int 20h', fields: on(0x75), gives: { code: 0x75n, vmcb: { [NRIP]: at(2) } } },
    { guest: 'jmp there\nnop\nthere: vmmcall', gives: { code: VMMCALL, vmcb: { [NRIP]: at(6) } } },
  ),
  row(
    '15.8.1',
    'bit 63 of EXITINFO1 is 0 for CLTS: there is no register',
    { guest: 'clts', fields: on(0x10), gives: { code: 0x10n, vmcb: { [INFO_1]: 0n } } },
    {
      guest: 'mov rbx, cr0\nmov cr0, rbx',
      fields: on(0x10),
      gives: { code: 0x10n, vmcb: { [INFO_1]: MOV_FLAG | 3n } },
    },
  ),
  row(
    '15.8.1',
    'LMSW and SMSW have no register either',
    { guest: 'lmsw ax', fields: on(0x10), gives: { code: 0x10n, vmcb: { [INFO_1]: 0n } } },
    { guest: 'mov r9, cr0', fields: on(0x00), gives: { code: 0n, vmcb: { [INFO_1]: MOV_FLAG | 9n } } },
  ),
  row(
    '15.8.1',
    'exits of debug registers have no bit 63',
    { guest: 'mov dr7, rax', fields: on(0x37), gives: { code: 0x37n, vmcb: { [INFO_1]: 0n } } },
    { guest: 'mov rbx, dr6', fields: on(0x26), gives: { code: 0x26n, vmcb: { [INFO_1]: 3n } } },
  ),
  row(
    '15.12.15',
    'an intercepted #PF has the address in EXITINFO2 and leaves CR2 alone',
    {
      guest: TOUCHES,
      fields: { ...on(0x4e), 'save.cr2': 7n },
      gives: { code: 0x4en, vmcb: { [INFO_1]: 2n, [INFO_2]: UNMAPPED, 'save.cr2': 7n } },
    },
    {
      guest: TOUCHES,
      handler: 'vmmcall',
      fields: { 'save.cr2': 7n },
      gives: { delivered: [14], vmcb: { 'save.cr2': UNMAPPED } },
    },
  ),
  row(
    '15.25.6',
    'a nested page fault gives the guest-physical address, not the virtual one',
    {
      guest: `mov al, [1074135040]`,
      ...ABSENT,
      memory: { 0x4000: [0x87n] },
      gives: { code: 0x400n, vmcb: { [INFO_2]: 0x6_0000n } },
    },
    {
      guest: TOUCHES,
      fields: { ...NESTED_PAGING, ...on(0x4e) },
      gives: { code: 0x4en, vmcb: { [INFO_2]: UNMAPPED } },
    },
  ),
  row(
    '15.12',
    'exceptions without an error code leave EXITINFO1 undefined',
    {
      guest: 'ud2',
      fields: { ...on(0x46), [INFO_1]: 0x55n },
      gives: { code: 0x46n, vmcb: { [INFO_1]: 0n } },
    },
    {
      guest: 'mov eax, 48h\nmov ds, eax',
      handler: 'vmmcall',
      fields: on(0x4d),
      gives: { code: 0x4dn, vmcb: { [INFO_1]: 0x48n } },
    },
  ),
  row(
    '15.12.4',
    'INT 3 in one byte is an exception, in two bytes a software interrupt',
    { guest: 'int3', fields: on(0x43, 0x75), gives: { code: 0x43n } },
    { guest: 'db 0cdh, 3', fields: on(0x43, 0x75), gives: { code: 0x75n, vmcb: { [INFO_1]: 3n } } },
  ),
  row(
    '15.12.2',
    'the #DB intercept does not see ICEBP, which has one of its own',
    { guest: 'db 0f1h', fields: on(0x41, 0x88), gives: { code: 0x88n } },
    {
      guest: 'nop\nnop\nvmmcall',
      fields: { ...on(0x41, 0x88), 'save.rflags': 0x102n },
      gives: { code: 0x41n },
    },
  ),
  row(
    '15.6',
    'after VMEXIT_INVALID the host goes on behind VMRUN with GIF = 0',
    {
      ...invalid({ 'control.asid': 0n }, 'asid-zero'),
      host: `${RUN}mov edi, 9\nhlt`,
      gives: { code: INVALID, registers: { rdi: 9n } },
    },
    { host: `mov eax, 20001h\nmov edi, 8\nvmrun\nmov edi, 9\nhlt`, gives: { end: 'shutdown', codes: [] } },
  ),
  row(
    '15.14.3',
    'an intercepted shutdown exits; otherwise it ends the machine',
    { guest: 'ud2', fields: on(0x7f), gives: { code: 0x7fn } },
    { guest: 'ud2', gives: { end: 'shutdown', codes: [] } },
  ),
  row(
    '15.8.4',
    'instruction bytes come with a nested page fault of data; other exits clear their number and leave the bytes',
    { guest: 'mov al, [60000h]', ...ABSENT, gives: { vmcb: { 'control.instruction_bytes_fetched': 15n } } },
    {
      guest: 'mov al, [60000h]\nvmmcall',
      ...ABSENT,
      host: `${RUN}mov bl, [${VMCB + 0xd1}]\nmov cl, bl\n${poke('save.rip', at(7))}vmrun\nmov dl, [${VMCB + 0xd1}]\nhlt`,
      gives: {
        code: VMMCALL,
        vmcb: { 'control.instruction_bytes_fetched': 0n },
        registers: { rcx: 0x8an, rdx: 0x8an },
      },
    },
  ),
  row(
    '15.8.4',
    'instruction bytes do not come with faults of fetches',
    {
      guest: 'mov eax, 60000h\njmp rax',
      ...ABSENT,
      gives: { code: 0x400n, vmcb: { 'control.instruction_bytes_fetched': 0n } },
    },
    {
      guest: 'mov eax, 60000h\nmov [rax], al',
      ...ABSENT,
      gives: { code: 0x400n, vmcb: { 'control.instruction_bytes_fetched': 15n } },
    },
  ),
  row(
    'C',
    'the exit code is the position of the intercept bit',
    { guest: 'rdtsc', fields: on(0x6e), gives: { code: 0x6en } },
    enters(on(0x6e), { guest: 'pause\nvmmcall' }),
  ),
  row(
    '15.6',
    'EXITINTINFO is not valid unless an event was on its way',
    {
      guest: 'ud2',
      fields: { ...on(0x4d), 'control.exit_int_info': 0x8000_0020n },
      gives: { code: 0x4dn, vmcb: { 'control.exit_int_info': 0x8000_0306n } },
    },
    {
      guest: 'cpuid',
      fields: { ...on(0x72), 'control.exit_int_info': 0x8000_0020n },
      gives: { code: 0x72n, vmcb: { 'control.exit_int_info.v': 0n } },
    },
  ),
  row(
    '15.8.3',
    'INVLPG gives the linear address with the segment base, INVLPGA nothing',
    {
      guest: `mov ecx, 0c0000100h\nmov eax, 1000h\nxor edx, edx\nwrmsr\ninvlpg [fs:234h]`,
      fields: on(0x79),
      gives: { code: 0x79n, vmcb: { [INFO_1]: 0x1234n } },
    },
    {
      guest: 'mov eax, 1234h\nmov ecx, 1\ninvlpga',
      fields: { ...on(0x7a), [INFO_1]: 5n },
      gives: { code: 0x7an, vmcb: { [INFO_1]: 0n, 'save.rax': 0x1234n } },
    },
  ),
]

const ONE_RUN_AFTER_ANOTHER = row(
  '15.7.1',
  'rIP = nRIP continues behind an instruction, but not behind a fault',
  {
    guest: 'cpuid\nmov edi, 5\nvmmcall',
    fields: on(0x72),
    host: `${RUN}${peek(NRIP, 'rcx')}mov [${VMCB + 0x578}], rcx\nvmrun\nhlt`,
    gives: { codes: [0x72n, VMMCALL], registers: { rdi: 5n } },
  },
  {
    guest: 'ud2\nmov edi, 5\nvmmcall',
    fields: on(0x46),
    host: `${RUN}${peek(NRIP, 'rcx')}mov [${VMCB + 0x578}], rcx\nvmrun\nhlt`, // From 0 on there are zeros, and then page tables.
    gives: { codes: [0x46n, 0x46n], registers: { rcx: 0n, rdi: 0n } },
  },
)

testRows('exits', [...INFORMATION, ONE_RUN_AFTER_ANOTHER])
