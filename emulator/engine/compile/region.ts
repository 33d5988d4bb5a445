/**
 * Which code becomes one region: the instructions of a page that its entries reach without leaving it, cut into blocks.
 * A block is entered at its first instruction only and left after its last.
 */
import type { Instruction } from '../../isa/instruction.ts'
import type { Semantics } from '../../semantics/builder.ts'
import { PAGE_SIZE } from '../../state/memory-map.ts'

/** An instruction as far as blocks are concerned. `semantics` undefined: a system instruction. */
export interface Decoded {
  readonly instruction: Instruction
  readonly semantics: Semantics | undefined
}

export interface Block {
  /** Offsets in the page, in order, with the instructions that compiled code executes. */
  readonly instructions: readonly { readonly offset: number; readonly decoded: Decoded }[]
  readonly start: number
  /** Offset after the last instruction. */
  readonly end: number
  /** Instruction `end` is one for evaluate: a system instruction, one that crosses the page, or none at all. */
  readonly stops: boolean
}

/** Blocks are cut here, so that little of a budget is left for evaluate. */
const MAXIMUM_BLOCK = 32

/** No region has many more instructions: what else its code leads to becomes regions of its own. */
const MAXIMUM_REGION = 600

/** Operations after which the next instruction in sequence is no continuation. */
const ENDS_FLOW: ReadonlySet<string> = new Set([
  'jmp',
  'ret',
  'jmp-far',
  'ret-far',
  'iret',
  'sysret',
  'ud0',
  'ud1',
  'ud2',
])

/** Near jumps, calls and repeated instructions end a block, because control may go elsewhere than to the next instruction. */
function endsBlock({ operation, operands, repeat }: Instruction): boolean {
  return (
    operands[0]?.kind === 'relative' || operation === 'call' || ENDS_FLOW.has(operation) || repeat !== 'none'
  )
}

/** Offsets in the page where execution can go on after an instruction other than through its target. */
function continuation({ operation, length }: Instruction, offset: number): number {
  return ENDS_FLOW.has(operation) ? PAGE_SIZE : offset + length
}

/** Offset of a relative operand's target, which may lie outside the page; undefined without one. */
export function relativeTarget({ operands, length }: Instruction, offset: number): number | undefined {
  const operand = operands.find(({ kind }) => kind === 'relative')
  return operand?.kind === 'relative' ? offset + length + Number(operand.displacement) : undefined
}

export interface RegionPlan {
  /** In order of their start. */
  readonly blocks: readonly Block[]
  /** Starts of blocks that control enters from outside or through computed jumps. */
  readonly entries: ReadonlySet<number>
}

/** `decodeAt` gives the instruction at an offset, or undefined where none begins or it is not wholly in the page. */
export function planRegion(
  wanted: Iterable<number>,
  decodeAt: (offset: number) => Decoded | undefined,
): RegionPlan {
  const entries = new Set(wanted)
  const starts = new Set(entries)
  const pending = [...entries]
  const seen = new Map<number, Decoded>()
  const reach = (offset: number, isEntry: boolean): void => {
    if (offset < 0 || offset >= PAGE_SIZE || (seen.size >= MAXIMUM_REGION && !starts.has(offset))) return
    if (isEntry && decodeAt(offset)?.semantics !== undefined) entries.add(offset)
    if (starts.has(offset)) return
    starts.add(offset)
    pending.push(offset)
  }
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (let offset = at, count = 0; offset < PAGE_SIZE && !seen.has(offset);) {
      const decoded = decodeAt(offset)
      if (decoded === undefined) break
      const { instruction } = decoded
      const after = continuation(instruction, offset)
      if (decoded.semantics === undefined) {
        // Evaluate executes it and comes back to the next one.
        reach(after, true)
        break
      }
      if (instruction.repeat !== 'none' && offset !== at) {
        reach(offset, false)
        break
      }
      seen.set(offset, decoded)
      if (endsBlock(instruction)) {
        const target = relativeTarget(instruction, offset)
        if (target !== undefined) reach(target, false)
        reach(after, instruction.operation === 'call')
        break
      }
      offset = after
      if (++count === MAXIMUM_BLOCK) {
        reach(offset, false)
        break
      }
    }
  }
  const blocks = [...starts].sort((a, b) => a - b).map((start) => cutBlock(start, starts, seen))
  return { blocks, entries }
}

function cutBlock(start: number, starts: ReadonlySet<number>, seen: ReadonlyMap<number, Decoded>): Block {
  const instructions: { offset: number; decoded: Decoded }[] = []
  let offset = start
  let stops = false
  do {
    const decoded = seen.get(offset)
    if (decoded === undefined) {
      stops = true
      break
    }
    instructions.push({ offset, decoded })
    offset += decoded.instruction.length
    if (endsBlock(decoded.instruction)) break
  } while (offset < PAGE_SIZE && !starts.has(offset) && instructions.length < MAXIMUM_BLOCK)
  return { instructions, start, end: offset, stops }
}
