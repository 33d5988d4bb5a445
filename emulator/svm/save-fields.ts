/** The state-save area of the VMCB, 400h..FFFh (APM vol 2 appendix B, table B-2). Offsets here count from the VMCB's start. */
import {
  ATTRIBUTE_BITS,
  CR0_BITS,
  CR3_BITS,
  CR4_BITS,
  DR6_BITS,
  DR7_BITS,
  EFER_BITS,
  PAT_BITS,
  RFLAGS_BITS,
  type CleanGroup,
} from './bits.ts'
import type { Mover, VmcbField } from './fields.ts'
import { inManual } from './manual.ts'

const GUEST: readonly Mover[] = ['vmrun', 'vmexit']
const HIDDEN: readonly Mover[] = ['vmload', 'vmsave']
const NEVER: readonly Mover[] = []

function save(
  offset: number,
  bytes: number,
  key: string,
  name: string,
  section: string,
  description: string,
  moved: readonly Mover[],
  more: Partial<VmcbField> = {},
): VmcbField {
  return { key: `save.${key}`, name, offset, bytes, description, section: inManual(section), moved, ...more }
}

/** A segment register: selector at +0, attributes at +2, limit at +4, base at +8. */
function segment(offset: number, name: string, moved: readonly Mover[], clean?: CleanGroup): VmcbField[] {
  const key = name.toLowerCase()
  const base =
    moved === GUEST ? 'bits 31:0 are implemented' : 'sign-extended from the highest implemented bit'
  const more = clean === undefined ? {} : { clean }
  // prettier-ignore
  return [
    save(offset, 2, `${key}.selector`, `${name} selector`, '15.5.1', `Selector of ${name}`, moved, more),
    save(offset + 2, 2, `${key}.attrib`, `${name} attrib`, '15.5.1', `Attributes of ${name}, 12 bits: descriptor bits 55:52 and 47:40`, moved, { ...more, bits: ATTRIBUTE_BITS }),
    save(offset + 4, 4, `${key}.limit`, `${name} limit`, '15.5.1', `Last valid offset of ${name}, in bytes whatever G says`, moved, more),
    save(offset + 8, 8, `${key}.base`, `${name} base`, '15.5.1', `Base address of ${name}; ${base}`, moved, more),
  ]
}

/** GDTR and IDTR: only limit and base are meaningful. */
function table(offset: number, name: string): VmcbField[] {
  const key = name.toLowerCase()
  // prettier-ignore
  return [
    save(offset + 4, 4, `${key}.limit`, `${name} limit`, '15.5.1', `Limit of ${name}; bits 15:0 count`, GUEST, { clean: 'dt' }),
    save(offset + 8, 8, `${key}.base`, `${name} base`, '15.5.1', `Base address of ${name}; sign-extended from the highest implemented bit`, GUEST, { clean: 'dt' }),
  ]
}

// prettier-ignore
const performanceCounters = Array.from({ length: 6 }, (_, n) => [
  save(0x4e0 + n * 16, 8, `perf_ctl${n}`, `PERF_CTL${n}`, 'B', `Performance-event select ${n}`, NEVER, { feature: 'pmcvirt' }),
  save(0x4e8 + n * 16, 8, `perf_ctr${n}`, `PERF_CTR${n}`, 'B', `Performance counter ${n}`, NEVER, { feature: 'pmcvirt' }),
]).flat()

// prettier-ignore
const IBS_REGISTERS = [
  'IBS_FETCH_CTL', 'IBS_FETCH_LINADDR', 'IBS_OP_CTL', 'IBS_OP_RIP', 'IBS_OP_DATA', 'IBS_OP_DATA2',
  'IBS_OP_DATA3', 'IBS_DC_LINADDR', 'BP_IBSTGT_RIP', 'IC_IBS_EXTD_CTL',
]

const ibs = IBS_REGISTERS.map((name, n) =>
  save(0xb78 + n * 8, 8, name.toLowerCase(), name, 'B', 'Instruction-based sampling', NEVER, {
    feature: 'ibsvirt',
  }),
)

// prettier-ignore
export const SAVE_FIELDS: readonly VmcbField[] = [
  ...segment(0x400, 'ES', GUEST, 'seg'),
  ...segment(0x410, 'CS', GUEST, 'seg'),
  ...segment(0x420, 'SS', GUEST, 'seg'),
  ...segment(0x430, 'DS', GUEST, 'seg'),
  ...segment(0x440, 'FS', HIDDEN),
  ...segment(0x450, 'GS', HIDDEN),
  ...table(0x460, 'GDTR'),
  ...segment(0x470, 'LDTR', HIDDEN),
  ...table(0x480, 'IDTR'),
  ...segment(0x490, 'TR', HIDDEN),
  save(0x4cb, 1, 'cpl', 'CPL', '15.5.1', 'Current privilege level; 0 in real mode and 3 in virtual-8086 mode whatever it says', GUEST, { clean: 'seg' }),
  save(0x4d0, 8, 'efer', 'EFER', '3.1.7', 'Extended feature enable register', GUEST, { clean: 'crx', bits: EFER_BITS }),
  ...performanceCounters,
  save(0x548, 8, 'cr4', 'CR4', '3.1.3', 'Control register 4', GUEST, { clean: 'crx', bits: CR4_BITS }),
  save(0x550, 8, 'cr3', 'CR3', '3.1.2', 'Physical address of the top page table; guest-physical with nested paging', GUEST, { clean: 'crx', bits: CR3_BITS }),
  save(0x558, 8, 'cr0', 'CR0', '3.1.1', 'Control register 0', GUEST, { clean: 'crx', bits: CR0_BITS }),
  save(0x560, 8, 'dr7', 'DR7', '13.1.1', 'Debug control register', GUEST, { clean: 'drx', bits: DR7_BITS }),
  save(0x568, 8, 'dr6', 'DR6', '13.1.1', 'Debug status register', GUEST, { clean: 'drx', bits: DR6_BITS }),
  save(0x570, 8, 'rflags', 'RFLAGS', '3.1.6', 'Flags; reserved bits are forced', GUEST, { bits: RFLAGS_BITS }),
  save(0x578, 8, 'rip', 'RIP', '15.5.1', 'Instruction pointer', GUEST),
  save(0x5c0, 8, 'instr_retired_ctr', 'INSTR_RETIRED_CTR', 'B', 'Instructions-retired counter', NEVER, { feature: 'pmcvirt' }),
  save(0x5c8, 8, 'perf_ctr_global_sts', 'PERF_CTR_GLOBAL_STS', 'B', 'Performance counter global status', NEVER, { feature: 'pmcvirt' }),
  save(0x5d0, 8, 'perf_ctr_global_ctl', 'PERF_CTR_GLOBAL_CTL', 'B', 'Performance counter global control', NEVER, { feature: 'pmcvirt' }),
  save(0x5d8, 8, 'rsp', 'RSP', '15.5.1', 'Stack pointer', GUEST),
  save(0x5e0, 8, 's_cet', 'S_CET', 'B', 'Supervisor control-flow enforcement', NEVER, { feature: 'cet_ss', clean: 'cet' }),
  save(0x5e8, 8, 'ssp', 'SSP', 'B', 'Shadow stack pointer', NEVER, { feature: 'cet_ss', clean: 'cet' }),
  save(0x5f0, 8, 'isst_addr', 'ISST_ADDR', 'B', 'Interrupt shadow stack table', NEVER, { feature: 'cet_ss', clean: 'cet' }),
  save(0x5f8, 8, 'rax', 'RAX', '15.5.1', 'RAX; the other general registers stay as the host left them', GUEST),
  save(0x600, 8, 'star', 'STAR', '15.5.2', 'SYSCALL and SYSRET selectors', HIDDEN, { register: 'star' }),
  save(0x608, 8, 'lstar', 'LSTAR', '15.5.2', 'SYSCALL target in 64-bit mode', HIDDEN, { register: 'lstar' }),
  save(0x610, 8, 'cstar', 'CSTAR', '15.5.2', 'SYSCALL target in compatibility mode', HIDDEN, { register: 'cstar' }),
  save(0x618, 8, 'sfmask', 'SFMASK', '15.5.2', 'Flags that SYSCALL clears', HIDDEN, { register: 'sfmask' }),
  save(0x620, 8, 'kernel_gs_base', 'KernelGsBase', '15.5.2', 'What SWAPGS exchanges with the GS base; sign-extended', HIDDEN),
  save(0x628, 8, 'sysenter_cs', 'SYSENTER_CS', '15.5.2', 'SYSENTER selectors', HIDDEN, { register: 'sysenterCs' }),
  save(0x630, 8, 'sysenter_esp', 'SYSENTER_ESP', '15.5.2', 'SYSENTER stack pointer', HIDDEN, { register: 'sysenterEsp' }),
  save(0x638, 8, 'sysenter_eip', 'SYSENTER_EIP', '15.5.2', 'SYSENTER target', HIDDEN, { register: 'sysenterEip' }),
  save(0x640, 8, 'cr2', 'CR2', '3.1.2', 'Page-fault linear address', GUEST, { clean: 'cr2' }),
  save(0x668, 8, 'g_pat', 'G_PAT', '15.25.4', 'The guest\'s PAT; used only with nested paging', GUEST, { when: 'nested paging', clean: 'np', bits: PAT_BITS }),
  save(0x670, 8, 'dbgctl', 'DBGCTL', '15.23', 'Debug control', GUEST, { when: 'LBR virtualization', feature: 'lbrvirt', clean: 'lbr' }),
  save(0x678, 8, 'br_from', 'BR_FROM', '15.23', 'Last branch, source', GUEST, { when: 'LBR virtualization', feature: 'lbrvirt', clean: 'lbr' }),
  save(0x680, 8, 'br_to', 'BR_TO', '15.23', 'Last branch, target', GUEST, { when: 'LBR virtualization', feature: 'lbrvirt', clean: 'lbr' }),
  save(0x688, 8, 'lastexcpfrom', 'LASTEXCPFROM', '15.23', 'Last exception, source', GUEST, { when: 'LBR virtualization', feature: 'lbrvirt', clean: 'lbr' }),
  save(0x690, 8, 'lastexcpto', 'LASTEXCPTO', '15.23', 'Last exception, target', GUEST, { when: 'LBR virtualization', feature: 'lbrvirt', clean: 'lbr' }),
  save(0x698, 8, 'dbgextnctl', 'DBGEXTNCTL', '15.23', 'Debug extension control', NEVER, { feature: 'lbrvirt' }),
  save(0x6e0, 8, 'spec_ctrl', 'SPEC_CTRL', 'B', 'Speculation control', GUEST, { feature: 'vspecctrl' }),
  save(0xa70, 256, 'lbr_stack', 'LBR_STACK_FROM and LBR_STACK_TO', '15.23', 'Last-branch stack', NEVER, { feature: 'lbrv2' }),
  save(0xb70, 8, 'lbr_select', 'LBR_SELECT', '15.23', 'Last-branch filter', NEVER, { feature: 'lbrv2' }),
  ...ibs,
]
