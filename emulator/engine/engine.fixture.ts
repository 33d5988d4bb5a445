/** Test set-up: one processor in flat code of a given size with RAM, identity-mapped, and an engine to run it. */
import { assemble } from '../isa/assembler/assemble.ts'
import type { CodeBits } from '../isa/instruction.ts'
import { CS, RSP } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { flushAll } from '../paging/tlb.ts'
import type { Cpu, CpuModel, SystemInstruction } from '../state/cpu.ts'
import type { Fault } from '../state/faults.ts'
import { writeRflags } from '../state/flags.ts'
import { PhysicalMemory } from '../state/memory.ts'
import { ATTRIBUTE, CR0, CR4, EFER } from '../state/mode.ts'
import { vcpuView } from '../state/vcpu.ts'
import { createEngine, type Engine } from './engine.ts'

export interface Bench {
  readonly cpu: Cpu
  readonly engine: Engine
  /** The exceptions raised so far, those on the way to a double fault and shutdown included. */
  readonly raised: Fault[]
}

/** Where programs and stacks begin; page tables lie below. */
export const PROGRAM = 0x1_0000
export const STACK = 0x2_0000
export const RAM_BYTES = 0x40_0000

const PML4 = 0x1000
const PDPT = 0x2000
export const PAGE_DIRECTORY = 0x3000
export const PAGE_TABLE = 0x4000
const PRESENT_WRITABLE_USER = 7n
const LARGE = 0x80n

const model: CpuModel = {
  name: 'test',
  physicalAddressBits: 48,
  linearAddressBits: 57,
  has: () => false,
  cpuid: () => [0, 0, 0, 0],
}

function unused(): never {
  throw new Error('not part of this test')
}

/**
 * A processor at CPL 0 at PROGRAM, its stack pointer at STACK. 16 bits: real mode; 32 bits: protected mode without paging;
 * 64 bits: the first 2 MB in 4 KB pages, the next in a large one, writable for everybody.
 */
export function bench(bits: CodeBits, systemInstructions = new Map<string, SystemInstruction>()): Bench {
  const memory = new PhysicalMemory(RAM_BYTES, 1)
  const state = vcpuView(memory.buffer, 0)
  const raised: Fault[] = []
  const cpu: Cpu = {
    index: 0,
    state,
    memory,
    model,
    ports: { read: unused, write: unused },
    virtualization: {
      intercept: unused,
      exitFor: unused,
      interceptMsr: unused,
      exitForIo: unused,
      interceptException: unused,
      exit: unused,
    },
    observer: { raised: (fault) => raised.push(fault) },
    seed: 0,
    processors: () => [cpu],
    mapLocalApic: () => undefined,
  }
  state.gif = 1
  writeRflags(state, 2)
  if (bits === 64) {
    memory.write(PML4, 8, BigInt(PDPT) | PRESENT_WRITABLE_USER)
    memory.write(PDPT, 8, BigInt(PAGE_DIRECTORY) | PRESENT_WRITABLE_USER)
    memory.write(PAGE_DIRECTORY, 8, BigInt(PAGE_TABLE) | PRESENT_WRITABLE_USER)
    memory.write(PAGE_DIRECTORY + 8, 8, 0x20_0000n | LARGE | PRESENT_WRITABLE_USER)
    for (let i = 0; i < 512; i++)
      memory.write(PAGE_TABLE + i * 8, 8, BigInt(i * 4096) | PRESENT_WRITABLE_USER)
    state.cr3 = BigInt(PML4)
    state.cr4 = CR4.PAE
    state.efer = EFER.LME | EFER.LMA | EFER.NXE
  }
  state.cr0 = bits === 16 ? 0n : bits === 32 ? CR0.PE : CR0.PE | CR0.PG | CR0.WP
  for (let i = 0; i < 6; i++) {
    const segment = state.segments[i]
    const code = i === CS ? ATTRIBUTE.code : 0
    const size = bits === 64 && i === CS ? ATTRIBUTE.L : bits === 16 ? 0 : ATTRIBUTE.DB
    segment.attributes = ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.readWrite | ATTRIBUTE.accessed | code | size
    segment.limit = bits === 16 ? 0xffff : 0xffff_ffff
    segment.base = bits === 16 ? BigInt(i === CS ? PROGRAM : 0) : 0n
  }
  state.rip = bits === 16 ? 0n : BigInt(PROGRAM)
  state.gpr[RSP] = bits === 16 ? 0x8000n : BigInt(STACK)
  modeChanged(cpu)
  return { cpu, engine: createEngine({ memory, cpus: [cpu], systemInstructions }), raised }
}

/** Puts bytes at PROGRAM. */
export function load({ cpu }: Bench, bytes: readonly number[] | Uint8Array): void {
  cpu.memory.load(PROGRAM, Uint8Array.from(bytes))
}

/** Assembles `source` and puts it at PROGRAM, where rIP is. Returns its labels. */
export function loadSource(target: Bench, bits: CodeBits, source: string): ReadonlyMap<string, bigint> {
  const text = `bits ${bits}\norg ${bits === 16 ? 0 : PROGRAM}\n${source}\n`
  const { bytes, symbols, diagnostics } = assemble({
    files: new Map([['main.asm', text]]),
    entry: 'main.asm',
  })
  if (diagnostics.length > 0)
    throw new Error(diagnostics.map(({ line, message }) => `${line}: ${message}`).join('\n'))
  load(target, bytes)
  return symbols
}

/** A bench with an assembled program. */
export function program(
  bits: CodeBits,
  source: string,
  systemInstructions?: Map<string, SystemInstruction>,
): Bench {
  const target = bench(bits, systemInstructions)
  loadSource(target, bits, source)
  return target
}

/** Changes the page-table entry of a linear page below 2 MB: physical page and flags, 0 to unmap it. 64-bit benches only. */
export function mapPage({ cpu }: Bench, linear: number, entry: bigint): void {
  cpu.memory.write(PAGE_TABLE + (linear >> 12) * 8, 8, entry)
  flushAll(cpu)
}
