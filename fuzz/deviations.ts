/**
 * Where QEMU TCG is known to differ from the manual, one row for each cause. A row excuses differences in the fields that it
 * names, and in no others, for cases to which it applies. How QEMU behaves was found with version 7.2.
 */
import { createCpuModel } from '../emulator/machine/index.ts'
import { failedChecks, imageView, modelFacts } from '../emulator/svm/index.ts'
import { field, type Outcome } from './outcome.ts'
import { CPU } from './ours.ts'

export interface Results {
  /** The VMCB before VMRUN. */
  readonly before: DataView
  readonly ours: Outcome
  readonly qemu: Outcome
}

export interface Deviation {
  /** What QEMU does. */
  readonly cause: string
  /** Where volume 2 of the manual says otherwise; '' where it leaves the choice. */
  readonly section: string
  readonly applies: (results: Results) => boolean
  /** Whether a difference in `key` is this deviation. */
  readonly excuses: (key: string, results: Results) => boolean
}

const FACTS = modelFacts(createCpuModel(CPU))

function isInvalid({ vmcb }: Outcome): boolean {
  return (field(vmcb, 'control.exit_code') & 0xffff_ffffn) === 0xffff_ffffn
}

function entered(outcome: Outcome): boolean {
  return !isInvalid(outcome) && outcome.exception === undefined
}

function has(vmcb: DataView, key: string, bit: number): boolean {
  return ((field(vmcb, key) >> BigInt(bit)) & 1n) === 1n
}

/** Bits of a field that differ. */
function changed({ ours, qemu }: Pick<Results, 'ours' | 'qemu'>, key: string): bigint {
  return field(ours.vmcb, key) ^ field(qemu.vmcb, key)
}

/** Excuses a field when only the bits of `mask` differ. */
function onlyBits(key: string, mask: bigint): Deviation['excuses'] {
  return (differing, results) => differing === key && (changed(results, key) & ~mask) === 0n
}

function only(...keys: readonly string[]): Deviation['excuses'] {
  return (key) => keys.includes(key)
}

const everything = () => true

/** Everything but whether the guest was entered. */
const allButVerdict: Deviation['excuses'] = (_, { ours, qemu }) => isInvalid(ours) === isInvalid(qemu)

/** A check that QEMU lacks, or lacks for some bits: it enters a guest that only such checks keep out. */
interface Unchecked {
  readonly id: string
  readonly bits: bigint
  readonly section: string
  readonly cause: string
}

const ALL = (1n << 64n) - 1n

const UNCHECKED: readonly Unchecked[] = [
  {
    id: 'event-inj-not-an-exception',
    bits: ALL,
    section: '15.20',
    cause: 'injects exceptions that do not exist',
  },
  { id: 'event-inj-impossible', bits: ALL, section: '15.20', cause: 'injects #BR and #OF in 64-bit mode' },
  { id: 'v-nmi-without-nmi-intercept', bits: ALL, section: '15.21.10', cause: 'has no NMI virtualization' },
  { id: 'n-cr3-reserved', bits: ALL, section: '15.25.4', cause: 'does not check N_CR3' },
  { id: 'g-pat-type', bits: ALL, section: '15.25.4', cause: 'does not check G_PAT' },
  {
    id: 'cr4-reserved',
    bits: 0x2_0400n,
    section: '3.1.3',
    cause: 'accepts CR4.OSXMMEXCPT and PCIDE without their features',
  },
  {
    id: 'efer-reserved',
    bits: 0x6000n,
    section: '3.1.7',
    cause: 'accepts EFER.LMSLE and FFXSR without their features',
  },
]

function unchecked({ id, bits, section, cause }: Unchecked): Deviation {
  return {
    cause,
    section,
    applies({ before, ours, qemu }) {
      const failed = failedChecks(imageView(before), FACTS)
      const lacks = failed.every((entry) =>
        UNCHECKED.some((row) => row.id === entry.id && (entry.bits & ~row.bits) === 0n),
      )
      return (
        lacks &&
        failed.some((entry) => entry.id === id && (entry.bits & ~bits) === 0n) &&
        isInvalid(ours) &&
        entered(qemu)
      )
    },
    excuses: everything,
  }
}

/** EVENTINJ of the case: undefined when nothing is injected. */
function injected(before: DataView): { type: number; vector: number; hasCode: boolean } | undefined {
  const event = field(before, 'control.event_inj')
  if (!has(before, 'control.event_inj', 31)) return undefined
  return {
    type: Number((event >> 8n) & 7n),
    vector: Number(event & 0xffn),
    hasCode: has(before, 'control.event_inj', 11),
  }
}

/** Exceptions with which QEMU pushes an error code. */
const WITH_ERROR_CODE = new Set([8, 10, 11, 12, 13, 14, 17])

/** Bits of rFLAGS that exist: 21:16, 14:0 without 1, 3, 5. */
const RFLAGS_BITS = 0x3f_7fd5n

function longModeActive(before: DataView): boolean {
  return has(before, 'save.efer', 8) && has(before, 'save.cr0', 31)
}

/** The CPL that the manual has the guest begin with. */
function firstCpl(before: DataView): number {
  if (!has(before, 'save.cr0', 0)) return 0
  return has(before, 'save.rflags', 17) ? 3 : Number(field(before, 'save.cpl') & 3n)
}

function in64BitMode(before: DataView): boolean {
  return longModeActive(before) && has(before, 'save.cs.attrib', 9)
}

function exitCode({ vmcb }: Outcome): bigint {
  return field(vmcb, 'control.exit_code')
}

/** The vector whose handler in the arena exited with VMMCALL; undefined for other exits. */
function handledVector(outcome: Outcome): bigint | undefined {
  return exitCode(outcome) === 0x81n ? field(outcome.vmcb, 'save.rax') & 0xffn : undefined
}

/** PAE paging, whose PDPEs VMRUN reads when there is no nested paging. */
function usesPae(before: DataView): boolean {
  return (
    has(before, 'save.cr0', 31) &&
    has(before, 'save.cr4', 5) &&
    !has(before, 'save.efer', 8) &&
    !has(before, 'control.nested_control', 0)
  )
}

const DATA_SEGMENTS = ['es', 'ss', 'ds']
/** RF, bit 16 of rFLAGS, in a quadword of the stack, which need not be aligned. */
const RF_BITS = [0n, 8n, 16n, 24n, 32n, 40n, 48n, 56n].map((bit) => 1n << bit)
/** W, bit 1 of the error code of #PF, likewise. */
const W_BITS = RF_BITS.map((bit) => bit << 1n)
const TABLES = ['gdtr', 'idtr']
const BASES = ['cs', ...DATA_SEGMENTS, ...TABLES, 'tr']

/** Length of the longest instruction. */
const MOST_BYTES = 15n

/** A present, writable data segment of 4 GiB. */
function isUsual(before: DataView, name: string): boolean {
  const attributes = field(before, `save.${name}.attrib`)
  return field(before, `save.${name}.limit`) === 0xffff_ffffn && (attributes & 0x9en) === 0x92n
}

/** How the quadwords of the stack that differ do so. */
function stackDifferences({ ours, qemu }: Results): bigint[] {
  const offsets = new Set([...ours.stack.keys(), ...qemu.stack.keys()])
  return [...offsets]
    .map((at) => (ours.stack.get(at) ?? 0n) ^ (qemu.stack.get(at) ?? 0n))
    .filter((bits) => bits !== 0n)
}

/** Most that the programs have on the stack. */
const STACK_BYTES = 0x100n

/** Whether the low 32 bits of an address lie behind conventional memory. */
function isBeyondRam(address: bigint): boolean {
  return (address & 0xffff_ffffn) >= 0xa_0000n
}

/** V_INTR_PRIO of a pending virtual interrupt equals V_TPR, which it does not ignore. */
function isAtThreshold(before: DataView): boolean {
  const word = field(before, 'control.virtual_interrupt')
  return (word & 0x100n) !== 0n && (word & 0x10_0000n) === 0n && ((word >> 16n) & 15n) === (word & 15n)
}

export const DEVIATIONS: readonly Deviation[] = [
  {
    cause: 'stores 32 bits of EXITCODE, which VMEXIT_INVALID fills with ones',
    section: '15.6',
    applies: ({ ours, qemu }) => isInvalid(ours) && isInvalid(qemu),
    excuses: only('control.exit_code'),
  },
  {
    cause: 'does not write nRIP',
    section: '15.7.1',
    applies: ({ before, qemu }) => field(qemu.vmcb, 'control.n_rip') === field(before, 'control.n_rip'),
    excuses: only('control.n_rip'),
  },
  {
    cause: 'has stored what VMRUN had loaded so far, and else the host, when it finds illegal state',
    section: '',
    applies: ({ ours, qemu }) => isInvalid(ours) && isInvalid(qemu),
    excuses: (key) =>
      key.startsWith('save.') || key === 'control.virtual_interrupt' || key === 'control.interrupt_shadow',
  },
  {
    cause: 'leaves the last event that was delivered in EXITINTINFO, V cleared',
    section: '15.7.2',
    applies: ({ ours, qemu }) =>
      field(ours.vmcb, 'control.exit_int_info') === 0n && !has(qemu.vmcb, 'control.exit_int_info', 31),
    excuses: only('control.exit_int_info'),
  },
  {
    cause: 'copies EVENTINJ to EXITINTINFO also when VMRUN finds illegal state',
    section: '15.7.2',
    applies: ({ before, ours, qemu }) =>
      isInvalid(ours) &&
      isInvalid(qemu) &&
      field(qemu.vmcb, 'control.exit_int_info') === field(before, 'control.event_inj'),
    excuses: only('control.exit_int_info'),
  },
  {
    cause: 'uses EVENTINJ for the events of the guest, and clears all of it at #VMEXIT',
    section: '15.20',
    applies: ({ ours, qemu }) =>
      !has(ours.vmcb, 'control.event_inj', 31) &&
      (field(qemu.vmcb, 'control.event_inj') & 0xffff_ffffn) === 0n,
    excuses: only('control.event_inj'),
  },
  {
    cause: 'has no decode assists: EXITINFO1 is 0 for control and debug registers, INTn and INVLPG',
    section: '15.8',
    applies: ({ qemu }) => {
      const code = field(qemu.vmcb, 'control.exit_code')
      return (
        (code < 0x40n || code === 0x65n || code === 0x75n || code === 0x79n) &&
        field(qemu.vmcb, 'control.exit_info_1') === 0n
      )
    },
    excuses: only('control.exit_info_1'),
  },
  {
    cause: 'does not store guest instruction bytes',
    section: '15.8.4',
    applies: ({ before, qemu }) =>
      field(qemu.vmcb, 'control.instruction_bytes_fetched') ===
      field(before, 'control.instruction_bytes_fetched'),
    excuses: only('control.instruction_bytes_fetched'),
  },
  {
    cause: 'pushes RF of rFLAGS as it is, not 1 for a fault and 0 for a software interrupt',
    section: '3.1.6',
    applies: (results) => stackDifferences(results).every((bits) => RF_BITS.includes(bits)),
    excuses: only('stack'),
  },
  {
    cause: 'goes by the vector of an injected event, not by EV, when it pushes an error code',
    section: '15.20',
    applies: ({ before }) => {
      const event = injected(before)
      return event !== undefined && event.hasCode !== (event.type === 3 && WITH_ERROR_CODE.has(event.vector))
    },
    excuses: allButVerdict,
  },
  {
    cause: 'takes EFER.LMA from the VMCB instead of computing it',
    section: '15.5.1',
    applies: ({ before }) => has(before, 'save.efer', 10) !== longModeActive(before),
    excuses: allButVerdict,
  },
  {
    cause: 'takes the CPL from the DPL of SS, not from the CPL field',
    section: '15.5.1',
    applies: ({ before }) => Number((field(before, 'save.ss.attrib') >> 5n) & 3n) !== firstCpl(before),
    excuses: allButVerdict,
  },
  {
    cause: 'loads reserved bits of rFLAGS as they are',
    section: '3.1.6',
    applies: ({ before }) => (field(before, 'save.rflags') & ~RFLAGS_BITS) !== 2n,
    excuses: (key, results) => key === 'stack' || onlyBits('save.rflags', ~RFLAGS_BITS)(key, results),
  },
  {
    cause: 'loads reserved bits of DR6 as they are',
    section: '13.1.1',
    applies: ({ ours, qemu }) => entered(ours) && entered(qemu),
    excuses: onlyBits('save.dr6', 0xffff_1ff0n),
  },
  {
    cause: 'loads reserved bits of DR7 as they are',
    section: '13.1.1',
    applies: ({ ours, qemu }) => entered(ours) && entered(qemu),
    excuses: onlyBits('save.dr7', 0xdc00n),
  },
  ...UNCHECKED.map(unchecked),
  {
    cause: 'does not check the limit of CS; outside 64-bit mode it loads bits 31:0 of rIP only',
    section: '15.5.1',
    applies: ({ before }) =>
      !in64BitMode(before) && field(before, 'save.rip') + MOST_BYTES > field(before, 'save.cs.limit'),
    excuses: allButVerdict,
  },
  {
    cause: 'does not check limit, presence and type of data segments that VMRUN has loaded',
    section: '4.12',
    applies: ({ before, ours }) =>
      !in64BitMode(before) &&
      DATA_SEGMENTS.some((name) => !isUsual(before, name)) &&
      (exitCode(ours) === 0x7fn || [0xcn, 0xdn].includes(handledVector(ours) ?? -1n)),
    excuses: allButVerdict,
  },
  {
    cause: 'has firmware and devices where our machine has no memory',
    section: '',
    applies: ({ before }) => {
      const tables = has(before, 'control.nested_control', 0) ? 'control.n_cr3' : 'save.cr3'
      if (isBeyondRam(field(before, tables))) return true
      if (has(before, 'save.cr0', 31)) return false
      const bases = BASES.map((name) => field(before, `save.${name}.base`))
      return [...bases, field(before, 'save.rsp') - STACK_BYTES].some(isBeyondRam)
    },
    excuses: allButVerdict,
  },
  {
    cause: 'keeps 32 bits of the limits of GDTR and IDTR',
    section: '15.5.1',
    applies: ({ before }) => TABLES.some((name) => field(before, `save.${name}.limit`) > 0xffffn),
    excuses: allButVerdict,
  },
  {
    cause: 'counts 16 bytes for each entry of the IDT in error codes of long mode',
    section: '8.4.1',
    applies: ({ before, ours }) =>
      longModeActive(before) && [0xbn, 0xdn].includes(handledVector(ours) ?? -1n),
    excuses: (key, { ours, qemu }) =>
      key === 'stack' &&
      [...ours.stack].every(([at, value]) => {
        const other = qemu.stack.get(at) ?? 0n
        const entryCode = (value & ~7n) * 2n + 2n
        return (
          value === other || RF_BITS.includes(value ^ other) || ((value & 2n) === 2n && other === entryCode)
        )
      }),
  },
  {
    cause: 'uses SP, not ESP, for interrupts in real mode, whatever SS.B says',
    section: '8.6',
    applies: ({ before }) => !has(before, 'save.cr0', 0) && has(before, 'save.ss.attrib', 10),
    excuses: allButVerdict,
  },
  {
    cause: 'lets rFLAGS.VM begin virtual-8086 mode in real mode, and keeps it in long mode',
    section: '15.5.1',
    applies: ({ before }) =>
      has(before, 'save.rflags', 17) && (!has(before, 'save.cr0', 0) || longModeActive(before)),
    excuses: allButVerdict,
  },
  {
    cause: 'stores 24 bits of the base at SGDT and SIDT with a 16-bit operand size',
    section: '',
    applies: ({ before }) => !in64BitMode(before) && !has(before, 'save.cs.attrib', 10),
    excuses: (key, { ours, qemu }) =>
      key === 'stack' &&
      [...ours.stack]
        .filter(([at, value]) => value !== qemu.stack.get(at))
        .every(([at, value]) => (value & ~(0xffn << 40n)) === qemu.stack.get(at)),
  },
  {
    cause: 'aborts at a write of CR8 while V_IRQ is 1',
    section: '15.21.4',
    applies: ({ before }) => has(before, 'control.virtual_interrupt', 8),
    excuses: only('crash'),
  },
  {
    cause: 'has no NMI virtualization',
    section: '15.21.10',
    applies: ({ before }) => has(before, 'control.virtual_interrupt', 26),
    excuses: allButVerdict,
  },
  {
    cause: 'loads reserved bits of CR0 as they are',
    section: '3.1.1',
    applies: ({ ours, qemu }) => entered(ours) && entered(qemu),
    excuses: onlyBits('save.cr0', 0x1ffa_ffc0n),
  },
  {
    cause: 'does not truncate linear addresses outside 64-bit mode',
    section: '4.6',
    applies: ({ before }) =>
      !in64BitMode(before) && BASES.some((name) => field(before, `save.${name}.base`) > 0xffff_ffffn),
    excuses: allButVerdict,
  },
  {
    cause: 'takes L of SS for that of 64-bit code',
    section: '4.8.2',
    applies: ({ before }) => !in64BitMode(before) && has(before, 'save.ss.attrib', 9),
    excuses: allButVerdict,
  },
  {
    cause: 'loads bits 47:32 of the bases of ES, CS, SS and DS',
    section: 'B',
    applies: ({ ours, qemu }) => entered(ours) && entered(qemu),
    excuses: (key, results) =>
      /^save\.[ecsd]s\.base$/.test(key) && (changed(results, key) & 0xffff_ffffn) === 0n,
  },
  {
    cause: 'writes all of INTERRUPT_SHADOW at #VMEXIT',
    section: 'B',
    applies: ({ ours, qemu }) => entered(ours) && entered(qemu),
    excuses: onlyBits('control.interrupt_shadow', ~1n),
  },
  {
    cause: 'has another state after a shutdown, where it is undefined',
    section: '15.14.3',
    applies: ({ ours, qemu }) => exitCode(ours) === 0x7fn && exitCode(qemu) === 0x7fn,
    excuses: (key) => key.startsWith('save.') || key === 'control.exit_int_info' || key === 'stack',
  },
  {
    cause: 'has no write traps of EFER and control registers',
    section: '15.9',
    applies: ({ ours }) => exitCode(ours) >= 0x8fn && exitCode(ours) <= 0x9fn,
    excuses: allButVerdict,
  },
  {
    cause: 'keeps 32 bits of SYSENTER_CS at VMLOAD and 16 at WRMSR',
    section: '',
    applies: ({ ours, qemu }) => entered(ours) && entered(qemu),
    excuses: onlyBits('save.sysenter_cs', ~0xffffn),
  },
  {
    cause: 'does not check the PDPEs of PAE guests',
    section: '15.5.1',
    applies: ({ before, ours, qemu }) =>
      isInvalid(ours) &&
      entered(qemu) &&
      failedChecks(imageView(before), FACTS).length === 0 &&
      usesPae(before),
    excuses: everything,
  },
  {
    cause: 'does not count LMSW as a selective write of CR0',
    section: '15.9',
    applies: ({ ours, qemu }) => exitCode(ours) === 0x65n && exitCode(qemu) !== 0x65n,
    excuses: allButVerdict,
  },
  {
    cause: 'counts INT3 and INTO as INTn, which the SWINT intercept is for',
    section: '15.14',
    applies: ({ ours, qemu }) => exitCode(qemu) === 0x75n && exitCode(ours) !== 0x75n,
    excuses: allButVerdict,
  },
  {
    cause: 'takes bits 7:1 of EFER, which read as zero, for reserved',
    section: '3.1.7',
    applies: ({ before, ours, qemu }) =>
      entered(ours) && isInvalid(qemu) && (field(before, 'save.efer') & 0xfen) !== 0n,
    excuses: everything,
  },
  {
    cause: 'enables no breakpoints and no general detection by the DR7 that VMRUN loads',
    section: '15.5.1',
    applies: ({ before }) => (field(before, 'save.dr7') & 0x20ffn) !== 0n,
    excuses: allButVerdict,
  },
  {
    cause: 'begins an instruction that reads and writes with the fault of a read',
    section: '8.4.2',
    applies: ({ ours }) => exitCode(ours) === 0x400n || handledVector(ours) === 0xen,
    excuses: (key, results) =>
      onlyBits('control.exit_info_1', 2n)(key, results) ||
      (key === 'stack' &&
        stackDifferences(results).every((bits) => RF_BITS.includes(bits) || W_BITS.includes(bits))),
  },
  {
    cause: 'does not look at the RDTSCP intercept',
    section: '15.9',
    applies: ({ ours, qemu }) => exitCode(ours) === 0x87n && exitCode(qemu) !== 0x87n,
    excuses: allButVerdict,
  },
  {
    cause: 'pushes rIP, not nRIP, for injected software interrupts, #BP and #OF',
    section: '15.20',
    applies: ({ before }) => {
      const event = injected(before)
      const fromInstruction =
        event?.type === 4 || (event?.type === 3 && (event.vector === 3 || event.vector === 4))
      return fromInstruction && field(before, 'control.n_rip') !== field(before, 'save.rip')
    },
    excuses: allButVerdict,
  },
  {
    cause: 'takes virtual interrupts whose priority equals V_TPR',
    section: '15.21.4',
    applies: ({ before }) => isAtThreshold(before),
    excuses: allButVerdict,
  },
  {
    cause: 'takes 32 bits for V_INTR_VECTOR',
    section: '15.21.4',
    applies: ({ before }) =>
      has(before, 'control.virtual_interrupt', 8) && field(before, 'control.virtual_interrupt') >> 40n !== 0n,
    excuses: allButVerdict,
  },
  {
    cause: 'has nothing of nested control but NP_ENABLE',
    section: '15.25',
    applies: ({ before }) =>
      has(before, 'control.nested_control', 0) && (field(before, 'control.nested_control') & 0xfen) !== 0n,
    excuses: allButVerdict,
  },
  {
    cause: 'lets IRET load a null SS also for compatibility mode',
    section: '8.9.4',
    applies: ({ before, ours }) =>
      longModeActive(before) &&
      (field(before, 'save.ss.selector') & ~3n) === 0n &&
      handledVector(ours) === 0xdn,
    excuses: allButVerdict,
  },
  {
    cause: 'cannot go back to the host from a guest with EFER.LME, but CR0.PG and CR4.PAE 0',
    section: '15.6',
    applies: ({ before }) =>
      has(before, 'save.efer', 8) && !has(before, 'save.cr0', 31) && !has(before, 'save.cr4', 5),
    excuses: only('crash'),
  },
  {
    cause: 'does not intercept #BP and #OF of INT3 and INTO',
    section: '15.12',
    applies: ({ ours, qemu }) => [0x43n, 0x44n].includes(exitCode(ours)) && exitCode(qemu) !== exitCode(ours),
    excuses: allButVerdict,
  },
  {
    cause: 'clears bits 63:32 of RSP outside 64-bit mode',
    section: '',
    applies: ({ before }) => !in64BitMode(before),
    excuses: onlyBits('save.rsp', 0xffff_ffff_0000_0000n),
  },
  {
    cause: 'leaves RF of rFLAGS 1 after an instruction',
    section: '3.1.6',
    applies: ({ before }) => has(before, 'save.rflags', 16),
    excuses: onlyBits('save.rflags', 0x1_0000n),
  },
]
