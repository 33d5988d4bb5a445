/**
 * The manual as a table: each row is one statement about SVM with two runs of the machine, one in which what it says can be seen,
 * and one next to it in which it is not so. The runs are assembled hosts and guests; nothing is scripted.
 */
import { describe, expect, test } from 'vitest'
import { findBits, findField, readField, VMCB_BYTES, writeField } from '../../svm/index.ts'
import { GUEST, loadWords, LONG_GUEST, mapNestedPages, NESTED, VMCB } from '../guest.fixture.ts'
import { machineWith } from '../machine.fixture.ts'
import type { Machine, MachineOptions } from '../machine.ts'
import { START, type StartKind } from '../start.ts'

export type Fields = Readonly<Record<string, bigint>>
/** Quadwords, by address. */
export type Memory = Readonly<Record<number, readonly bigint[]>>

/** A host, a guest and their VMCB. */
export interface Setup {
  /** The guest's code, at GUEST; VMMCALL if nothing else is said. */
  readonly guest?: string
  /** Where every vector of the guest's IDT leads, at HANDLER; without it there is no IDT. */
  readonly handler?: string
  /** The host's code; one VMRUN and HLT if nothing else is said. */
  readonly host?: string
  readonly start?: StartKind
  /** VMCB fields, over those of LONG_GUEST. */
  readonly fields?: Fields
  readonly memory?: Memory
  /** Nested tables of 4 KB pages instead of one of 1 GB; entries by page number. */
  readonly pages?: Readonly<Record<number, bigint>>
  readonly machine?: Partial<MachineOptions>
}

/** What is to be seen after the run; what is not named is not looked at. */
export interface Outcome {
  /** EXITCODE of the last #VMEXIT, 64 bits. */
  readonly code?: bigint
  /** All exit codes, in order. */
  readonly codes?: readonly bigint[]
  /** The checks that the last VMRUN failed. */
  readonly checks?: readonly string[]
  /** VMCB fields, or bit fields of them: 'control.virtual_interrupt.v_irq'. */
  readonly vmcb?: Fields
  /** General registers, when the host has halted. */
  readonly registers?: Fields
  /** System registers, likewise. */
  readonly system?: Fields
  /** Vectors that went through an IDT. */
  readonly delivered?: readonly number[]
  /** Quadwords in memory. */
  readonly memory?: Readonly<Record<number, bigint>>
  /** Effective memory type of the page that holds PAGE in the TLB of ASID 1. */
  readonly type?: string
  /** Bytes of that page in the TLB. */
  readonly pageBytes?: number
  /** How the run ends; usually with HLT of the host. */
  readonly end?: string
}

export type Case = Setup & { readonly gives: Outcome }

export interface Row {
  /** Of APM volume 2. */
  readonly section: string
  readonly statement: string
  /** What the statement says. */
  readonly holds: Case
  /** The case next to it. */
  readonly otherwise: Case
}

export function row(section: string, statement: string, holds: Case, otherwise: Case): Row {
  return { section, statement, holds, otherwise }
}

export const HANDLER = GUEST + 0x100
/** A page that nothing uses. */
export const PAGE = 0x6_0000
export const IDT = 0x7_0000
export const VMMCALL = 0x81n
export const INVALID = 0xffff_ffff_ffff_ffffn
export const RUN = `mov rax, ${VMCB}\nvmrun\n`
const HALT = 'hlt'

/** Segments of a 32-bit or 64-bit guest with the GDT that machines start with, and an IDT. */
const TABLES: Fields = {
  'save.idtr.base': BigInt(IDT),
  'save.idtr.limit': 0xfffn,
  'save.gdtr.base': BigInt(START.gdt),
  'save.gdtr.limit': 0x1fn,
  'save.cs.selector': 8n,
  'save.ss.selector': 0x10n,
}

/** The intercepts with these exit codes, besides those of VMRUN and VMMCALL. */
export function on(...codes: number[]): Fields {
  const vectors = [0n, 0n, 0n, 0n, 3n, 0n]
  for (const code of codes) vectors[code >> 5] |= 1n << BigInt(code & 31)
  return Object.fromEntries(vectors.map((bits, vector) => [`control.intercept_vector_${vector}`, bits]))
}

/** Host code that stores to a VMCB field. */
export function poke(key: string, value: bigint): string {
  const { offset, bytes } = findField(key)!
  const register = { 1: 'bl', 2: 'bx', 4: 'ebx', 8: 'rbx' }[bytes]!
  return `mov rbx, ${value}\nmov [${VMCB + offset}], ${register}\n`
}

/** Host code that reads a VMCB field of 8 bytes. */
export function peek(key: string, register: string): string {
  return `mov ${register}, [${VMCB + findField(key)!.offset}]\n`
}

export const wrmsr = (index: number, value: bigint): string =>
  `mov ecx, ${index}\nmov eax, ${value & 0xffff_ffffn}\nmov edx, ${value >> 32n}\nwrmsr\n`

export const rdmsr = (index: number, register: string): string =>
  `mov ecx, ${index}\nrdmsr\nshl rdx, 32\nor rdx, rax\nmov ${register}, rdx\n`

/** An offset in the guest's code as a value of rIP. */
export const at = (offset: number): bigint => BigInt(GUEST + offset)

const gate = (offset: bigint): bigint =>
  (offset & 0xffffn) | (8n << 16n) | (0x8en << 40n) | ((offset >> 16n) << 48n)

function build({
  guest = 'vmmcall',
  handler,
  host = `${RUN}${HALT}`,
  start = 'long',
  fields,
  memory,
  pages,
  machine,
}: Setup): Machine {
  const source = `${host}\ntimes ${GUEST - START.program} - ($ - $$) db 0\n${guest}\n`
  const behind = handler === undefined ? '' : `times ${HANDLER - START.program} - ($ - $$) db 90h\n${handler}`
  const built = machineWith(source + behind, start, machine)
  const image = new DataView(new ArrayBuffer(VMCB_BYTES))
  const all = { ...LONG_GUEST, ...(handler === undefined ? {} : TABLES), ...fields }
  for (const [key, value] of Object.entries(all)) writeField(image, findField(key)!, value)
  built.load(VMCB, new Uint8Array(image.buffer))
  loadWords(built, NESTED, [BigInt(NESTED + 0x1000) | 7n])
  loadWords(built, NESTED + 0x1000, [0x87n])
  if (pages !== undefined) mapNestedPages(built, pages)
  for (let vector = 0; vector < 256; vector++)
    loadWords(built, IDT + vector * 16, [gate(BigInt(HANDLER)), 0n])
  for (const [address, words] of Object.entries(memory ?? {})) loadWords(built, Number(address), words)
  return built
}

/** The value of a field, or of bits of one, in a VMCB image. */
function valueOf(image: DataView, name: string): bigint {
  const { field, bit } = findBits(name)!
  const value = readField(image, field)
  return bit === undefined ? value : (value >> BigInt(bit.low)) & ((1n << BigInt(bit.width)) - 1n)
}

const pick = <T>(wanted: object | undefined, value: (key: string) => T): Record<string, T> =>
  Object.fromEntries(Object.keys(wanted ?? {}).map((key) => [key, value(key)]))

/** What a run shows of what is wanted. */
function observe(machine: Machine, end: string, wanted: Outcome): Outcome {
  const events = machine.events.since()
  const exits = events.filter((event) => event.kind === 'vmexit')
  const image = new DataView(machine.readMemory(VMCB, VMCB_BYTES).buffer)
  const { general, system } = machine.inspect()
  const held = machine.translation(BigInt(PAGE), 1)
  const all: Required<Outcome> = {
    code: exits.at(-1)?.code ?? 0n,
    codes: exits.map(({ code }) => code),
    checks: (exits.at(-1)?.failedChecks ?? []).map(({ id }) => id),
    vmcb: pick(wanted.vmcb, (key) => valueOf(image, key)),
    registers: pick(wanted.registers, (key) => general[key as keyof typeof general]),
    system: pick(wanted.system, (key) => system[key as keyof typeof system]),
    delivered: events.flatMap((event) => (event.kind === 'delivered' ? [event.vector] : [])),
    memory: pick(wanted.memory, (key) =>
      new DataView(machine.readMemory(Number(key), 8).buffer).getBigUint64(0, true),
    ),
    type: held?.memoryType.effective ?? 'none',
    pageBytes: held?.pageBytes ?? 0,
    end,
  }
  return Object.fromEntries(Object.keys(wanted).map((key) => [key, all[key as keyof Outcome]]))
}

function check({ gives, ...setup }: Case): void {
  const machine = build(setup)
  const { reason } = machine.run(20_000)
  expect(observe(machine, reason, { end: 'halted-forever', ...gives })).toEqual({
    end: 'halted-forever',
    ...gives,
  })
}

/** Two tests for each row. */
export function testRows(title: string, rows: readonly Row[]): void {
  describe(title, () => {
    for (const { section, statement, holds, otherwise } of rows) {
      describe(`§${section}: ${statement}`, () => {
        test('holds', () => check(holds))
        test('is not so in the case next to it', () => check(otherwise))
      })
    }
  })
}

/** VMRUN fails these checks. */
export function invalid(fields: Fields, ...checks: string[]): Case {
  return { fields, gives: { code: INVALID, checks } }
}

/** VMRUN enters, and the guest gets to its VMMCALL. */
export function enters(fields: Fields = {}, setup: Setup = {}): Case {
  return { ...setup, fields, gives: { code: VMMCALL } }
}

/** A 32-bit guest in protected mode without paging. */
export const PROTECTED: Fields = {
  'save.efer': 0x1000n,
  'save.cr0': 0x31n,
  'save.cr4': 0n,
  'save.cs.attrib': 0xc9bn,
  'save.cs.limit': 0xffff_ffffn,
  'save.ss.limit': 0xffff_ffffn,
  'save.ds.attrib': 0xc93n,
  'save.ds.limit': 0xffff_ffffn,
}

/** A guest in real mode. */
export const REAL: Fields = {
  'save.efer': 0x1000n,
  'save.cr0': 0x10n,
  'save.cr4': 0n,
  'save.cs.attrib': 0x9bn,
  'save.cs.limit': 0xffffn,
  'save.cs.base': BigInt(GUEST),
  'save.rip': 0n,
}

export const NESTED_PAGING: Fields = {
  'control.nested_control': 1n,
  'control.n_cr3': BigInt(NESTED),
  'save.g_pat': 0x0007_0406_0007_0406n,
}

/** A guest with legacy PAE paging and without nested paging; its PDPEs are at PAGE. */
export const PAE: Fields = {
  ...PROTECTED,
  'save.cr0': 0x8000_0031n,
  'save.cr4': 0x20n,
  'save.cr3': BigInt(PAGE),
}
/** PDPEs that map the first GiB through a directory at PAGE + 1000h, with one of them changed. */
export function pdpes(index = 0, value = BigInt(PAGE + 0x1000) | 1n): Memory {
  const entries = [BigInt(PAGE + 0x1000) | 1n, 0n, 0n, 0n]
  entries[index] = value
  return { [PAGE]: entries, [PAGE + 0x1000]: [0x87n] }
}

/** A 32-bit guest with 4 MB pages; its page directory is at PAGE and maps 4 MB. */
export const PSE: Fields = {
  ...PROTECTED,
  'save.cr0': 0x8000_0031n,
  'save.cr4': 0x10n,
  'save.cr3': BigInt(PAGE),
}
export const PAGE_DIRECTORY: Memory = { [PAGE]: [0x87n] }

/**
 * Reads a byte of PAGE twice, in two guests of the same ASID; between them the host maps the second GiB elsewhere, where memory
 * reads as ones.
 */
const REMAPPED_AT = START.pageDirectories + 0x1000
export function remapped(between: string, fields: Fields = {}): Omit<Case, 'gives'> {
  return {
    guest: `movzx edi, byte [${0x4000_0000 + PAGE}]\nvmmcall`,
    host: `${RUN}mov dword [${REMAPPED_AT}], 200087h\n${poke('save.rip', BigInt(GUEST))}${between}vmrun\nhlt`,
    memory: { [REMAPPED_AT]: [0x87n], [PAGE]: [0x11n] },
    fields,
  }
}

/** Host code that makes the IDT and its handler the host's. What follows HLT must contain IDT_REGISTER. */
export const LOAD_IDT = 'lidt [rel idtr]\n'
export const IDT_REGISTER = `\nidtr: dw 0fffh\ndq ${IDT}`
