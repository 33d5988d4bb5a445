/**
 * Where a program begins: the states that a lab or a boot loader can ask for, so that a page of assembly need not start with
 * three pages of set-up. Memory that they use:
 *
 *   01000..06FFF  `long`: page tables; PML4, PDPT, four page directories that map 0..4 GiB to itself in 2 MB pages
 *   07000..07FFF  `long`, `protected`: the GDT
 *   08000..08FFF  `long`: the host save area that VM_HSAVE_PA points to
 *   09000..0FFFF  the stack, growing down from 10000
 *   10000         programs
 *   38000..       an RSM, the SMI handler of the first processor; each further one has its own 200h bytes above the one before
 *   3FE00..       where an SMI saves the state of the first processor, likewise
 */
import { CS, RSP } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import type { Cpu } from '../state/cpu.ts'
import { emptyTlb } from '../paging/tlb.ts'
import type { PhysicalMemory } from '../state/memory.ts'
import { ATTRIBUTE, CR0, CR4, EFER } from '../state/mode.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { resetVcpu } from '../system/reset.ts'
import { SMM_ENTRY, STATE_SAVE } from '../system/smm-state-save.ts'
import { initialize as initializeX87 } from '../system/x87/stack.ts'

/**
 * `long`: 64-bit code at CPL 0, EFER.SVME set, memory write-back. `protected`: flat 32-bit code at CPL 0, paging off.
 * `real`: 16-bit code. `reset`: what the processor does after power-on (APM vol 2 §14.1), at FFFF_FFF0h.
 */
export type StartKind = 'long' | 'protected' | 'real' | 'reset'

export const START = {
  pml4: 0x1000,
  pageDirectoryPointers: 0x2000,
  pageDirectories: 0x3000,
  gdt: 0x7000,
  hostSave: 0x8000,
  stackTop: 0x1_0000,
  program: 0x1_0000,
} as const

/** Descriptors of the GDT; their order gives selectors 08h, 10h and 18h. */
const GDT = [0n, 0x00af_9b00_0000_ffffn, 0x00cf_9300_0000_ffffn, 0x00cf_9b00_0000_ffffn] as const
const SELECTOR = { code64: 0x08, data: 0x10, code32: 0x18 } as const

const PRESENT_WRITABLE_USER = 7n
const LARGE_PAGE = 0x80n
const LARGE_PAGE_BYTES = 0x20_0000

/** MTRRdefType with the MTRRs enabled and write-back as the default type (APM vol 2 §7.7.2). */
const MTRR_ENABLED_WRITE_BACK = 0x806n

const FLAT_DATA =
  ATTRIBUTE.G | ATTRIBUTE.DB | ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.readWrite | ATTRIBUTE.accessed
const FLAT_CODE32 = FLAT_DATA | ATTRIBUTE.code
const FLAT_CODE64 = (FLAT_CODE32 & ~ATTRIBUTE.DB) | ATTRIBUTE.L

function buildIdentityMap(memory: PhysicalMemory): void {
  memory.write(START.pml4, 8, BigInt(START.pageDirectoryPointers) | PRESENT_WRITABLE_USER)
  for (let i = 0; i < 4; i++) {
    const directory = START.pageDirectories + i * 4096
    memory.write(START.pageDirectoryPointers + i * 8, 8, BigInt(directory) | PRESENT_WRITABLE_USER)
  }
  for (let i = 0; i < 2048; i++) {
    const entry = BigInt(i * LARGE_PAGE_BYTES) | LARGE_PAGE | PRESENT_WRITABLE_USER
    memory.write(START.pageDirectories + i * 8, 8, entry)
  }
}

function useGdt(cpu: Cpu, codeSelector: number, codeAttributes: number): void {
  const { state, memory } = cpu
  GDT.forEach((descriptor, index) => memory.write(START.gdt + index * 8, 8, descriptor))
  state.gdtrBase = BigInt(START.gdt)
  state.gdtrLimit = GDT.length * 8 - 1
  for (let index = 0; index < 6; index++) {
    const segment = state.segments[index]
    segment.selector = index === CS ? codeSelector : SELECTOR.data
    segment.attributes = index === CS ? codeAttributes : FLAT_DATA
    segment.limit = 0xffff_ffff
    segment.base = 0n
  }
}

function enterProtected(cpu: Cpu): void {
  useGdt(cpu, SELECTOR.code32, FLAT_CODE32)
  cpu.state.cr0 = CR0.PE | CR0.ET
}

function enterLong(cpu: Cpu): void {
  const { state, memory } = cpu
  buildIdentityMap(memory)
  useGdt(cpu, SELECTOR.code64, FLAT_CODE64)
  state.cr3 = BigInt(START.pml4)
  state.cr4 = CR4.PAE
  state.cr0 = CR0.PE | CR0.ET | CR0.NE | CR0.WP | CR0.PG
  state.efer = EFER.LME | EFER.LMA | EFER.SVME
  state.vmHsavePa = BigInt(START.hostSave)
}

/** Real mode with CS:IP = `entry`, below 1 MiB. */
function enterReal(state: Vcpu, entry: number): void {
  for (let index = 0; index < 6; index++) {
    const segment = state.segments[index]
    segment.selector = index === CS ? (entry >> 4) & 0xf000 : 0
    segment.base = BigInt(segment.selector * 16)
  }
}

/** RSM, 0F AA, in memory. */
const RSM = 0xaa0fn

/**
 * What firmware does for SMIs: each processor has a state-save area of its own (APM vol 2 §10.5), and a handler that returns at
 * once.
 */
export function installSmiHandler({ index, state, memory }: Cpu): void {
  state.smbase += BigInt(index * STATE_SAVE.bytes)
  memory.write(Number(state.smbase) + SMM_ENTRY, 2, RSM)
}

/**
 * Puts processor 0 at the beginning of a program at `entry` (a linear address; `reset` has its own), and lets the others wait for
 * STARTUP. Interrupts are off and the IDT is empty, so that an exception which the program does not expect is a shutdown. Throws
 * RangeError for a real-mode entry beyond 1 MiB.
 */
export function startVcpu(cpu: Cpu, kind: StartKind, entry: number): void {
  const state = cpu.state
  resetVcpu(cpu)
  // RESET invalidates the TLB; power-on leaves no trace of what was in it and which way comes next.
  emptyTlb(state)
  if (kind === 'reset') return
  state.mtrrDefType = MTRR_ENABLED_WRITE_BACK
  // RESET leaves the x87 with a full stack and no exception masked (APM vol 2 table 14-1); firmware initializes it.
  initializeX87(state)
  if (cpu.index !== 0) return
  if (kind === 'real' && entry >= 0x10_0000)
    throw new RangeError(`real-mode code cannot begin at ${entry.toString(16)}h, beyond 1 MiB`)
  if (kind === 'real') enterReal(state, entry)
  if (kind === 'protected') enterProtected(cpu)
  if (kind === 'long') enterLong(cpu)
  if (kind !== 'real') state.idtrLimit = 0
  state.gpr.fill(0n)
  // In real mode SP has 16 bits: the first push wraps it from 0 to FFFEh.
  state.gpr[RSP] = kind === 'real' ? BigInt(START.stackTop & 0xffff) : BigInt(START.stackTop)
  state.rip = BigInt(kind === 'real' ? entry & 0xffff : entry)
  modeChanged(cpu)
}
