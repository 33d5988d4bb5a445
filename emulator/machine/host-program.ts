/**
 * A host program: a hypervisor that is no code in the machine's memory but TypeScript, and plays the host of everything that
 * runs there. When a processor's turn comes and it is in host mode, the machine calls step() instead of fetching an instruction;
 * a step counts as one. What the program may do to a processor is HostPort: VMRUN and what else an instruction of the host does.
 */
import { CS, DS, ES, SS } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { invalidatePage } from '../paging/tlb.ts'
import { ATTENTION } from '../state/attention.ts'
import type { Cpu, CpuModel } from '../state/cpu.ts'
import { Fault } from '../state/faults.ts'
import { ATTRIBUTE, CR0, CR4, EFER } from '../state/mode.ts'
import { PAGE_SIZE } from '../state/memory-map.ts'
import { ACTIVITY } from '../state/vcpu.ts'
import { enterGuest, loadHiddenState, storeHiddenState, storeState, vmcbPage } from '../svm/index.ts'
import { shutdown } from '../system/deliver.ts'
import { lookForEvents, nextEvent } from '../system/events.ts'
import { takeInit, takeStartup } from '../system/initialization.ts'
import { readMsr, writeMsr } from '../system/msrs.ts'
import { initVcpu } from '../system/reset.ts'
import { forgetSmi } from '../system/smi-source.ts'
import { loadRflags } from '../system/rflags.ts'
import type { StatefulPart } from './device.ts'

export interface HostProgram extends StatefulPart {
  /** One step of the host on a processor that is in host mode. It must come to an end. */
  step(port: HostPort): void
}

export interface HostOptions {
  /** RAM above that of `ramBytes`, in bytes, a multiple of 1 MiB: the host's own. No loader and no guest is told of it. */
  readonly ramBytes: number
  /** Makes the program, given a port to each processor. */
  create(ports: readonly HostPort[]): HostProgram
}

/** What a host does to its processor. Addresses are system-physical; VMCBs lie in RAM, page-aligned. */
export interface HostPort {
  readonly index: number
  /** What the processor's consistency checks go by, and CPUID. */
  readonly model: CpuModel
  /** Instructions and steps that the processor attempted since RESET. */
  readonly instructions: number
  /** Copies `bytes` bytes of RAM; fewer at its end. */
  read(address: number, bytes: number): Uint8Array
  /** Writes RAM, as stores of the processor would. Throws RangeError beyond RAM. */
  write(address: number, data: Uint8Array): void
  /** General registers in the manual's numbering; writable. */
  readonly general: BigUint64Array
  /**
   * The state that RESET, INIT, STARTUP or a loader left is stored in a VMCB as #VMEXIT and VMSAVE would, and the host's own
   * takes its place.
   */
  capture(vmcb: number): void
  /** VMRUN with GIF = 0, from 64-bit mode; `interrupts` is rFLAGS.IF. The guest runs on until the step after its #VMEXIT. */
  vmrun(vmcb: number, interrupts: boolean): void
  vmload(vmcb: number): void
  vmsave(vmcb: number): void
  /** RDMSR; undefined where it raises #GP(0). */
  readMsr(msr: number): bigint | undefined
  /** WRMSR; false where it raises #GP(0). */
  writeMsr(msr: number, value: bigint): boolean
  /** CR8: the task priority. */
  taskPriority: number
  /** NMIs wait until IRET. */
  nmiMasked: boolean
  /** Takes a pending NMI or SMI away and says whether there was one. What caused the SMI is forgotten. */
  take(event: 'nmi' | 'smi'): boolean
  /** Makes an event pending. */
  raise(event: 'nmi' | 'smi' | 'init'): void
  /** INVLPGA. */
  invalidatePage(linear: bigint, asid: number): void
  /** INIT. */
  init(): void
  /** Shutdown, which ends the run; `rip` is where the guest was. */
  shutdown(rip: bigint): void
}

const FLAT = ATTRIBUTE.G | ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.accessed | ATTRIBUTE.readWrite
const HOST_CODE = FLAT | ATTRIBUTE.code | ATTRIBUTE.L
const HOST_DATA = FLAT | ATTRIBUTE.DB
const INTERRUPTS = 1 << 9

/**
 * The host's fixed state: 64-bit mode, CPL 0, GIF 0. It executes nothing that its page tables or segments would be needed for. Nested
 * tables have 5 levels, which reach every guest-physical address, also where guests are not told of 5-level paging.
 */
function becomeHost(cpu: Cpu): void {
  const { state } = cpu
  state.cr0 = CR0.PE | CR0.ET | CR0.NE | CR0.WP | CR0.PG
  state.cr3 = 0n
  state.cr4 = CR4.PAE | CR4.LA57
  state.efer = EFER.LME | EFER.LMA | EFER.NXE | EFER.SVME
  for (const register of [ES, CS, SS, DS]) {
    const segment = state.segments[register]
    segment.selector = 0
    segment.attributes = register === CS ? HOST_CODE : HOST_DATA
    segment.limit = 0xffff_ffff
    segment.base = 0n
  }
  state.cpl = 0
  state.rip = 0n
  state.gif = 0
  modeChanged(cpu)
}

/** The value of a function, or `otherwise` if it throws a Fault. */
function unlessFault<T>(compute: () => T, otherwise: T): T {
  try {
    return compute()
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown
    return otherwise
  }
}

const PENDING = { nmi: 'nmiPending', smi: 'smiPending', init: 'initPending' } as const

function createPort(cpu: Cpu): HostPort {
  const { state, memory } = cpu
  return {
    index: cpu.index,
    model: cpu.model,
    get instructions() {
      return state.instructions
    },
    read: (address, bytes) => memory.dump(address, bytes),
    write: (address, data) => memory.load(address, data),
    general: state.gpr,
    capture(vmcb) {
      memory.load(vmcb, new Uint8Array(PAGE_SIZE))
      storeState(cpu, vmcb)
      storeHiddenState(cpu, vmcbPage(cpu, vmcb))
      becomeHost(cpu)
    },
    vmrun(vmcb, interrupts) {
      loadRflags(cpu, interrupts ? INTERRUPTS : 0)
      enterGuest(cpu, vmcb)
    },
    vmload: (vmcb) => loadHiddenState(cpu, vmcbPage(cpu, vmcb)),
    vmsave: (vmcb) => storeHiddenState(cpu, vmcbPage(cpu, vmcb)),
    readMsr: (msr) => unlessFault(() => readMsr(cpu, msr), undefined),
    writeMsr: (msr, value) =>
      unlessFault(() => {
        writeMsr(cpu, msr, value)
        return true
      }, false),
    get taskPriority() {
      return Number(state.cr8)
    },
    set taskPriority(value) {
      state.cr8 = BigInt(value & 0xf)
      lookForEvents(state)
    },
    get nmiMasked() {
      return state.nmiMasked !== 0
    },
    set nmiMasked(masked) {
      state.nmiMasked = masked ? 1 : 0
      lookForEvents(state)
    },
    take(event) {
      const pending = state[PENDING[event]] !== 0
      if (event === 'smi') forgetSmi(state)
      else state[PENDING[event]] = 0
      return pending
    },
    raise(event) {
      state[PENDING[event]] = 1
      state.attention |= ATTENTION.event
    },
    invalidatePage: (linear, asid) => invalidatePage(cpu, linear, asid),
    init: () => initVcpu(cpu),
    shutdown(rip) {
      state.rip = rip
      shutdown(cpu)
    },
  }
}

/** The processors' side of a host program. */
export class Host {
  readonly program: HostProgram

  constructor(cpus: readonly Cpu[], options: HostOptions) {
    this.#ports = cpus.map(createPort)
    this.program = options.create(this.#ports)
  }

  readonly #ports: readonly HostPort[]

  /** The processor is in host mode and executes, or has an event to take first: the host goes on, and no instruction. */
  hasTurn({ state }: Cpu): boolean {
    if (state.guestMode || state.activity === ACTIVITY.shutdown) return false
    return state.activity !== ACTIVITY.waiting || nextEvent(state) !== undefined
  }

  /** Attempts up to `budget` steps and returns how many it attempted: fewer when a guest runs, or the processor does not. */
  run(cpu: Cpu, budget: number): number {
    const { state } = cpu
    let attempted = 0
    while (attempted < budget && this.hasTurn(cpu)) {
      if (state.activity === ACTIVITY.waiting) takeWakeUp(cpu)
      else {
        state.instructions += 1
        attempted++
        this.program.step(this.#ports[cpu.index])
      }
    }
    return attempted
  }
}

/** A processor that waits for STARTUP takes what has come for it. */
function takeWakeUp(cpu: Cpu): void {
  if (nextEvent(cpu.state) === 'init') takeInit(cpu)
  else takeStartup(cpu)
  lookForEvents(cpu.state)
}
