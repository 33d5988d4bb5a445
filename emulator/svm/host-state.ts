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

const CR0_WORD = OFFSET.cr0 >> 2
const DR7_WORD = OFFSET.dr7 >> 2
const RFLAGS_WORD = OFFSET.hostRflags >> 2
const PE = Number(CR0.PE)

function copyQuad(words: Uint32Array, from: number, to: number): void {
  words[to] = words[from]
  words[to + 1] = words[from + 1]
}

/** Word by word: for so few, the call of copyWithin() takes longer. */
function copySegments(words: Uint32Array, from: number, to: number): void {
  for (let i = 0; i < SEGMENT_WORDS; i++) words[to + i] = words[from + i]
}

/** Saves the host. `state.rip` is the instruction after VMRUN. */
export function saveHost(state: Vcpu): void {
  const words = state.words
  for (let i = 0; i < REGISTERS.length; i += 2) copyQuad(words, REGISTERS[i], REGISTERS[i + 1])
  copySegments(words, SEGMENTS, KEPT_SEGMENTS)
  words[RFLAGS_WORD] = readRflags(state)
  words[RFLAGS_WORD + 1] = 0
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
  copySegments(words, KEPT_SEGMENTS, SEGMENTS)
  words[CR0_WORD] |= PE
  writeRflags(state, words[RFLAGS_WORD] & ~(VM | RF))
  state.gdtrLimit = state.hostGdtrLimit
  state.idtrLimit = state.hostIdtrLimit
  state.cpl = 0
  words[DR7_WORD] = DR7.fixed
  words[DR7_WORD + 1] = 0
}
