/** Deviations of VMRUN: what QEMU does not check, and what it loads otherwise (helper_vmrun). */
import { createCpuModel } from '../../emulator/machine/index.ts'
import { failedChecks, imageView, modelFacts } from '../../emulator/svm/index.ts'
import { CPU } from '../ours.ts'
import { field } from '../outcome.ts'
import {
  anotherPath,
  anything,
  bothEntered,
  bothInvalid,
  changed,
  either,
  endsByFault,
  entered,
  firstCpl,
  has,
  in64BitMode,
  isInvalid,
  longModeActive,
  onlyBits,
  type Deviation,
} from './deviation.ts'

const FACTS = modelFacts(createCpuModel(CPU))

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
    section: '§15.20',
    cause: 'injects all exceptions but those of vectors 2 and 31, also vectors that no exception has',
  },
  { id: 'event-inj-impossible', bits: ALL, section: '§15.20', cause: 'injects #BR and #OF in 64-bit mode' },
  { id: 'n-cr3-reserved', bits: ALL, section: '§15.25.4', cause: 'does not check N_CR3' },
  { id: 'g-pat-type', bits: ALL, section: '§15.25.4', cause: 'does not check G_PAT' },
  {
    id: 'cr4-reserved',
    bits: 0x2_0400n,
    section: '§15.5.1',
    cause: 'accepts CR4.OSXMMEXCPT and PCIDE whatever features it has',
  },
  {
    id: 'efer-reserved',
    bits: 0x6000n,
    section: '§15.5.1',
    cause: 'accepts EFER.LMSLE and FFXSR whatever features it has',
  },
]

/** What #VMEXIT stores. */
const STORED =
  /^(control\.(virtual_interrupt|interrupt_shadow)|save\.((es|cs|ss|ds)\.\w+|(gdtr|idtr)\.(base|limit)|efer|cr[0234]|dr[67]|rflags|rip|rsp|rax|cpl))$/

const stored: Deviation['excuses'] = (key) => STORED.test(key)

/** When only one enters the guest, the other has all that #VMEXIT stores as VMRUN found it. */
const enteredByOne = either(anything, stored)

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
    excuses: enteredByOne,
  }
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

/** Bits of rFLAGS that exist: 21:16, 14:0 without 1, 3, 5. */
const RFLAGS_BITS = 0x3f_7fd5n

/** The limits that make the tables of the arena complete. */
const TABLES = { gdtr: 0x47n, idtr: 0xfffn }

/** A table whose limit has bits above 15. */
function longLimits(before: DataView): (keyof typeof TABLES)[] {
  return (['gdtr', 'idtr'] as const).filter((name) => field(before, `save.${name}.limit`) > 0xffffn)
}

/** What has a base that linear addresses are made from. */
const LINEAR = ['cs', 'es', 'ss', 'ds', 'gdtr', 'idtr', 'tr']

/** Length of the longest instruction. */
const MOST_BYTES = 15n

export const ENTRY: readonly Deviation[] = [
  ...UNCHECKED.map(unchecked),
  {
    cause: 'stores what VMRUN has loaded so far, and else the host, when it finds illegal state',
    section: '',
    applies: bothInvalid,
    excuses: stored,
  },
  {
    cause: 'does not check the PDPEs of PAE guests',
    section: '§15.5.1',
    applies: ({ before, ours, qemu }) =>
      isInvalid(ours) &&
      entered(qemu) &&
      failedChecks(imageView(before), FACTS).length === 0 &&
      usesPae(before),
    excuses: enteredByOne,
  },
  {
    cause: 'takes bits 7:1 of EFER, which read as zero, for reserved',
    section: '§3.1.7',
    applies: ({ before, ours, qemu }) =>
      entered(ours) && isInvalid(qemu) && (field(before, 'save.efer') & 0xfen) !== 0n,
    excuses: enteredByOne,
  },
  {
    cause: 'takes EFER.LMA from the VMCB instead of computing it',
    section: '§15.5.1',
    applies: ({ before }) => has(before, 'save.efer', 10) !== longModeActive(before),
    excuses: either(anotherPath, onlyBits('save.efer', 0x400n)),
  },
  {
    cause: 'takes the CPL from the DPL of SS, not from the CPL field',
    section: '§15.5.1',
    applies: ({ before }) => Number((field(before, 'save.ss.attrib') >> 5n) & 3n) !== firstCpl(before),
    excuses: anotherPath,
  },
  {
    cause: 'lets rFLAGS.VM begin virtual-8086 mode in real mode, and keeps it in long mode',
    section: '§15.5.1',
    applies: ({ before }) =>
      has(before, 'save.rflags', 17) && (!has(before, 'save.cr0', 0) || longModeActive(before)),
    excuses: anotherPath,
  },
  {
    cause: 'loads reserved bits of rFLAGS as they are',
    section: '§3.1.6',
    applies: ({ before }) => (field(before, 'save.rflags') & ~RFLAGS_BITS) !== 2n,
    excuses: (key, results) =>
      (key === 'stack' && changed(results, 'save.rsp') === 0n) ||
      onlyBits('save.rflags', ~RFLAGS_BITS)(key, results),
  },
  {
    cause: 'loads reserved bits of CR0 as they are',
    section: '§3.1.1',
    applies: bothEntered,
    excuses: onlyBits('save.cr0', 0x1ffa_ffc0n),
  },
  {
    cause: 'loads reserved bits of DR6 as they are',
    section: '§13.1.1',
    applies: bothEntered,
    excuses: onlyBits('save.dr6', 0xffff_1ff0n),
  },
  {
    cause: 'loads reserved bits of DR7 as they are',
    section: '§13.1.1',
    applies: bothEntered,
    excuses: onlyBits('save.dr7', 0xdc00n),
  },
  {
    cause: 'enables no breakpoints and no general detection by the DR7 that VMRUN loads',
    section: '§15.5.1',
    applies: ({ before }) => (field(before, 'save.dr7') & 0x20ffn) !== 0n,
    excuses: anotherPath,
  },
  {
    cause: 'loads bits 47:32 of the bases of ES, CS, SS and DS',
    section: 'table B-2',
    applies: bothEntered,
    excuses: (key, results) =>
      /^save\.[ecsd]s\.base$/.test(key) && (changed(results, key) & 0xffff_ffffn) === 0n,
  },
  {
    cause: 'keeps 32 bits of the limits of GDTR and IDTR',
    section: 'table B-2',
    applies: ({ before }) => longLimits(before).length > 0,
    excuses: (key, results) =>
      Object.keys(TABLES).some((name) => onlyBits(`save.${name}.limit`, 0xffff_0000n)(key, results)) ||
      (anotherPath(key, results) &&
        longLimits(results.before).some(
          (name) => (field(results.before, `save.${name}.limit`) & 0xffffn) < TABLES[name],
        )),
  },
  {
    cause: 'has 32 bits of SYSENTER_CS, of which WRMSR writes 16',
    section: '',
    applies: ({ before }) => field(before, 'save.sysenter_cs') > 0xffffn,
    excuses: (key, { before, qemu }) =>
      key === 'save.sysenter_cs' &&
      [0xffff_ffffn, 0xffffn].some(
        (mask) => field(qemu.vmcb, key) === (field(before, 'save.sysenter_cs') & mask),
      ),
  },
  {
    cause: 'takes 32 bits for V_INTR_VECTOR',
    section: 'table B-1',
    applies: ({ before }) =>
      has(before, 'control.virtual_interrupt', 8) && field(before, 'control.virtual_interrupt') >> 40n !== 0n,
    excuses: anotherPath,
  },
  {
    cause: 'has no NMI virtualization',
    section: '§15.21.10',
    applies: ({ before }) =>
      has(before, 'control.virtual_interrupt', 26) && has(before, 'control.virtual_interrupt', 11),
    excuses: anotherPath,
  },
  {
    cause: 'has nothing of nested control but NP_ENABLE',
    section: '§15.25',
    applies: ({ before }) =>
      has(before, 'control.nested_control', 0) && (field(before, 'control.nested_control') & 0xfen) !== 0n,
    excuses: anotherPath,
  },
  {
    cause: 'does not truncate linear addresses outside 64-bit mode',
    section: '§4.6',
    applies: ({ before }) =>
      !in64BitMode(before) && LINEAR.some((name) => field(before, `save.${name}.base`) > 0xffff_ffffn),
    excuses: anotherPath,
  },
  {
    cause: 'does not check the limit of CS for a rIP that VMRUN has loaded',
    section: '§15.5.1',
    applies: (results) =>
      !in64BitMode(results.before) &&
      field(results.before, 'save.rip') + MOST_BYTES > field(results.before, 'save.cs.limit') &&
      endsByFault(results, 8n, 13n),
    excuses: anotherPath,
  },
]
