/** Test set-up: a processor in 64-bit mode that may execute VMRUN, and a VMCB with a 64-bit guest that VMRUN enters. */
import type { Instruction } from '../isa/instruction.ts'
import { RAX, RSP } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import type { Cpu, FailedCheck, VmexitEvent } from '../state/cpu.ts'
import { PhysicalMemory } from '../state/memory.ts'
import { CR0, CR4, EFER } from '../state/mode.ts'
import { Exit } from '../state/faults.ts'
import { writeRflags } from '../state/flags.ts'
import { vcpuView } from '../state/vcpu.ts'
import { createCpuModel } from '../system/cpu-model.ts'
import { vmcbField, readField, VMCB_BYTES, writeField } from './fields.ts'
import { SVM_INSTRUCTIONS } from './instructions.ts'
import { virtualization } from './intercepts.ts'

export const VMCB = 0x10_0000
export const MAXPHYADDR = 48
export const HOST_RIP = 0xffff_8000_0000_1000n

/** The smallest 64-bit guest, no nested paging; the fields that are not named are zero. */
export const LONG_GUEST: Readonly<Record<string, bigint>> = {
  'control.intercept_vector_4': 1n,
  'control.asid': 1n,
  'save.efer': EFER.SVME | EFER.LME | EFER.LMA,
  'save.cr0': CR0.PG | CR0.PE | CR0.ET | CR0.NE,
  'save.cr3': 0x2000n,
  'save.cr4': CR4.PAE,
  'save.cs.attrib': 0xa9bn,
  'save.ss.attrib': 0xc93n,
  'save.ds.attrib': 0xc93n,
  'save.es.attrib': 0xc93n,
  'save.rflags': 2n,
  'save.rip': 0x4000n,
}

export interface SvmTest {
  readonly cpu: Cpu
  /** What the observer heard, in order. */
  readonly entered: number[]
  readonly exits: VmexitEvent[]
  /** Writes VMCB fields. */
  set(fields: Readonly<Record<string, bigint>>): void
  /** Reads a VMCB field. */
  get(key: string): bigint
  /** Executes one SVM instruction as the run loop does: rIP is already that of the next one. */
  execute(operation: string, instruction?: Partial<Instruction>): void
  /** VMRUN; the ids of the checks that failed, none if the guest was entered. */
  vmrun(): string[]
  failed(): readonly FailedCheck[]
}

/** 16 MB of RAM, the host in 64-bit mode at CPL 0 with EFER.SVME, rAX at a VMCB that holds LONG_GUEST. */
export function svmTest(model = 'default'): SvmTest {
  const memory = new PhysicalMemory(16 * 1024 * 1024, 1)
  const entered: number[] = []
  const exits: VmexitEvent[] = []
  const unused = (): never => {
    throw new Error('not part of this test')
  }
  const cpu: Cpu = {
    index: 0,
    state: vcpuView(memory.buffer, 0),
    memory,
    model: createCpuModel(model),
    ports: { read: unused, write: unused },
    virtualization,
    observer: {
      vmrun: (vmcb) => entered.push(vmcb),
      vmexit({ code, info1 = 0n, info2 = 0n }, nextRip, failedChecks) {
        const { instructions, vmcb, asid, rip } = cpu.state
        const stored = BigInt.asUintN(64, BigInt(code))
        exits.push({ instructions, vmcb, asid, code: stored, info1, info2, rip, nextRip, failedChecks })
      },
    },
    seed: 0,
    processors: () => [cpu],
    mapLocalApic: () => undefined,
  }
  startHost(cpu)
  const image = new DataView(memory.buffer, memory.ramBase + VMCB, VMCB_BYTES)
  const test: SvmTest = {
    cpu,
    entered,
    exits,
    set(fields) {
      for (const [key, value] of Object.entries(fields)) writeField(image, vmcbField(key), value)
    },
    get: (key) => readField(image, vmcbField(key)),
    execute(operation, instruction = {}) {
      const exit = SVM_INSTRUCTIONS.get(operation)!(cpu, { ...INSTRUCTION, ...instruction, operation })
      if (exit instanceof Exit) throw exit
    },
    vmrun() {
      const before = exits.length
      test.execute('vmrun')
      return exits.length > before ? exits.at(-1)!.failedChecks.map(({ id }) => id) : []
    },
    failed: () => exits.at(-1)?.failedChecks ?? [],
  }
  test.set(LONG_GUEST)
  return test
}

const INSTRUCTION: Instruction = {
  mnemonic: 'vmrun',
  operation: 'vmrun',
  condition: -1,
  operands: [],
  operandSize: 8,
  addressSize: 8,
  length: 3,
  bits: 64,
  lock: false,
  repeat: 'none',
  segmentOverride: -1,
  opcode: 0x01d8,
  flagsRead: 0,
  flagsWritten: 0,
}

function startHost(cpu: Cpu): void {
  const state = cpu.state
  state.cr0 = CR0.PE | CR0.PG | CR0.WP | CR0.NE | CR0.ET
  state.cr3 = 0x1000n
  state.cr4 = CR4.PAE
  state.efer = EFER.SVME | EFER.LME | EFER.LMA | EFER.NXE
  const attributes = [0xc93, 0xa9b, 0xc93, 0xc93, 0xc93, 0xc93, 0x82, 0x8b]
  state.segments.forEach((segment, i) => {
    segment.selector = i === 1 ? 8 : 0x10
    segment.attributes = attributes[i]
    segment.limit = 0xffff_ffff
    segment.base = 0n
  })
  state.gdtrBase = 0xffff_8000_0000_2000n
  state.gdtrLimit = 0x7f
  state.idtrBase = 0xffff_8000_0000_3000n
  state.idtrLimit = 0xfff
  writeRflags(state, 0x246)
  state.gif = 1
  state.rip = HOST_RIP
  state.gpr[RSP] = 0x9000n
  state.gpr[RAX] = BigInt(VMCB)
  modeChanged(cpu)
}
