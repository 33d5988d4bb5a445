/** The task-state segment as a source of stacks (APM vol 2 §12.2.4 legacy, §12.2.5 64-bit). */
import { TR } from '../isa/registers.ts'
import { readLinear } from '../paging/access.ts'
import { isCanonical, linearBits } from '../state/canonical.ts'
import type { Cpu } from '../state/cpu.ts'
import { Fault, VECTOR } from '../state/faults.ts'
import { ATTRIBUTE } from '../state/mode.ts'
import {
  dpl,
  isNull,
  isWritableData,
  requireDescriptor,
  loadedSegment,
  selectorError,
  SELECTOR,
  tableAddress,
} from './descriptors.ts'
import { type SegmentValue } from './segmentation.ts'
import type { Stack } from './stack.ts'
import type { Size } from '../isa/instruction.ts'

function readTss(cpu: Cpu, offset: number, size: Size, external: number): bigint {
  const tr = cpu.state.segments[TR]
  if (offset + size - 1 > tr.limit) throw new Fault(VECTOR.TS, selectorError(tr.selector, external))
  return readLinear(cpu, tableAddress(cpu, tr.base, offset, size), size, false)
}

/** The stack of an inner privilege level from a 16- or 32-bit TSS, checked. `external` is the EXT bit of error codes. */
export function legacyInnerStack(cpu: Cpu, level: number, external = 0): Stack {
  const wide = (cpu.state.segments[TR].attributes & ATTRIBUTE.code) !== 0
  const pointer = wide ? readTss(cpu, 4 + level * 8, 4, external) : readTss(cpu, 2 + level * 4, 2, external)
  const selector = Number(readTss(cpu, wide ? 8 + level * 8 : 4 + level * 4, 2, external))
  const segment = innerStackSegment(cpu, selector, level, external)
  const pointerBytes = segment.attributes & ATTRIBUTE.DB ? 4 : 2
  return { segment, pointer, pointerBytes, user: level === 3, errorCode: selectorError(selector, external) }
}

/** The SS of an inner privilege level or of a new task, checked: #TS, or #SS where it is not present. */
export function innerStackSegment(cpu: Cpu, selector: number, level: number, external: number): SegmentValue {
  if (isNull(selector)) throw new Fault(VECTOR.TS, external)
  const descriptor = requireDescriptor(cpu, selector, VECTOR.TS, 8, external)
  const attributes = descriptor.attributes
  if ((selector & SELECTOR.rpl) !== level || dpl(attributes) !== level || !isWritableData(attributes))
    throw new Fault(VECTOR.TS, selectorError(selector, external))
  if (!(attributes & ATTRIBUTE.P)) throw new Fault(VECTOR.SS, selectorError(selector, external))
  return loadedSegment(cpu, selector, descriptor)
}

/** SS after a change of privilege in long mode: null with RPL = CPL (APM vol 2 §8.9.4). */
export function nullStackSegment(level: number): SegmentValue {
  return { selector: level, attributes: level << 5, limit: 0, base: 0n }
}

/**
 * A stack of the 64-bit TSS: IST1..IST7 for `ist` 1..7, else RSP0..RSP2. `segment` is what SS will hold.
 *   04h RSP0, 0Ch RSP1, 14h RSP2, 24h IST1 .. 54h IST7
 */
export function longStack(cpu: Cpu, ist: number, level: number, segment: SegmentValue, external = 0): Stack {
  const pointer = readTss(cpu, ist > 0 ? 0x1c + ist * 8 : 4 + level * 8, 8, external)
  if (!isCanonical(pointer, linearBits(cpu.state))) throw new Fault(VECTOR.SS, external)
  return { segment, pointer, pointerBytes: 8, user: level === 3, errorCode: external }
}
