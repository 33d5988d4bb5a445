/**
 * The state-save area of system-management mode: 512 bytes at SMBASE + FE00h (APM vol 2 §10.2.3, table 10-1). Each row says where a
 * value lies, whether the handler may change it, what an SMI stores there and what RSM does with it.
 */
import { CS, DS, ES, FS, GS, IF, LDTR, SS, TR } from '../isa/registers.ts'
import { canonical } from '../state/canonical.ts'
import type { LinearBits } from '../state/cpu.ts'
import { readRflags } from '../state/flags.ts'
import { CR0 } from '../state/mode.ts'
import { ACTIVITY, type Vcpu } from '../state/vcpu.ts'
import { DR6 } from './debug-bits.ts'
import { CR0_WRITABLE } from './validity.ts'

/** Offsets from SMBASE: where the handler begins and where the area lies. */
export const SMM_ENTRY = 0x8000
export const STATE_SAVE = { offset: 0xfe00, bytes: 0x200 } as const

export interface SavedField {
  /** The manual's name, lower case. */
  readonly name: string
  /** From SMBASE. */
  readonly offset: number
  readonly bytes: 1 | 2 | 4 | 8
  /** "Read/Write" in the manual: the handler may change it. What else it changes has unpredictable results. */
  readonly writable: boolean
  save(state: Vcpu): bigint
  /** What RSM loads as it stands; absent where RSM ignores the value or does more with it (smm.ts). */
  load?(state: Vcpu, value: bigint, linearBits: LinearBits): void
}

type Segment = readonly [name: string, offset: number, register: number]

/** Unimplemented bits of a base: cleared in ES, CS, SS and DS, copies of the highest implemented bit elsewhere (§10.4). */
const low32 = (base: bigint): bigint => BigInt.asUintN(32, base)

function segment([name, offset, register]: Segment): SavedField[] {
  const base = register <= DS ? low32 : canonical
  return [
    {
      name: `${name}.selector`,
      offset,
      bytes: 2,
      writable: false,
      save: ({ segments }) => BigInt(segments[register].selector),
      load: ({ segments }, value) => (segments[register].selector = Number(value)),
    },
    {
      name: `${name}.attributes`,
      offset: offset + 2,
      bytes: 2,
      writable: false,
      save: ({ segments }) => BigInt(segments[register].attributes),
      load: ({ segments }, value) => (segments[register].attributes = Number(value & 0xfffn)),
    },
    {
      name: `${name}.limit`,
      offset: offset + 4,
      bytes: 4,
      writable: false,
      save: ({ segments }) => BigInt(segments[register].limit),
      load: ({ segments }, value) => (segments[register].limit = Number(value)),
    },
    {
      name: `${name}.base`,
      offset: offset + 8,
      bytes: 8,
      writable: false,
      save: ({ segments }) => segments[register].base,
      load: ({ segments }, value, bits) => (segments[register].base = base(value, bits)),
    },
  ]
}

function table(name: 'gdtr' | 'idtr', offset: number): SavedField[] {
  return [
    {
      name: `${name}.limit`,
      offset: offset + 4,
      bytes: 2,
      writable: false,
      save: (state) => BigInt(state[`${name}Limit`]),
      load: (state, value) => (state[`${name}Limit`] = Number(value)),
    },
    {
      name: `${name}.base`,
      offset: offset + 8,
      bytes: 8,
      writable: false,
      save: (state) => state[`${name}Base`],
      load: (state, value, bits) => (state[`${name}Base`] = canonical(value, bits)),
    },
  ]
}

function general(name: string, offset: number, register: number): SavedField {
  return {
    name,
    offset,
    bytes: 8,
    writable: true,
    save: ({ gpr }) => gpr[register],
    load: ({ gpr }, value) => (gpr[register] = value),
  }
}

function readOnly(
  name: string,
  offset: number,
  save: SavedField['save'],
  load?: SavedField['load'],
): SavedField {
  return { name, offset, bytes: 8, writable: false, save, ...(load && { load }) }
}

/** What is 0 unless the SMI interrupted a guest. */
function ofGuest(name: string, offset: number, save: SavedField['save']): SavedField {
  return readOnly(name, offset, (state) => (state.guestMode ? save(state) : 0n))
}

/** SMM-revision identifier (§10.2.4): 17 SMBASE relocation, 16 I/O-instruction restart, 15:0 revision level. */
export const SMM_REVISION = 0x3_0064n

/** SVM Guest: 2:0 is 2 in a guest and 6 in one with nested paging; 3 is the host's rFLAGS.IF. */
function guestState({ nestedPaging, hostRflags }: Vcpu): bigint {
  return (nestedPaging ? 6n : 2n) | (hostRflags & BigInt(IF) ? 8n : 0n)
}

const SEGMENTS: readonly Segment[] = [
  ['es', 0xfe00, ES],
  ['cs', 0xfe10, CS],
  ['ss', 0xfe20, SS],
  ['ds', 0xfe30, DS],
  ['fs', 0xfe40, FS],
  ['gs', 0xfe50, GS],
  ['ldtr', 0xfe70, LDTR],
  ['tr', 0xfe90, TR],
]

/** In reverse order of their numbers, R15 first. */
const GENERAL = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] // prettier-ignore

/** Bytes that no row covers are reserved; an SMI stores zeros there. */
export const SAVED_FIELDS: readonly SavedField[] = [
  ...SEGMENTS.flatMap(segment),
  ...table('gdtr', 0xfe60),
  ...table('idtr', 0xfe80),
  readOnly('io_restart.rip', 0xfea0, (state) => state.smiIoRip),
  readOnly('io_restart.rcx', 0xfea8, (state) => state.smiIoRcx),
  readOnly('io_restart.rsi', 0xfeb0, (state) => state.smiIoRsi),
  readOnly('io_restart.rdi', 0xfeb8, (state) => state.smiIoRdi),
  // The dword is the upper half of what EXITINFO1 would hold (smi-source.ts).
  {
    name: 'io_restart.dword',
    offset: 0xfec0,
    bytes: 4,
    writable: false,
    save: (state) => state.smiIoInfo >> 32n,
  },
  { name: 'io_restart', offset: 0xfec8, bytes: 1, writable: true, save: () => 0n },
  {
    name: 'halt_restart',
    offset: 0xfec9,
    bytes: 1,
    writable: true,
    save: ({ activity }) => (activity === ACTIVITY.halted ? 1n : 0n),
  },
  readOnly('efer', 0xfed0, (state) => state.efer),
  ofGuest('svm_guest', 0xfed8, guestState),
  ofGuest('svm_guest.vmcb', 0xfee0, (state) => BigInt(state.vmcb)),
  ofGuest(
    'svm_guest.virtual_interrupt',
    0xfee8,
    (state) => (BigInt(state.virtualInterruptVector) << 32n) | BigInt(state.virtualInterrupt),
  ),
  { name: 'revision', offset: 0xfefc, bytes: 4, writable: false, save: () => SMM_REVISION },
  {
    name: 'smbase',
    offset: 0xff00,
    bytes: 4,
    writable: true,
    save: (state) => state.smbase,
    load: (state, value) => (state.smbase = value),
  },
  // Shadow stacks are absent.
  { name: 'ssp', offset: 0xff18, bytes: 8, writable: true, save: () => 0n },
  ofGuest('svm_guest.pat', 0xff20, (state) => (state.nestedPaging ? state.gPat : 0n)),
  ofGuest('svm_host.efer', 0xff28, (state) => state.hostEfer),
  ofGuest('svm_host.cr4', 0xff30, (state) => state.hostCr4),
  ofGuest('svm_host.cr3', 0xff38, (state) => state.hostCr3),
  ofGuest('svm_host.cr0', 0xff40, (state) => state.hostCr0),
  readOnly(
    'cr4',
    0xff48,
    (state) => state.cr4,
    (state, value) => (state.cr4 = value),
  ),
  readOnly(
    'cr3',
    0xff50,
    (state) => state.cr3,
    (state, value) => (state.cr3 = value),
  ),
  readOnly(
    'cr0',
    0xff58,
    (state) => state.cr0,
    (state, value) => (state.cr0 = (value & CR0_WRITABLE) | CR0.ET),
  ),
  readOnly('dr7', 0xff60, (state) => state.dr7),
  readOnly(
    'dr6',
    0xff68,
    (state) => state.dr6,
    (state, value) => (state.dr6 = (value & BigInt(DR6.writable)) | BigInt(DR6.fixed)),
  ),
  { name: 'rflags', offset: 0xff70, bytes: 8, writable: true, save: (state) => BigInt(readRflags(state)) },
  {
    name: 'rip',
    offset: 0xff78,
    bytes: 8,
    writable: true,
    save: (state) => state.rip,
    load: (state, value) => (state.rip = value),
  },
  ...GENERAL.map((name, register) => general(name, 0xfff8 - register * 8, register)),
]

const BY_NAME: ReadonlyMap<string, SavedField> = new Map(SAVED_FIELDS.map((field) => [field.name, field]))

/** The row named `name`. Throws RangeError when there is none. */
export function savedField(name: string): SavedField {
  const field = BY_NAME.get(name)
  if (field === undefined) throw new RangeError(`no field of the state-save area: ${name}`)
  return field
}

/** The value of a row in an image of the area. */
export function readField(image: DataView, { offset, bytes }: SavedField): bigint {
  const at = offset - STATE_SAVE.offset
  switch (bytes) {
    case 1:
      return BigInt(image.getUint8(at))
    case 2:
      return BigInt(image.getUint16(at, true))
    case 4:
      return BigInt(image.getUint32(at, true))
    case 8:
      return image.getBigUint64(at, true)
  }
}

export function writeField(image: DataView, { offset, bytes }: SavedField, value: bigint): void {
  const at = offset - STATE_SAVE.offset
  for (let i = 0; i < bytes; i++) image.setUint8(at + i, Number((value >> BigInt(i * 8)) & 0xffn))
}
