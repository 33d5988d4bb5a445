/** Logical to linear addresses: segment bases, limits, types and canonical form (APM vol 2 §4.5, §4.12, §5.3.1). */
import { FS, SS } from '../isa/registers.ts'
import { probeLinear } from '../paging/access.ts'
import { isCanonical, isCanonicalRange, linearBits } from '../state/canonical.ts'
import { ACCESS, type Access, type Cpu } from '../state/cpu.ts'
import { Fault, VECTOR } from '../state/faults.ts'
import { ATTRIBUTE, MODE } from '../state/mode.ts'
import type { Segment } from '../state/vcpu.ts'
import { noteDataAccess } from './debug-traps.ts'

/** What a segment register holds, visible and hidden: the register itself, or a value that is not loaded yet. */
export interface SegmentValue {
  readonly selector: number
  /** The VMCB's 12-bit form (state/mode.ts ATTRIBUTE). */
  readonly attributes: number
  /** Last valid offset, in bytes whatever G says. */
  readonly limit: number
  readonly base: bigint
}

/** What a null selector loads: P = 0, so that every access faults outside 64-bit mode. */
export const NULL_SEGMENT: SegmentValue = { selector: 0, attributes: 0, limit: 0, base: 0n }

/** Loads a segment register, hidden part and all. The caller calls modeChanged(). */
export function setSegment(register: Segment, value: SegmentValue): void {
  register.selector = value.selector
  register.attributes = value.attributes
  register.limit = value.limit
  register.base = value.base
}

/** True when `size` bytes at `offset` lie within the limit. An expand-down segment lies above its limit (APM vol 2 §4.12.2). */
export function withinLimit(segment: SegmentValue, offset: bigint, size: number): boolean {
  const first = Number(offset)
  const last = first + size - 1
  const { attributes, limit } = segment
  const expandDown =
    (attributes & (ATTRIBUTE.code | ATTRIBUTE.conformingOrExpandDown)) === ATTRIBUTE.conformingOrExpandDown
  if (!expandDown) return last <= limit
  return first > limit && last <= (attributes & ATTRIBUTE.DB ? 0xffff_ffff : 0xffff)
}

/** True when the segment's type allows the access (APM vol 2 §4.12.1); a null segment (P = 0) allows none. */
function typeAllows(attributes: number, access: Access): boolean {
  if (!(attributes & ATTRIBUTE.P)) return false
  if (access === ACCESS.execute) return (attributes & ATTRIBUTE.code) !== 0
  if (!(attributes & ATTRIBUTE.code))
    return access === ACCESS.read || (attributes & ATTRIBUTE.readWrite) !== 0
  return access === ACCESS.read && (attributes & ATTRIBUTE.readWrite) !== 0
}

/** The linear address outside 64-bit mode, or -1n when limit or type forbid the access. Real mode does not check types. */
export function legacyLinear(
  segment: SegmentValue,
  offset: bigint,
  size: number,
  access: Access,
  protectedMode: boolean,
): bigint {
  if (protectedMode && !typeAllows(segment.attributes, access)) return -1n
  if (!withinLimit(segment, offset, size)) return -1n
  return BigInt.asUintN(32, segment.base + offset)
}

function segmentFault(segment: number): never {
  throw new Fault(segment === SS ? VECTOR.SS : VECTOR.GP, 0)
}

/**
 * The linear address of `size` bytes at `offset` of segment register `segment` (0..5). The offset is already truncated to the
 * address size. Throws #GP(0) (#SS(0) for SS) where the segment does not allow the access or the address is not canonical,
 * #AC(0) where alignment is checked.
 */
export function linearAddress(
  cpu: Cpu,
  segment: number,
  offset: bigint,
  size: number,
  access: Access,
): bigint {
  const state = cpu.state
  const mode = state.mode
  let linear: bigint
  if ((mode & MODE.codeSize) === 2) {
    linear = segment >= FS ? BigInt.asUintN(64, offset + state.segments[segment].base) : offset
    if (!isCanonicalRange(linear, size, linearBits(state))) segmentFault(segment)
  } else {
    linear = legacyLinear(state.segments[segment], offset, size, access, (mode & MODE.protected) !== 0)
    if (linear < 0n) segmentFault(segment)
  }
  if (mode & (MODE.alignmentCheck | MODE.dataBreakpoints)) examine(cpu, linear, size, access)
  return linear
}

/** Alignment and data breakpoints. */
function examine(cpu: Cpu, linear: bigint, size: number, access: Access): void {
  const { state } = cpu
  if (state.mode & MODE.alignmentCheck && linear & BigInt(size - 1)) {
    // A page fault has priority (APM vol 2 §8.5).
    probeLinear(cpu, linear, size, access)
    throw new Fault(VECTOR.AC, 0)
  }
  if (state.mode & MODE.dataBreakpoints) noteDataAccess(state, linear, size, access)
}

/** Throws #GP(0) unless execution may continue at `rip` in the code segment `cs`. */
export function checkTarget(
  { state }: Cpu,
  cs: Pick<SegmentValue, 'attributes' | 'limit'>,
  rip: bigint,
): void {
  const is64 = (state.mode & MODE.long) !== 0 && (cs.attributes & ATTRIBUTE.L) !== 0
  const reachable = is64 ? isCanonical(rip, linearBits(state)) : rip <= BigInt(cs.limit)
  if (!reachable) throw new Fault(VECTOR.GP, 0)
}
