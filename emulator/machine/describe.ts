/** The default processor's MSRs and CPUID leaves for a reference: found by asking the processor, right after RESET. */
import type { Cpu } from '../state/cpu.ts'
import { PhysicalMemory } from '../state/memory.ts'
import { msrPermissionBit } from '../svm/index.ts'
import { FEATURES } from '../system/cpu-model.ts'
import { MSRS, type Msr } from '../system/msrs.ts'
import { EventLog } from './events.ts'
import { createPorts } from './ports.ts'
import { createProcessors } from './processors.ts'
import { startVcpu } from './start.ts'

export interface MsrDescription {
  readonly index: number
  readonly name: string
  /** Where the manual describes it. */
  readonly section: string
  /** Undefined where RDMSR raises #GP(0): the register is a command. */
  readonly reset: bigint | undefined
  /** The bits that are set in some value that WRMSR accepts; 0 where it accepts none, or nothing but 0. */
  readonly writable: bigint
  /** Position of its read bit in the MSRPM, which the write bit follows. */
  readonly permissionBit: number
  /** The default processor has it. */
  readonly exists: boolean
}

function createProcessor(): Cpu {
  const [cpu] = createProcessors({
    count: 1,
    model: 'default',
    stateCache: 'lazy',
    seed: 0,
    memory: new PhysicalMemory(0x10_0000, 1),
    ports: createPorts([]),
    events: new EventLog(1),
    caches: undefined,
    undefinedBytes: undefined,
    pause: () => undefined,
    shown: () => undefined,
    stopsAtExit: false,
  })
  return cpu
}

/** What `ask` returns; undefined where the processor raises a fault instead. */
function unlessFault<T>(ask: () => T): T | undefined {
  try {
    return ask()
  } catch {
    return undefined
  }
}

function accepts(cpu: Cpu, msr: Msr, value: bigint): boolean {
  const accepted = unlessFault(() => {
    msr.write(cpu, value)
    return true
  })
  return accepted === true
}

const ALL_ONES = (1n << 64n) - 1n

/** Values with this bit set, such that a register that knows the bit accepts one of them. */
function* valuesWith(bit: bigint, reset: bigint): Generator<bigint> {
  const alone = 1n << bit
  yield alone
  yield reset | alone
  // Canonical addresses.
  yield ALL_ONES
  // Bytes that hold a memory type.
  const shift = bit & ~7n
  const others = reset & ~(0xffn << shift)
  for (let byte = 0n; byte < 256n; byte++) if ((byte >> (bit & 7n)) & 1n) yield others | (byte << shift)
}

function writableBits(cpu: Cpu, msr: Msr, reset: bigint): bigint {
  let bits = 0n
  for (let bit = 0n; bit < 64n; bit++) {
    for (const value of valuesWith(bit, reset)) {
      if (!accepts(cpu, msr, value)) continue
      bits |= 1n << bit
      break
    }
  }
  return bits
}

/** Every MSR by number, whether or not the default processor has it. */
export function describeMsrs(): MsrDescription[] {
  const cpu = createProcessor()
  return MSRS.map((msr) => {
    startVcpu(cpu, 'reset', 0)
    const reset = unlessFault(() => msr.read(cpu))
    const { index, name, section, features } = msr
    return {
      index,
      name,
      section,
      reset,
      writable: writableBits(cpu, msr, reset ?? 0n),
      permissionBit: msrPermissionBit(index),
      exists: features?.some((feature) => cpu.model.has(feature)) ?? true,
    }
  }).sort((a, b) => a.index - b.index)
}

export interface CpuidFeature {
  /** As --cpu and labs name it. */
  readonly name: string
  readonly register: 'eax' | 'ebx' | 'ecx' | 'edx'
  readonly bit: number
  /** The default processor has it. */
  readonly exists: boolean
}

export interface CpuidLeaf {
  readonly leaf: number
  /** EAX, EBX, ECX and EDX of subleaf 0 after RESET, on processor 0 of one. */
  readonly words: readonly [number, number, number, number]
  readonly features: readonly CpuidFeature[]
}

/** The leaves of CPUID that say anything, by number. */
export function describeCpuid(): CpuidLeaf[] {
  const { state, model } = createProcessor()
  return [0, 0x8000_0000].flatMap((first) => {
    const [last] = model.cpuid(first, 0, state)
    return Array.from({ length: last - first + 1 }, (_, n) => first + n)
      .map((leaf) => ({
        leaf,
        words: model.cpuid(leaf, 0, state),
        features: FEATURES.filter((feature) => feature.leaf === leaf)
          .map(({ name, register, bit }) => ({ name, register, bit, exists: model.has(name) }))
          .sort((a, b) => a.register.localeCompare(b.register) || a.bit - b.bit),
      }))
      .filter(({ words, features }) => features.length > 0 || words.some((word) => word !== 0))
  })
}
