/** Test set-up: a program that is L1, with a guest in a VMCB of its own, on the bare machine or under L0. */
import { assemble } from '../isa/index.ts'
import { Machine, START, type MachineOptions, type RunResult, type StartKind } from '../machine/index.ts'
import { findField, readField, VMCB_BYTES, writeField } from '../svm/index.ts'
import { cpuOfL1, createL0, type L0, type L0Event, type L0Options } from './index.ts'

export const L1_BYTES = 0x10_0000
export const L2 = 0x1_2000
export const VMCB = 0x2_0000
export const IOPM = 0x3_0000
export const MSRPM = 0x3_4000
/** L1's nested tables, which map the first GiB of L2's memory to itself. */
export const NESTED = 0x4_0000

/** 64-bit code on L1's page tables that exits with VMMCALL. */
export const LONG_L2: Readonly<Record<string, bigint>> = {
  'control.intercept_vector_4': 3n,
  'control.asid': 1n,
  'control.iopm_base_pa': BigInt(IOPM),
  'control.msrpm_base_pa': BigInt(MSRPM),
  'save.efer': 0x1500n,
  'save.cr0': 0x8000_0031n,
  'save.cr4': 0x20n,
  'save.cr3': BigInt(START.pml4),
  'save.cs.attrib': 0xa9bn,
  'save.ss.attrib': 0xc93n,
  'save.rip': BigInt(L2),
  'save.rsp': 0x5_0000n,
  'save.rflags': 2n,
}

export const NESTED_PAGING = {
  'control.nested_control': 1n,
  'control.n_cr3': BigInt(NESTED),
  'save.g_pat': 0x0007_0406_0007_0406n,
}

/** One VMRUN. */
export const L1 = `
    mov rax, ${VMCB}
    vmrun
    hlt`

export interface Prepared {
  readonly machine: Machine
  /** Undefined on the bare machine. */
  readonly l0: L0 | undefined
}

export interface Program {
  readonly l1?: string
  readonly l2?: string
  /** Where L1 begins; 64-bit code unless it says otherwise. */
  readonly start?: StartKind
  readonly vmcb?: Readonly<Record<string, bigint>>
  readonly options?: Partial<MachineOptions>
  readonly policy?: L0Options
}

/** A machine about to execute `l1`, which lies at START.program; `l2` at L2. */
export function prepare(
  underL0: boolean,
  { l1 = L1, l2 = 'vmmcall', start = 'long', vmcb = {}, options, policy }: Program,
): Prepared {
  const source = `bits 64\norg ${START.program}\n${l1}\n times ${L2 - START.program} - ($ - $$) db 0\n${l2}`
  const program = assemble({ files: new Map([['test.asm', source]]), entry: 'test.asm' })
  if (program.diagnostics.length > 0)
    throw new Error(program.diagnostics.map(({ message }) => message).join('\n'))
  const made = createL0(L1_BYTES, { vcpus: options?.cpus, ...policy })
  const host = underL0 ? { host: made.host } : {}
  const machine = new Machine({ ramBytes: L1_BYTES, cpu: cpuOfL1(), ...options, ...host })
  machine.start(start, START.program)
  machine.load(START.program, program.bytes)
  machine.load(VMCB, vmcbImage(vmcb))
  loadWords(machine, NESTED, [BigInt(NESTED + 0x1000) | 7n])
  // A 1 GB leaf: bit 7, PS.
  loadWords(machine, NESTED + 0x1000, [0x87n])
  return { machine, l0: underL0 ? made.l0() : undefined }
}

export function vmcbImage(fields: Readonly<Record<string, bigint>>): Uint8Array {
  const image = new DataView(new ArrayBuffer(VMCB_BYTES))
  for (const [key, value] of Object.entries({ ...LONG_L2, ...fields }))
    writeField(image, findField(key)!, value)
  return new Uint8Array(image.buffer)
}

export function loadWords(machine: Machine, address: number, words: readonly bigint[]): void {
  machine.load(address, new Uint8Array(BigUint64Array.from(words).buffer))
}

export interface Outcome extends Prepared {
  readonly result: RunResult
  /** A field of vmcb12 after the run. */
  readonly field: (key: string) => bigint
  /** The world switches that L1 sees: of the machine without L0, of L0's events with it. */
  readonly exits: readonly ExitSeen[]
}

export interface ExitSeen {
  readonly vmcb: number
  readonly code: bigint
  readonly info1: bigint
  readonly info2: bigint
  readonly rip: bigint
}

function isExit<T extends { readonly kind: string }>(event: T): event is Extract<T, { kind: 'vmexit' }> {
  return event.kind === 'vmexit'
}

export function exitsSeen({ machine, l0 }: Prepared): ExitSeen[] {
  const events: readonly (L0Event | ReturnType<typeof machine.events.since>[number])[] =
    l0 === undefined ? machine.events.since() : l0.events
  return events.filter(isExit).map(({ vmcb, code, info1, info2, rip }) => ({ vmcb, code, info1, info2, rip }))
}

/** Runs until L1 halts, or for so many instructions. */
export function runL1(underL0: boolean, program: Program, instructions = 20_000): Outcome {
  const prepared = prepare(underL0, program)
  const result = prepared.machine.run(instructions)
  const after = new DataView(prepared.machine.readMemory(VMCB, VMCB_BYTES).buffer)
  return {
    ...prepared,
    result,
    field: (key) => readField(after, findField(key)!),
    exits: exitsSeen(prepared),
  }
}
