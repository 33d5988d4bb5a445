/** A typed view of one vCPU block: every scalar field of layout.ts as a property, arrays as typed arrays, segments as records. */
import { FIELD_TYPE, OFFSET, SEGMENT, type ScalarField, type ScalarValues } from './layout.ts'
import { VCPU_STRIDE } from './memory-map.ts'

/** Values of `activity`. `waiting`: for a STARTUP message, after RESET or INIT (APM vol 2 §16.5). */
export const ACTIVITY = { running: 0, halted: 1, shutdown: 2, waiting: 3 } as const

/** One segment register with its hidden part (APM vol 2 §4.5). */
export class Segment {
  readonly #u32: Uint32Array
  readonly #u64: BigUint64Array

  constructor(buffer: ArrayBufferLike, offset: number) {
    this.#u32 = new Uint32Array(buffer, offset, SEGMENT.bytes / 4)
    this.#u64 = new BigUint64Array(buffer, offset, SEGMENT.bytes / 8)
  }

  get selector(): number {
    return this.#u32[SEGMENT.selector / 4]
  }
  set selector(value: number) {
    this.#u32[SEGMENT.selector / 4] = value
  }
  /** 11 G, 10 D/B, 9 L, 8 AVL, 7 P, 6:5 DPL, 4 S, 3:0 type. P = 0 marks a null segment. */
  get attributes(): number {
    return this.#u32[SEGMENT.attributes / 4]
  }
  set attributes(value: number) {
    this.#u32[SEGMENT.attributes / 4] = value
  }
  /** Last valid offset, in bytes whatever G says. */
  get limit(): number {
    return this.#u32[SEGMENT.limit / 4]
  }
  set limit(value: number) {
    this.#u32[SEGMENT.limit / 4] = value
  }
  get base(): bigint {
    return this.#u64[SEGMENT.base / 8]
  }
  set base(value: bigint) {
    this.#u64[SEGMENT.base / 8] = value
  }
  copyFrom(other: Segment): void {
    this.#u64.set(other.#u64)
  }
}

class VcpuBlock {
  /** Offset of the block in the WebAssembly memory. */
  readonly base: number
  readonly buffer: ArrayBufferLike
  /** The block as 32-bit words and 64-bit words, for code that copies fields without decoding them. */
  readonly words: Uint32Array
  readonly quads: BigUint64Array
  readonly floats: Float64Array
  readonly gpr: BigUint64Array
  /** The general registers as halves: low half of register n at 2n, high half at 2n + 1. */
  readonly gprHalves: Uint32Array
  readonly dr: BigUint64Array
  /** Physical x87 register n: significand at 2n, sign and exponent at 2n + 1. */
  readonly fpuRegisters: BigUint64Array
  readonly segments: readonly Segment[]
  readonly hostSegments: readonly Segment[]
  /** Intercept vectors 0..5: VMCB offsets 000h..014h. */
  readonly intercepts: Uint32Array
  readonly hostLastBranch: BigUint64Array
  readonly vmcbCache: Uint32Array
  readonly monitorLine: Uint32Array
  readonly mtrrFixed: BigUint64Array
  readonly mtrrVariable: BigUint64Array
  /** The fixed-range MTRRs as bytes: one type for each range, in the order of addresses. */
  readonly mtrrFixedTypes: Uint8Array
  /** The variable-range MTRRs as halves: low and high half of PhysBase, then of PhysMask, range by range. */
  readonly mtrrVariableHalves: Uint32Array
  /** Registers of the local APIC by number. */
  readonly apic: Uint32Array
  readonly fastTagKeys: BigUint64Array

  constructor(buffer: ArrayBufferLike, index: number) {
    const base = index * VCPU_STRIDE
    this.base = base
    this.buffer = buffer
    this.words = new Uint32Array(buffer, base, VCPU_STRIDE / 4)
    this.quads = new BigUint64Array(buffer, base, VCPU_STRIDE / 8)
    this.floats = new Float64Array(buffer, base, VCPU_STRIDE / 8)
    this.gpr = new BigUint64Array(buffer, base + OFFSET.gpr, 16)
    this.gprHalves = new Uint32Array(buffer, base + OFFSET.gpr, 32)
    this.dr = new BigUint64Array(buffer, base + OFFSET.dr, 4)
    this.fpuRegisters = new BigUint64Array(buffer, base + OFFSET.fpuRegisters, 16)
    const records = (at: number): Segment[] =>
      Array.from({ length: 8 }, (_, i) => new Segment(buffer, base + at + i * SEGMENT.bytes))
    this.segments = records(OFFSET.segments)
    this.hostSegments = records(OFFSET.hostSegments)
    this.intercepts = new Uint32Array(buffer, base + OFFSET.intercepts, 6)
    this.hostLastBranch = new BigUint64Array(buffer, base + OFFSET.hostLastBranch, 5)
    this.vmcbCache = new Uint32Array(buffer, base + OFFSET.vmcbCache, 80)
    this.monitorLine = new Uint32Array(buffer, base + OFFSET.monitorLine, 16)
    this.mtrrFixed = new BigUint64Array(buffer, base + OFFSET.mtrrFixed, 11)
    this.mtrrVariable = new BigUint64Array(buffer, base + OFFSET.mtrrVariable, 16)
    this.mtrrFixedTypes = new Uint8Array(buffer, base + OFFSET.mtrrFixed, 11 * 8)
    this.mtrrVariableHalves = new Uint32Array(buffer, base + OFFSET.mtrrVariable, 32)
    this.apic = new Uint32Array(buffer, base + OFFSET.apic, 64)
    this.fastTagKeys = new BigUint64Array(buffer, base + OFFSET.fastTagKeys, 16)
  }
}

const ACCESSORS = {
  u32: (at: number): PropertyDescriptor & ThisType<VcpuBlock> => ({
    get() {
      return this.words[at >> 2]
    },
    set(value: number) {
      this.words[at >> 2] = value
    },
  }),
  u64: (at: number): PropertyDescriptor & ThisType<VcpuBlock> => ({
    get() {
      return this.quads[at >> 3]
    },
    set(value: bigint) {
      this.quads[at >> 3] = value
    },
  }),
  f64: (at: number): PropertyDescriptor & ThisType<VcpuBlock> => ({
    get() {
      return this.floats[at >> 3]
    },
    set(value: number) {
      this.floats[at >> 3] = value
    },
  }),
}

for (const [name, type] of Object.entries(FIELD_TYPE)) {
  Object.defineProperty(VcpuBlock.prototype, name, ACCESSORS[type](OFFSET[name as ScalarField]))
}

export type Vcpu = VcpuBlock & ScalarValues

/** The view of vCPU number `index` in the machine's memory. */
export function vcpuView(buffer: ArrayBufferLike, index: number): Vcpu {
  return new VcpuBlock(buffer, index) as Vcpu
}
