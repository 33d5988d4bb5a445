/**
 * The host state that VMRUN saves and #VMEXIT reloads (APM vol 2 §15.5.1, §15.6). The manual leaves its place to the processor;
 * here it is hidden storage in the vCPU block, and the page at VM_HSAVE_PA stays untouched.
 */
import { RAX, RF, RSP, VM } from '../isa/registers.ts'
import { OFFSET, SEGMENT } from '../state/layout.ts'
import { readRflags, writeRflags } from '../state/flags.ts'
import { CR0 } from '../state/mode.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { DR7 } from '../system/debug-bits.ts'

/** 64-bit registers and where the host's value is kept, as pairs of word indexes. */
const REGISTERS = Uint16Array.from(
  [
    [OFFSET.rip, OFFSET.hostRip],
    [OFFSET.gpr + RSP * 8, OFFSET.hostRsp],
    [OFFSET.gpr + RAX * 8, OFFSET.hostRax],
    [OFFSET.cr0, OFFSET.hostCr0],
    [OFFSET.cr3, OFFSET.hostCr3],
    [OFFSET.cr4, OFFSET.hostCr4],
    [OFFSET.efer, OFFSET.hostEfer],
    [OFFSET.gdtrBase, OFFSET.hostGdtrBase],
    [OFFSET.idtrBase, OFFSET.hostIdtrBase],
  ].flat(),
  (offset) => offset >> 2,
)

/** ES, CS, SS and DS are the first four segment records. */
const SEGMENTS = OFFSET.segments >> 2
const KEPT_SEGMENTS = OFFSET.hostSegments >> 2
const SEGMENT_WORDS = (4 * SEGMENT.bytes) >> 2

function copyQuad(words: Uint32Array, from: number, to: number): void {
  words[to] = words[from]
  words[to + 1] = words[from + 1]
}

/** Saves the host. `state.rip` is the instruction after VMRUN. */
export function saveHost(state: Vcpu): void {
  const words = state.words
  for (let i = 0; i < REGISTERS.length; i += 2) copyQuad(words, REGISTERS[i], REGISTERS[i + 1])
  words.copyWithin(KEPT_SEGMENTS, SEGMENTS, SEGMENTS + SEGMENT_WORDS)
  state.hostRflags = BigInt(readRflags(state))
  state.hostGdtrLimit = state.gdtrLimit
  state.hostIdtrLimit = state.idtrLimit
}

/**
 * Reloads the host: CR0.PE = 1, rFLAGS.VM = 0, RF = 0, CPL 0, all breakpoints off in DR7. LDTR, TR, FS, GS and DR6 keep the
 * guest's values.
 */
export function reloadHost(state: Vcpu): void {
  const words = state.words
  for (let i = 0; i < REGISTERS.length; i += 2) copyQuad(words, REGISTERS[i + 1], REGISTERS[i])
  words.copyWithin(SEGMENTS, KEPT_SEGMENTS, KEPT_SEGMENTS + SEGMENT_WORDS)
  words[OFFSET.cr0 >> 2] |= Number(CR0.PE)
  writeRflags(state, Number(state.hostRflags) & ~(VM | RF))
  state.gdtrLimit = state.hostGdtrLimit
  state.idtrLimit = state.hostIdtrLimit
  state.cpl = 0
  words[OFFSET.dr7 >> 2] = DR7.fixed
  words[(OFFSET.dr7 >> 2) + 1] = 0
}
