/**
 * Segment registers and descriptor-table registers between VMCB and processor (APM vol 2 §15.5.1, appendix B).
 *
 * In the VMCB, 16 bytes:     +0 15:0 selector, 27:16 attributes   +4 limit   +8 base
 * In the vCPU block (words): +0 selector   +1 attributes   +2 limit   +4 base
 */
import { CS, DS, ES, FS, GS, LDTR, SS, TR } from '../isa/registers.ts'
import { canonicalHigh } from '../state/canonical.ts'
import type { LinearBits } from '../state/cpu.ts'
import { OFFSET, SEGMENT } from '../state/layout.ts'
import { offsetOf } from './fields.ts'
import type { VmcbPage } from './vmcb-page.ts'

/** Where a segment register lies in the VMCB and in the vCPU block. */
export interface SegmentPlace {
  readonly offset: number
  readonly word: number
}

function place(name: string, register: number): SegmentPlace {
  return {
    offset: offsetOf(`save.${name}.selector`),
    word: (OFFSET.segments + register * SEGMENT.bytes) >> 2,
  }
}

/** The segments that VMRUN and #VMEXIT move. */
export const GUEST_SEGMENTS = [place('es', ES), place('cs', CS), place('ss', SS), place('ds', DS)] as const

/** The segments that VMLOAD and VMSAVE move. */
export const HIDDEN_SEGMENTS = [
  place('fs', FS),
  place('gs', GS),
  place('ldtr', LDTR),
  place('tr', TR),
] as const

/** Loads selector, attributes, limit and the low half of the base. */
function loadVisible(vmcb: VmcbPage, words: Uint32Array, { offset, word }: SegmentPlace): void {
  const first = vmcb.word(offset)
  words[word] = first & 0xffff
  words[word + 1] = (first >>> 16) & 0xfff
  words[word + 2] = vmcb.word(offset + 4)
  words[word + 4] = vmcb.word(offset + 8)
}

/** ES, CS, SS or DS: bits 31:0 of the base are implemented. */
export function loadGuestSegment(vmcb: VmcbPage, words: Uint32Array, segment: SegmentPlace): void {
  loadVisible(vmcb, words, segment)
  words[segment.word + 5] = 0
}

/** FS, GS, LDTR or TR: the base is sign-extended from its highest implemented bit, of `bits`. */
export function loadHiddenSegment(
  vmcb: VmcbPage,
  words: Uint32Array,
  segment: SegmentPlace,
  bits: LinearBits,
): void {
  loadVisible(vmcb, words, segment)
  words[segment.word + 5] = canonicalHigh(vmcb.word(segment.offset + 12), bits)
}

/** Stores all of a segment register. */
export function storeSegment(vmcb: VmcbPage, words: Uint32Array, { offset, word }: SegmentPlace): void {
  vmcb.setWord(offset, words[word] | (words[word + 1] << 16))
  vmcb.setWord(offset + 4, words[word + 2])
  vmcb.setWord(offset + 8, words[word + 4])
  vmcb.setWord(offset + 12, words[word + 5])
}
