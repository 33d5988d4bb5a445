/** Test set-up: a 64-bit host that runs one guest through VMRUN and halts after its #VMEXIT. */
import { expect } from 'vitest'
import { findField, readField, VMCB_BYTES, writeField } from '../svm/index.ts'
import type { MachineEvent } from './events.ts'
import { machineWith } from './machine.fixture.ts'
import type { Machine, MachineOptions } from './machine.ts'
import { START } from './start.ts'

export const GUEST = 0x1_1000
export const VMCB = 0x2_0000
export const IOPM = 0x3_0000
export const MSRPM = 0x3_4000
/** Nested tables that map the first GiB of guest-physical memory to itself, for user accesses too. */
export const NESTED = 0x4_0000

export const LONG_GUEST: Readonly<Record<string, bigint>> = {
  'control.intercept_vector_4': 3n,
  'control.asid': 1n,
  'save.efer': 0x1500n,
  'save.cr0': 0x8000_0031n,
  'save.cr4': 0x20n,
  'save.cr3': BigInt(START.pml4),
  'save.cs.attrib': 0xa9bn,
  'save.ss.attrib': 0xc93n,
  'save.rip': BigInt(GUEST),
  'save.rsp': 0x5_0000n,
  'save.rflags': 2n,
}
export const NESTED_PAGING = {
  'control.nested_control': 1n,
  'control.n_cr3': BigInt(NESTED),
  'save.g_pat': 0x0007_0406_0007_0406n,
}

const HOST = `
    mov rax, ${VMCB}
    vmrun
    hlt`

export interface GuestRun {
  readonly machine: Machine
  readonly field: (key: string) => bigint
  readonly exits: readonly Extract<MachineEvent, { kind: 'vmexit' }>[]
}

/** Runs `code` at GUEST as a 64-bit guest until the host halts, which the usual `host` does after one VMRUN. */
export function runGuest(
  code: string,
  changes: Readonly<Record<string, bigint>> = {},
  prepare: (machine: Machine) => void = () => undefined,
  host = HOST,
  options: Partial<MachineOptions> = {},
): GuestRun {
  const source = `${host}\n    times ${GUEST - START.program} - ($ - $$) db 0\n${code}`
  const machine = machineWith(source, 'long', options)
  const image = new DataView(new ArrayBuffer(VMCB_BYTES))
  for (const [key, value] of Object.entries({ ...LONG_GUEST, ...changes }))
    writeField(image, findField(key)!, value)
  machine.load(VMCB, new Uint8Array(image.buffer))
  loadWords(machine, NESTED, [BigInt(NESTED + 0x1000) | 7n])
  // A 1 GB leaf: bit 7, PS.
  loadWords(machine, NESTED + 0x1000, [0x87n])
  prepare(machine)
  expect(machine.run(10_000).reason).toBe('halted-forever')
  const after = new DataView(machine.readMemory(VMCB, VMCB_BYTES).buffer)
  return {
    machine,
    field: (key) => readField(after, findField(key)!),
    exits: machine.events.since().filter((event) => event.kind === 'vmexit'),
  }
}

export function loadWords(machine: Machine, address: number, words: readonly bigint[]): void {
  machine.load(address, new Uint8Array(BigUint64Array.from(words).buffer))
}

/** Nested tables of 4 KB pages that map the machine's 1 MiB to itself, but for the entries that `pages` gives by page number. */
export function mapNestedPages(machine: Machine, pages: Readonly<Record<number, bigint>> = {}): void {
  loadWords(machine, NESTED + 0x1000, [BigInt(NESTED + 0x2000) | 7n])
  loadWords(machine, NESTED + 0x2000, [BigInt(NESTED + 0x3000) | 7n])
  const entries = Array.from({ length: 256 }, (_, page) => pages[page] ?? BigInt(page * 4096) | 7n)
  loadWords(machine, NESTED + 0x3000, entries)
}
