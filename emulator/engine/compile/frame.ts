/** The parameters and fixed locals of a region function, and the functions that every region's module contains. */
import { TYPE, type ValueType } from './opcodes.ts'

/** Locals by number. Parameters come first; general register n is `registers` + n. */
export const LOCAL = {
  /** Parameter: offset of the vCPU block in the WebAssembly memory. */
  vcpu: 0,
  /** Parameter: number of the entry to begin at; then of the block to dispatch to. */
  entry: 1,
  budget: 2,
  /**
   * Where control is when it leaves before an instruction:
   *   11:0 the instruction's offset in the page, 31:12 instructions of the block that are paid for and not executed
   */
  site: 3,
  /**
   * What the flag locals mean:
   *   3:0 kind, 7:4 size (state/flags.ts), 31:16 mask of the flags that `flagsOverride` has instead
   */
  flagsWord: 4,
  fastTags: 5,
  /** Scratch of a probe. */
  tag: 6,
  host: 7,
  linear: 8,
  /** rIP of the page's first byte. */
  ripBase: 9,
  /** rIP to go on at, when it is not in this region. */
  target: 10,
  flagsLeft: 11,
  flagsRight: 12,
  flagsResult: 13,
  flagsOverride: 14,
  registers: 15,
} as const

/** Types of the locals after the parameters, in order. */
export const FIXED_LOCALS: readonly ValueType[] = [
  ...Array.from({ length: 6 }, () => TYPE.i32),
  ...Array.from({ length: 7 + 16 }, () => TYPE.i64),
]

export const PARAMETERS = 2
export const FIRST_TEMPORARY = PARAMETERS + FIXED_LOCALS.length

/** Shift of the override mask in the flags word. */
export const OVERRIDE_SHIFT = 16

/** Functions of a region's module by index: the imports first. */
export const FUNCTION = { missLoad: 0, missStore: 1, region: 2, flagsImage: 3, probeStore: 4 } as const

/** What a region function returns: why it came back. state.rip says where to go on. */
export const OUTCOME = {
  /** The next instruction is not in a region that this one knows. */
  left: 0,
  /** The next instruction is one for evaluate. */
  step: 1,
  /** What is left of the budget does not cover the next block. */
  budget: 2,
} as const
