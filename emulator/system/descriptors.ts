/** Segment and system descriptors in memory (APM vol 2 §4.6 to §4.8). */
import { LDTR } from '../isa/registers.ts'
import { readLinear, writeLinear } from '../paging/access.ts'
import { isCanonicalRange, linearBits } from '../state/canonical.ts'
import type { Cpu } from '../state/cpu.ts'
import { Fault, generalProtection } from '../state/faults.ts'
import { ATTRIBUTE, EFER, MODE } from '../state/mode.ts'
import type { SegmentValue } from './segmentation.ts'

/** Selector bits: 15:3 index, 2 TI (0 GDT, 1 LDT), 1:0 RPL. */
export const SELECTOR = { rpl: 3, ti: 4, index: 0xfff8 } as const

/** Types of system descriptors, S = 0 (APM vol 2 table 4-5 for legacy mode, 4-6 for long mode). */
export const SYSTEM_TYPE = {
  tss16: 1,
  ldt: 2,
  busyTss16: 3,
  callGate16: 4,
  taskGate: 5,
  interruptGate16: 6,
  trapGate16: 7,
  /** 64-bit in long mode, like the busy one, the call gate and the interrupt and trap gates. */
  tss: 9,
  busyTss: 11,
  callGate: 12,
  interruptGate: 14,
  trapGate: 15,
} as const

/** Type bit that marks a TSS busy, in byte 5 of its descriptor and in TR's attributes. */
export const TSS_BUSY = 2

/** A descriptor as it stands in its table. */
export interface Descriptor {
  /** Linear address of its first byte. */
  readonly address: bigint
  /** Its first 8 bytes. */
  readonly raw: bigint
  readonly attributes: number
  readonly limit: number
  /** Bits 31:0 of the base. */
  readonly base: bigint
}

/** A null selector names entry 0 of the GDT, whatever its RPL. */
export function isNull(selector: number): boolean {
  return (selector & (SELECTOR.index | SELECTOR.ti)) === 0
}

/**
 * Takes the 8 bytes of a descriptor apart:
 *   63:56 base 31:24   55 G  54 D/B  53 L  52 AVL   51:48 limit 19:16
 *   47 P  46:45 DPL  44 S  43:40 type               39:16 base 23:0      15:0 limit 15:0
 */
export function decodeDescriptor(raw: bigint, address: bigint): Descriptor {
  const low = Number(raw & 0xffff_ffffn)
  const high = Number(raw >> 32n)
  const attributes = ((high >>> 8) & 0xff) | ((high >>> 12) & 0xf00)
  const limit = ((high & 0xf_0000) | (low & 0xffff)) >>> 0
  return {
    address,
    raw,
    attributes,
    limit: attributes & ATTRIBUTE.G ? ((limit << 12) | 0xfff) >>> 0 : limit,
    base: BigInt(((high & 0xff00_0000) | ((high & 0xff) << 16) | (low >>> 16)) >>> 0),
  }
}

/**
 * The linear address of `bytes` bytes of a descriptor table or TSS: it wraps at 4 GiB outside long mode, and in long mode it has 64
 * bits, which must be canonical in the paging mode, though registers take bases as wide as the processor implements (APM vol 2
 * §5.3.1). Throws #GP(0).
 */
export function tableAddress({ state }: Cpu, base: bigint, offset: number, bytes: number): bigint {
  const sum = base + BigInt(offset)
  if (!(state.mode & MODE.long)) return BigInt.asUintN(32, sum)
  const address = BigInt.asUintN(64, sum)
  if (!isCanonicalRange(address, bytes, linearBits(state))) generalProtection()
  return address
}

/** The descriptor that a selector names, or undefined beyond the table's limit or without an LDT. `bytes`: 8 or 16. */
export function readDescriptor(cpu: Cpu, selector: number, bytes = 8): Descriptor | undefined {
  const state = cpu.state
  const offset = selector & SELECTOR.index
  let base = state.gdtrBase
  let limit = state.gdtrLimit
  if (selector & SELECTOR.ti) {
    const ldt = state.segments[LDTR]
    if (!(ldt.attributes & ATTRIBUTE.P)) return undefined
    base = ldt.base
    limit = ldt.limit
  }
  if (offset + bytes - 1 > limit) return undefined
  const address = tableAddress(cpu, base, offset, 8)
  return decodeDescriptor(readLinear(cpu, address, 8, false), address)
}

/** As readDescriptor; throws the fault `vector`(selector) where there is none. `extra` is ORed into the error code (EXT). */
export function requireDescriptor(
  cpu: Cpu,
  selector: number,
  vector: number,
  bytes = 8,
  extra = 0,
): Descriptor {
  const descriptor = readDescriptor(cpu, selector, bytes)
  if (descriptor === undefined) throw new Fault(vector, selectorError(selector, extra))
  return descriptor
}

/** The second 8 bytes of a 16-byte system descriptor of long mode. */
export function readUpperHalf(cpu: Cpu, descriptor: Descriptor): bigint {
  return readLinear(cpu, tableAddress(cpu, descriptor.address, 8, 8), 8, false)
}

/** Error code of a selector: index and TI, bit 0 EXT (APM vol 2 §8.4.1). */
export function selectorError(selector: number, extra = 0): number {
  return (selector & (SELECTOR.index | SELECTOR.ti)) | extra
}

export function dpl(attributes: number): number {
  return (attributes & ATTRIBUTE.DPL) >> 5
}

export function isCode(attributes: number): boolean {
  return (attributes & (ATTRIBUTE.S | ATTRIBUTE.code)) === (ATTRIBUTE.S | ATTRIBUTE.code)
}

export function isConforming(attributes: number): boolean {
  return (attributes & ATTRIBUTE.conformingOrExpandDown) !== 0
}

export function isWritableData(attributes: number): boolean {
  return (
    (attributes & (ATTRIBUTE.S | ATTRIBUTE.code | ATTRIBUTE.readWrite)) ===
    (ATTRIBUTE.S | ATTRIBUTE.readWrite)
  )
}

/** True for a system descriptor (S = 0) of the given type. */
export function isSystemType(attributes: number, type: number): boolean {
  return (attributes & (ATTRIBUTE.S | ATTRIBUTE.type)) === type
}

/** EFER.LMA: system descriptors have 16 bytes and code segments have an L bit. */
export function isLongMode(cpu: Cpu): boolean {
  return (cpu.state.efer & EFER.LMA) !== 0n
}

/** Sets the accessed bit in the table, as loading a segment register does, and returns the segment's value. */
export function loadedSegment(cpu: Cpu, selector: number, descriptor: Descriptor): SegmentValue {
  if (!(descriptor.attributes & ATTRIBUTE.accessed))
    writeLinear(cpu, tableAddress(cpu, descriptor.address, 5, 1), 1, (descriptor.raw >> 40n) | 1n, false)
  return {
    selector,
    attributes: descriptor.attributes | ATTRIBUTE.accessed,
    limit: descriptor.limit,
    base: descriptor.base,
  }
}
