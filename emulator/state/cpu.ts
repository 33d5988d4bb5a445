/** A processor as its parts see it: registers, memory, and the parts that the machine hands in. */
import type { Instruction, Size } from '../isa/instruction.ts'
import type { Exit, Fault } from './faults.ts'
import type { PhysicalMemory } from './memory.ts'
import type { Vcpu } from './vcpu.ts'

/** Width of linear addresses with 4-level and with 5-level paging. */
export type LinearBits = 48 | 57

/** What CPUID says and the checks depend on. Feature names are CPUID's own, lower case. */
export interface CpuModel {
  readonly name: string
  /** MAXPHYADDR: physical addresses have this many bits (CPUID 8000_0008h EAX[7:0]). */
  readonly physicalAddressBits: number
  /** Implemented bits of linear addresses: 57 with 5-level paging (CPUID 8000_0008h EAX[15:8]). */
  readonly linearAddressBits: LinearBits
  has(feature: string): boolean
  /** EAX, EBX, ECX, EDX of a leaf, as unsigned 32-bit numbers. */
  cpuid(leaf: number, subleaf: number, state: Vcpu): readonly [number, number, number, number]
}

/** The I/O ports. Unclaimed ports read as all ones. */
export interface Ports {
  read(port: number, size: 1 | 2 | 4): number
  write(port: number, size: 1 | 2 | 4, value: number): void
}

/**
 * What the processor asks SVM, in guest mode only (state.guestMode is 1). The intercept functions throw an Exit when the
 * VMCB asks for one and return otherwise. The order of tests within an instruction is the caller's (APM vol 2 table 15-7).
 */
export interface Virtualization {
  /** Intercepts whose exit code is the bit position in the intercept vectors (exit codes 00h..A6h). */
  intercept(cpu: Cpu, code: number, info1?: bigint, info2?: bigint): void
  /** The same, but the Exit is returned: for instructions that guests execute in order to exit. Throwing takes 2 µs. */
  exitFor(cpu: Cpu, code: number, info1?: bigint, info2?: bigint): Exit | undefined
  interceptMsr(cpu: Cpu, msr: number, write: boolean): void
  /** The Exit, if any. `info1` is EXITINFO1 with the port in 31:16 and the size bits set (APM vol 2 figure 15-2). */
  exitForIo(cpu: Cpu, port: number, size: 1 | 2 | 4, info1: number): Exit | undefined
  /** Before an exception is combined into #DF and before CR2 is written (APM vol 2 §15.12). */
  interceptException(cpu: Cpu, fault: Fault): void
  /**
   * Takes the #VMEXIT: stores guest state and the exit, reloads the host. `state.rip` is the rIP to store;
   * `nextRip` what goes to nRIP, 0 for exits that zero it (APM vol 2 §15.7.1).
   */
  exit(cpu: Cpu, exit: Exit, nextRip: bigint): void
}

/**
 * Caches and write-combining buffers between the processors and memory. Accesses to data go through them; fetches, page walks and
 * SVM's own accesses see what the caches hold and leave no trace. `type`: a code of MEMORY_TYPES. No access crosses a page.
 */
export interface Caches {
  read(processor: number, address: number, size: Size, type: number): bigint
  write(processor: number, address: number, size: Size, value: bigint, type: number): void
  /** Sends what write combining has collected. */
  completeWrites(processor: number, cause: 'fence' | 'serializing' | 'locked' | 'io' | 'interrupt'): void
  /** CLFLUSH: writes the line of a physical address back and invalidates it; CLWB leaves it in. */
  flushLine(processor: number, address: number, invalidate: boolean): void
  /** WBINVD, and WBNOINVD, which leaves the lines in. */
  writeBackAll(processor: number, invalidate: boolean): void
  /** INVD: what was written to the lines is lost. */
  discardAll(): void
}

/**
 * Bytes of memory that the manual leaves undefined, in a machine that is strict about them: they hold a pattern, and a program
 * that reads them is reported.
 */
export interface UndefinedBytes {
  /** `bytes` at a physical address hold the pattern from now on, until somebody writes them. */
  leave(address: number, bytes: number): void
  /** They hold something again. */
  define(address: number, bytes: number): void
  /** A program reads them. */
  read(cpu: Cpu, address: number, bytes: number): void
}

/** When VMRUN uses its copy of a group of fields whose clean bit is 1: always, or as random bits drawn for each VMRUN say. */
export interface StateCacheUse {
  readonly policy: 'aggressive' | 'random'
  readonly seed: number
}

/** A VMCB by its 32-bit words: that at `offset`, a multiple of 4, as an unsigned number. */
export interface VmcbWords {
  word(offset: number): number
}

/** Where the processor reports what it did. Absent listeners cost a comparison. */
export interface Observer {
  /**
   * VMRUN is about to enter: called before any guest state is loaded. `fromCache`: the groups of fields that do not come from
   * memory, as clean bits. `view`: the VMCB with these groups merged, as it is about to be checked and loaded.
   */
  vmrun?(vmcb: number, fromCache: number, view: VmcbWords): void
  /**
   * A #VMEXIT is taken: called after the guest is stored and before the host is reloaded, so `state` still has the guest's rIP
   * and ASID. For VMEXIT_INVALID, when no guest ran, with the checks that failed: all of them, in the manual's order.
   */
  vmexit?(exit: Exit, nextRip: bigint, failedChecks: readonly FailedCheck[]): void
  /** An exception is raised, before intercepts see it and before it is combined with one on its way. */
  raised?(fault: Fault): void
  /** An exception or interrupt goes through the IDT. */
  delivered?(vector: number, errorCode: number, linearAddress: bigint): void

  // In detail, only while the machine evaluates: compiled code reports none of these.
  /** An instruction was fetched from CS:`rip` and is about to execute. */
  instruction?(instruction: Instruction, rip: bigint): void
  /** Data was read, or is about to be written, at a linear and a system-physical address. The access lies in one page. */
  access?(write: boolean, linear: bigint, address: number, size: Size, value: bigint): void
  /**
   * A walk has read a page-table entry at system-physical address `at`. `levels` counts those left, the entry's own included:
   * 1 for a page table. `nested`: of the nested tables.
   */
  walkStep?(nested: boolean, levels: number, at: number, entry: bigint): void
  /** The TLB served an access, took an entry in, or lost it; `at` as findEntry() of paging/tlb.ts gives it. */
  tlb?(what: 'hit' | 'fill' | 'evict', at: number): void
}

export interface FailedCheck {
  /** Stable kebab-case id of the check in svm/checks.ts. */
  readonly id: string
  /** VMCB field that offends (name in svm/fields.ts) and the value tested. */
  readonly field: string
  readonly value: bigint
  /** Bits of the value at fault, 0 when the value as a whole is. */
  readonly bits: bigint
}

export interface VmexitEvent {
  /** Instructions attempted when the exit was taken. */
  readonly instructions: number
  readonly vmcb: number
  /** Of the guest that ran; 0 for VMEXIT_INVALID, when none did. */
  readonly asid: number
  /** As stored: 64 bits, unsigned. */
  readonly code: bigint
  readonly info1: bigint
  readonly info2: bigint
  readonly rip: bigint
  readonly nextRip: bigint
  readonly failedChecks: readonly FailedCheck[]
}

export interface Cpu {
  readonly index: number
  readonly state: Vcpu
  readonly memory: PhysicalMemory
  readonly model: CpuModel
  readonly ports: Ports
  readonly virtualization: Virtualization
  readonly observer: Observer
  /** Undefined: the processor keeps no copies of VMCB fields and reads memory whatever the clean bits say (§15.15). */
  readonly stateCache?: StateCacheUse | undefined
  /** Chooses what RDRAND and RDSEED return, a 32-bit number. */
  readonly seed: number
  /** Undefined: every access goes straight to memory. */
  readonly caches?: Caches | undefined
  /** Undefined: what the manual leaves undefined reads as zero, and nobody minds. */
  readonly undefinedBytes?: UndefinedBytes | undefined
  /** Every processor of the machine, this one among them. */
  processors(): readonly Cpu[]
  /** PAUSE: time passes, for the benefit of the other processors. Undefined where there are none. */
  readonly pause?: (() => void) | undefined
  /** Makes the registers of the local APIC appear at the physical address that APIC_BAR says, or nowhere. */
  mapLocalApic(): void
}

/**
 * A system instruction: plain TypeScript on the state view, called by every executor. `state.rip` already points to the next
 * instruction; the function may change it. It throws a Fault or an Exit before it commits anything, and the caller then puts
 * `state.rip` back to the instruction itself. An Exit may also be returned, which is faster.
 */
export type SystemInstruction =
  ((cpu: Cpu, instruction: Instruction) => void) | ((cpu: Cpu, instruction: Instruction) => Exit | undefined)

/** An instruction's access to memory, for translation (paging/access.ts). */
export const ACCESS = { read: 0, write: 1, execute: 2 } as const
export type Access = (typeof ACCESS)[keyof typeof ACCESS]
