/**
 * Enters compiled code: finds the region for rIP, runs it, and goes on to the next one until something is evaluate's. The fetch
 * is translated here just as evaluate does it, so the TLB is the same afterwards.
 */
import { CS } from '../../isa/registers.ts'
import { fastLookup, fetchLookup } from '../../paging/contexts.ts'
import { findEntry } from '../../paging/tlb.ts'
import { tryTranslate } from '../../paging/translate.ts'
import { isTranslated, walkFault } from '../../paging/walk.ts'
import { isCanonical, isCanonicalHalf, linearBits } from '../../state/canonical.ts'
import { ACCESS, type Access, type Cpu } from '../../state/cpu.ts'
import { OFFSET, SEGMENT } from '../../state/layout.ts'
import type { Exit, Fault } from '../../state/faults.ts'
import { granuleMask, type PhysicalMemory } from '../../state/memory.ts'
import { PAGE_SIZE, VCPU_STRIDE } from '../../state/memory-map.ts'
import { MODE } from '../../state/mode.ts'
import type { CodeCache } from '../code-cache.ts'
import { OUTCOME } from './frame.ts'
import {
  forgetJumps,
  packEntry,
  PACKED_ENTRY_SHIFT,
  PACKED_SLOT,
  recallJump,
  rememberJump,
} from './jump-cache.ts'
import { NEVER_COMPILED, REGION_MODE, Regions } from './regions.ts'

/** Addresses below are canonical in every paging mode. */
const LOWER_HALF_END = 0x8000_0000_0000n

/** How compiled code fared. */
export interface CompileStatistics {
  /** Instructions retired in compiled code. */
  instructions: number
  /** Times that an instruction was left to evaluate: system instructions and what bailed, by cause. */
  steps: number
  bails: { translation: number; crossing: number; code: number }
}

/** One 64-bit linear address taken apart without allocating: write `whole`, read `halves`. */
const whole = new BigUint64Array(1)
const halves = new Uint32Array(whole.buffer)

/** Words of the vCPU block. */
const RIP = OFFSET.rip >> 2
const CS_BASE = (OFFSET.segments + CS * SEGMENT.bytes + SEGMENT.base) >> 2

/** True while the TLB holds the page of the running region: state.rip is where control entered it. */
function isFetchable(cpu: Cpu): boolean {
  const { state } = cpu
  if (!isTranslated(cpu)) return true
  let low = state.words[RIP]
  let high = state.words[RIP + 1]
  if ((state.mode & MODE.codeSize) !== 2) {
    low = (low + state.words[CS_BASE]) >>> 0
    high = 0
  }
  // Fetch tags are a subset of the TLB.
  return fetchLookup(state, low, high) >= 0 || findEntry(state, low, high) >= 0
}

export class Dispatcher {
  readonly statistics: CompileStatistics = {
    instructions: 0,
    steps: 0,
    bails: { translation: 0, crossing: 0, code: 0 },
  }
  readonly regions: Regions
  readonly #memory: PhysicalMemory
  readonly #cpus: readonly Cpu[]

  /** The last run() found compiled code, however far that got: there may be more after the instruction that it left. */
  entered = false
  /** The last run() stopped at an instruction whose access to memory fails like this; nothing more needs to be evaluated. */
  failed: Fault | Exit | undefined
  /** The last run() stopped at a system instruction: what follows it may be worth compiling. */
  resumes = false
  /** Every instruction is an entry worth compiling, not only where jumps lead to: for tests. */
  readonly everywhere: boolean

  /** `hot`: arrivals at an offset before it is compiled; 1 compiles everything at once. */
  constructor(memory: PhysicalMemory, cpus: readonly Cpu[], code: CodeCache, hot?: number) {
    this.everywhere = hot === 1
    this.#memory = memory
    this.#cpus = cpus
    this.regions = new Regions(
      memory,
      code,
      (vcpu, linear, size) => this.#miss(vcpu, linear, size, ACCESS.read),
      (vcpu, linear, size) => this.#miss(vcpu, linear, size, ACCESS.write),
      () => {
        for (const cpu of cpus) forgetJumps(cpu.state)
      },
      hot,
    )
  }

  /**
   * Runs compiled code from rIP on, as far as there is any, for at most `budget` instructions. Returns how many retired; the
   * next one is evaluate's. `jumped`: a jump led to rIP, which makes its code hotter. state.attention must be 0.
   */
  run(cpu: Cpu, budget: number, jumped: boolean): number {
    const state = cpu.state
    this.entered = false
    this.resumes = false
    this.failed = undefined
    let left = budget
    let outcome: number = OUTCOME.left
    while (outcome === OUTCOME.left && left > 0) {
      let target = this.#recall(cpu)
      if (target < 0) {
        const found = this.#find(cpu, jumped)
        if (found === 0 || found === NEVER_COMPILED) {
          this.resumes = found === NEVER_COMPILED
          break
        }
        target = packEntry(found & PACKED_SLOT, (found >>> PACKED_ENTRY_SHIFT) - 1)
      }
      this.entered = true
      jumped = true
      state.budget = left
      outcome = this.regions.function(target & PACKED_SLOT)(state.base, target >>> PACKED_ENTRY_SHIFT)
      left = state.budget
    }
    if (outcome === OUTCOME.step) this.statistics.steps++
    const retired = budget - left
    state.instructions += retired
    this.statistics.instructions += retired
    return retired
  }

  /** Where compiled code begins at rIP, if the jump cache knows; else -1. It may still lead to a region that was dropped. */
  #recall({ state }: Cpu): number {
    const { mode } = state
    if ((mode & (MODE.alignmentCheck | MODE.flat)) !== MODE.flat) return -1
    const target = recallJump(state, mode & REGION_MODE)
    return target >= 0 && this.regions.isLive(target & PACKED_SLOT) ? target : -1
  }

  /** Where compiled code begins at rIP, as Regions.find() says it, and remembered in the jump cache. */
  #find(cpu: Cpu, jumped: boolean): number {
    const state = cpu.state
    const mode = state.mode
    if (mode & MODE.alignmentCheck) return 0
    const rip = state.rip
    let linear = rip
    if ((mode & MODE.codeSize) === 2) {
      if (rip >= LOWER_HALF_END && !isCanonical(rip, linearBits(state))) return 0
    } else {
      const cs = state.segments[CS]
      linear = BigInt.asUintN(32, cs.base + rip)
      // The whole page must lie within the limit and rIP must not wrap in it, so that compiled code need not test either.
      const first = Number(rip) - (Number(linear) % PAGE_SIZE)
      const limit = (mode & MODE.codeSize) === 0 ? Math.min(cs.limit, 0xffff) : cs.limit
      if (first < 0 || first + PAGE_SIZE - 1 > limit) return 0
    }
    whole[0] = linear
    const address = tryTranslate(cpu, halves[0], halves[1], ACCESS.execute, state.cpl === 3)
    // Evaluate takes the fault when it fetches.
    if (address < 0 || !this.#memory.isRam(address)) return 0
    const found = this.regions.find(address, mode, jumped)
    if (found !== 0 && found !== NEVER_COMPILED && mode & MODE.flat)
      rememberJump(state, mode & REGION_MODE, found & PACKED_SLOT, (found >>> PACKED_ENTRY_SHIFT) - 1)
    return found
  }

  /** Makes an access possible without evaluate, if the TLB allows it. Returns the page's offset in the WebAssembly memory or 0. */
  #miss(
    vcpu: number,
    linear: bigint,
    size: number,
    access: typeof ACCESS.read | typeof ACCESS.write,
  ): number {
    const { bails } = this.statistics
    const cpu = this.#cpus[vcpu / VCPU_STRIDE]
    whole[0] = linear
    const low = halves[0]
    const high = halves[1]
    const offset = low & (PAGE_SIZE - 1)
    if (offset + size > PAGE_SIZE) {
      bails.crossing++
      return 0
    }
    if (!isCanonicalHalf(high, linearBits(cpu.state)) || !this.#translate(cpu, low, high, access)) {
      bails.translation++
      return 0
    }
    const address = fastLookup(cpu, low, high, access === ACCESS.write)
    if (address < 0) {
      bails.translation++
      return 0
    }
    if (access === ACCESS.write) {
      const granules = this.#memory.granules[address >>> 12]
      if (granules !== 0n && granules & granuleMask(offset, size)) {
        bails.code++
        return 0
      }
    }
    return this.#memory.ramBase + address - offset
  }

  /**
   * Translates a linear address as evaluate would at this point, walking if need be. False: compiled code cannot go on, because
   * the access fails, or because the walk took something away that the running code relies on.
   */
  #translate(cpu: Cpu, low: number, high: number, access: Access): boolean {
    const { dropped } = this.regions.statistics
    const succeeds = tryTranslate(cpu, low, high, access, cpu.state.cpl === 3) >= 0
    // The new TLB entry may have replaced that of the running code; a walk that set an accessed bit may have changed it.
    if (this.regions.statistics.dropped !== dropped || !isFetchable(cpu)) return false
    if (!succeeds) this.failed = walkFault(low, high, access)
    return succeeds
  }

  /** Called by the code cache: bytes of code are gone. */
  drop(page: number, offset: number, length: number): void {
    this.regions.drop(page, offset, length)
  }
}
