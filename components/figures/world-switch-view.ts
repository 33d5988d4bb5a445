/** What a world switch saves, loads, sets and leaves alone, with the values on both sides (APM vol 2 §15.5.1, §15.6). */
import { vmcbField, type VmcbField } from '../../emulator/svm/index.ts'
import * as text from '../strings.ts'
import { hex, hexWide } from '../workbench/format.ts'
import type { CpuState, FieldSource, HostSaveArea, SegmentState } from '../../emulator/machine/index.ts'
import type { WorldSwitchRecord } from './world-switch-data.ts'

export type Place = 'processor' | 'host save area' | 'VMCB'

export interface SwitchRow {
  readonly name: string
  /** What the place had that the value goes to; undefined where that cannot be seen. */
  readonly before: string | undefined
  readonly value: string
  readonly isChanged: boolean
  /** VMRUN: whether the field came from memory or from the state cache. */
  readonly source: FieldSource | undefined
}

/** One of the things that a switch does, in the order in which it does them. */
export interface SwitchMove {
  readonly kind: 'save' | 'load' | 'set' | 'keep'
  readonly title: string
  readonly from: Place | undefined
  readonly to: Place
  readonly rows: readonly SwitchRow[]
  /** What else, of which a view has no values. */
  readonly note?: string
}

export interface WorldSwitchView {
  readonly direction: WorldSwitchRecord['direction']
  readonly title: string
  readonly vmcb: string
  readonly moves: readonly SwitchMove[]
}

interface Register {
  readonly name: string
  readonly bytes: number
  readonly of: (cpu: CpuState) => bigint
  /** The VMCB field that VMRUN and #VMEXIT move it by. */
  readonly field?: string
  /** Its place in the host save area. */
  readonly host?: (host: HostSaveArea) => bigint
}

const SEGMENT_PARTS = [
  { part: 'selector', bytes: 2, of: (segment: SegmentState) => BigInt(segment.selector) },
  { part: 'attrib', bytes: 2, of: (segment: SegmentState) => BigInt(segment.attributes) },
  { part: 'limit', bytes: 4, of: (segment: SegmentState) => BigInt(segment.limit) },
  { part: 'base', bytes: 8, of: (segment: SegmentState) => segment.base },
] as const

const SWITCHED_SEGMENTS = ['es', 'cs', 'ss', 'ds'] as const
const KEPT_SEGMENTS = ['fs', 'gs', 'ldtr', 'tr'] as const

const KEPT_GENERAL = [
  ...(['rcx', 'rdx', 'rbx', 'rbp', 'rsi', 'rdi'] as const),
  ...(['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const),
] as const

const KEPT_SYSTEM = [
  ['cr8', 'CR8'],
  ['pat', 'PAT'],
  ['star', 'STAR'],
  ['lstar', 'LSTAR'],
  ['cstar', 'CSTAR'],
  ['sfmask', 'SFMASK'],
  ['kernelGsBase', 'KernelGsBase'],
  ['vmHsavePa', 'VM_HSAVE_PA'],
] as const

const HOST_SYSTEM = ['efer', 'cr0', 'cr3', 'cr4'] as const
const GUEST_SYSTEM = ['cr2', 'dr6', 'dr7'] as const

/** The registers of which a view has the values, and what a world switch does to each. */
const REGISTERS: readonly Register[] = [
  { name: 'rIP', bytes: 8, of: (cpu) => cpu.rip, field: 'save.rip', host: ({ registers }) => registers.rip },
  {
    name: 'rFLAGS',
    bytes: 8,
    of: (cpu) => BigInt(cpu.rflags),
    field: 'save.rflags',
    host: ({ registers }) => registers.rflags,
  },
  ...(['rax', 'rsp'] as const).map((key): Register => ({
    name: key.toUpperCase(),
    bytes: 8,
    of: (cpu) => cpu.general[key],
    field: `save.${key}`,
    host: ({ registers }) => registers[key],
  })),
  ...HOST_SYSTEM.map((key): Register => ({
    name: key.toUpperCase(),
    bytes: 8,
    of: (cpu) => cpu.system[key],
    field: `save.${key}`,
    host: ({ registers }) => registers[key],
  })),
  ...SWITCHED_SEGMENTS.flatMap((key) =>
    SEGMENT_PARTS.map(({ part, bytes, of }): Register => ({
      name: `${key.toUpperCase()} ${part}`,
      bytes,
      of: (cpu) => of(cpu.segments[key]),
      field: `save.${key}.${part}`,
      host: ({ segments }) => of(segments[key]),
    })),
  ),
  ...(['gdtr', 'idtr'] as const).flatMap((key) =>
    (['limit', 'base'] as const).map((part): Register => ({
      name: `${key.toUpperCase()} ${part}`,
      bytes: part === 'base' ? 8 : 4,
      of: (cpu) => BigInt(cpu[key][part]),
      field: `save.${key}.${part}`,
      host: (host) => BigInt(host[key][part]),
    })),
  ),
  { name: 'CPL', bytes: 1, of: (cpu) => BigInt(cpu.cpl), field: 'save.cpl' },
  ...GUEST_SYSTEM.map((key): Register => ({
    name: key.toUpperCase(),
    bytes: 8,
    of: (cpu) => cpu.system[key],
    field: `save.${key}`,
  })),
  ...KEPT_GENERAL.map((key): Register => ({
    name: key.toUpperCase(),
    bytes: 8,
    of: (cpu) => cpu.general[key],
  })),
  ...KEPT_SEGMENTS.flatMap((key) =>
    SEGMENT_PARTS.map(({ part, bytes, of }): Register => ({
      name: `${key.toUpperCase()} ${part}`,
      bytes,
      of: (cpu) => of(cpu.segments[key]),
    })),
  ),
  ...KEPT_SYSTEM.map(([key, name]): Register => ({ name, bytes: 8, of: (cpu) => cpu.system[key] })),
]

const BY_FIELD: ReadonlyMap<string, Register> = new Map(
  REGISTERS.flatMap((register) => (register.field === undefined ? [] : [[register.field, register]])),
)

/** What #VMEXIT makes of registers, whatever the host save area says (§15.6), and of the processor's hidden state. */
const SET_BY_VMEXIT: readonly { readonly name: string; readonly value: string; readonly of?: string }[] = [
  { name: 'GIF', value: '0' },
  { name: 'CPL', value: '0', of: 'CPL' },
  { name: 'DR7', value: '400h', of: 'DR7' },
  { name: 'CR0.PE', value: '1' },
  { name: 'rFLAGS.VM', value: '0' },
  { name: 'ASID', value: '0' },
  { name: 'Intercepts', value: 'off' },
  { name: 'Virtual interrupt control', value: '0' },
  { name: 'TSC_OFFSET', value: '0' },
]

const SET_BY_VMRUN: typeof SET_BY_VMEXIT = [
  { name: 'GIF', value: '1' },
  { name: 'Guest mode', value: 'on' },
]

export function worldSwitchView(record: WorldSwitchRecord): WorldSwitchView {
  const isVmrun = record.direction === 'vmrun'
  return {
    direction: record.direction,
    title: isVmrun ? text.intoTheGuest : text.backToTheHost,
    vmcb: hex(record.vmcb),
    moves: isVmrun ? movesOfVmrun(record) : movesOfVmexit(record),
  }
}

function movesOfVmrun({ fields, cpu, host }: WorldSwitchRecord): SwitchMove[] {
  const loaded = new Set(fields.map(({ field }) => field))
  return [
    {
      kind: 'save',
      title: text.savedToHostSaveArea,
      from: 'processor',
      to: 'host save area',
      rows: REGISTERS.flatMap((register) =>
        register.host === undefined ? [] : [row(register, undefined, register.host(host))],
      ),
    },
    {
      kind: 'load',
      title: text.loadedFromVmcb,
      from: 'VMCB',
      to: 'processor',
      rows: fields.map(({ field, value, source }) => {
        const register = BY_FIELD.get(field)
        return row(register ?? named(vmcbField(field)), register?.of(cpu), value, source)
      }),
    },
    set(SET_BY_VMRUN, cpu),
    keep(
      REGISTERS.filter(({ field }) => field === undefined || !loaded.has(field)),
      cpu,
    ),
  ]
}

function movesOfVmexit({ fields, cpu, host }: WorldSwitchRecord): SwitchMove[] {
  const replaced = new Set(SET_BY_VMEXIT.map(({ of }) => of))
  return [
    {
      kind: 'save',
      title: text.storedInVmcb,
      from: 'processor',
      to: 'VMCB',
      rows: fields.map(({ field, value }) =>
        row(BY_FIELD.get(field) ?? named(vmcbField(field)), undefined, value),
      ),
    },
    {
      kind: 'load',
      title: text.reloadedFromHostSaveArea,
      from: 'host save area',
      to: 'processor',
      rows: REGISTERS.flatMap((register) =>
        register.host === undefined ? [] : [row(register, register.of(cpu), register.host(host))],
      ),
    },
    set(SET_BY_VMEXIT, cpu),
    keep(
      REGISTERS.filter((register) => register.host === undefined && !replaced.has(register.name)),
      cpu,
    ),
  ]
}

function named({ name, bytes }: VmcbField): Pick<Register, 'name' | 'bytes'> {
  return { name, bytes }
}

function row(
  { name, bytes }: Pick<Register, 'name' | 'bytes'>,
  before: bigint | undefined,
  value: bigint,
  source?: FieldSource,
): SwitchRow {
  return {
    name,
    before: before === undefined ? undefined : hexWide(before, bytes),
    value: hexWide(value, bytes),
    isChanged: before !== undefined && before !== value,
    source,
  }
}

function set(values: typeof SET_BY_VMEXIT, cpu: CpuState): SwitchMove {
  const rows = values.map(({ name, value, of }): SwitchRow => {
    const register = REGISTERS.find((candidate) => candidate.name === of)
    const before = register && hex(register.of(cpu))
    return { name, before, value, isChanged: before !== undefined && before !== value, source: undefined }
  })
  return { kind: 'set', title: text.setByProcessor, from: undefined, to: 'processor', rows }
}

function keep(registers: readonly Register[], cpu: CpuState): SwitchMove {
  return {
    kind: 'keep',
    title: text.leftAlone,
    from: undefined,
    to: 'processor',
    rows: registers.map((register) => row(register, undefined, register.of(cpu))),
    note: text.alsoLeftAlone,
  }
}
