/** Deviations of what the guest executes: intercepts, segments, memory. */
import { field } from '../outcome.ts'
import { anotherPath, endsByFault, exitCode, has, in64BitMode, only, type Deviation } from './deviation.ts'

const DATA_SEGMENTS = ['es', 'ss', 'ds']
const BASES = ['cs', ...DATA_SEGMENTS, 'gdtr', 'idtr', 'tr']

/** A present, writable data segment of 4 GiB. */
function isUsual(before: DataView, name: string): boolean {
  const attributes = field(before, `save.${name}.attrib`)
  return field(before, `save.${name}.limit`) === 0xffff_ffffn && (attributes & 0x9en) === 0x92n
}

/** Most that the programs have on the stack. */
const STACK_BYTES = 0x100n

/** Whether the low 32 bits of an address lie behind conventional memory. */
function isBeyondRam(address: bigint): boolean {
  return (address & 0xffff_ffffn) >= 0xa_0000n
}

export const EXECUTION: readonly Deviation[] = [
  {
    cause: 'has no write traps of EFER and control registers',
    section: 'table B-1',
    applies: ({ ours }) => exitCode(ours) >= 0x8fn && exitCode(ours) <= 0x9fn,
    excuses: anotherPath,
  },
  {
    cause: 'does not count an LMSW that changes TS and MP alone as a selective write of CR0',
    section: '§15.9',
    applies: ({ ours, qemu }) => exitCode(ours) === 0x65n && exitCode(qemu) !== 0x65n,
    excuses: anotherPath,
  },
  {
    cause: 'does not look at the RDTSCP intercept',
    section: '§15.9',
    applies: ({ ours, qemu }) => exitCode(ours) === 0x87n && exitCode(qemu) !== 0x87n,
    excuses: anotherPath,
  },
  {
    cause: 'does not check limit, presence and type of data segments that VMRUN has loaded',
    section: '§4.12',
    applies: (results) =>
      !in64BitMode(results.before) &&
      DATA_SEGMENTS.some((name) => !isUsual(results.before, name)) &&
      endsByFault(results, 8n, 12n, 13n),
    excuses: anotherPath,
  },
  {
    cause: 'has firmware, devices and zeros where our machine has nothing',
    section: '',
    applies: ({ before }) => {
      const tables = has(before, 'control.nested_control', 0) ? 'control.n_cr3' : 'save.cr3'
      if (isBeyondRam(field(before, tables))) return true
      if (has(before, 'save.cr0', 31)) return false
      const bases = BASES.map((name) => field(before, `save.${name}.base`))
      const accesses = [
        field(before, 'save.rsp') - STACK_BYTES,
        field(before, 'save.cs.base') + field(before, 'save.rip'),
      ]
      return [...bases, ...accesses].some(isBeyondRam)
    },
    excuses: anotherPath,
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
    section: '§15.21.4',
    applies: ({ before }) => has(before, 'control.virtual_interrupt', 8),
    excuses: only('crash'),
  },
]
