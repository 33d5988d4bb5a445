/**
 * Writes a region as one WebAssembly function (vCPU block, entry number) -> outcome:
 *
 *   prologue: registers, lazy flags, budget, fast-tag context into locals
 *   block out
 *     block site
 *       block bail                          an instruction is evaluate's          -> OUTCOME.step
 *         block short                       the budget does not cover a block     -> OUTCOME.budget
 *           loop dispatch
 *             block indirect
 *               block B3 { block B2 { block B1 { br_table entry } code of B1 } loop { code of B2 } } code of B3
 *             end
 *             probe the jump cache: this region -> br dispatch, another one -> out and on, none -> out  (OUTCOME.left)
 *           end
 *         end
 *       end
 *     end
 *     rIP and budget from the site
 *   end
 *   epilogue: locals into the vCPU block; return, or tail-call the other region
 *
 * A forward branch goes to the end of its target's block, a back edge to the wasm loop around it or to the dispatch loop.
 */
import {
  FAST_TAG_CONTEXT_BYTES,
  FAST_TAG_OFFSET,
  JUMP_CACHE_OFFSET,
  PAGE_SIZE,
} from '../../state/memory-map.ts'
import { MODE } from '../../state/mode.ts'
import { CompileBuilder, type CompiledInstruction } from './builder.ts'
import { Emitter, type Label } from './emitter.ts'
import { FIRST_TEMPORARY, FIXED_LOCALS, LOCAL, OUTCOME } from './frame.ts'
import {
  JUMP,
  JUMP_CACHE_CONTEXT_BYTES,
  JUMP_INDEX_MASK,
  JUMP_INDEX_SHIFT,
  PACKED_ENTRY_SHIFT,
  PACKED_SLOT,
} from './jump-cache.ts'
import { planLoops, type LoopPlan } from './loops.ts'
import { Lowering } from './lowering.ts'
import type { FunctionBody, Signature } from './module.ts'
import { OP, TYPE } from './opcodes.ts'
import type { Block, RegionPlan } from './region.ts'
import { relativeTarget } from './region.ts'
import { GO_ON, writeEpilogue, writePrologue } from './region-frame.ts'
import type { Edge } from './statement.ts'

export const REGION_SIGNATURE: Signature = { parameters: [TYPE.i32, TYPE.i32], results: [TYPE.i32] }

export interface RegionCode {
  readonly body: FunctionBody
  /** Entry numbers by offset in the page. */
  readonly entries: ReadonlyMap<number, number>
}

/** `mode`: the mode word that the code runs in; `slot`: the region's place in the table of regions. */
export function generateRegion(plan: RegionPlan, mode: number, slot: number): RegionCode {
  return new RegionWriter(plan, mode, slot).write()
}

class RegionWriter {
  readonly #blocks: readonly Block[]
  readonly #mode: number
  readonly #slot: number
  readonly #builder: CompileBuilder
  readonly #body = new Emitter()
  readonly #numberOf = new Map<number, number>()
  readonly #loops: LoopPlan
  /** Entry number of each dispatched block. */
  readonly #entryOf = new Map<number, number>()
  readonly #labelOf = new Map<number, Label>()
  readonly #loopLabelOf = new Map<number, Label>()
  #lowering!: Lowering
  #dispatch: Label = 0
  #indirect: Label = 0
  #short: Label = 0
  #bail: Label = 0
  /** Number of the block being written. */
  #current = 0

  constructor(plan: RegionPlan, mode: number, slot: number) {
    this.#blocks = plan.blocks
    this.#mode = mode
    this.#slot = slot
    this.#builder = new CompileBuilder(mode)
    plan.blocks.forEach((block, n) => this.#numberOf.set(block.start, n))
    const entries = [...plan.entries].map((offset) => this.#numberOf.get(offset)!)
    this.#loops = planLoops(
      plan.blocks.map((block) => this.#successors(block)),
      entries,
    )
    for (const n of [...this.#loops.dispatched].sort((a, b) => a - b))
      this.#entryOf.set(n, this.#entryOf.size)
  }

  /** Blocks that a block may branch to directly. */
  #successors(block: Block): number[] {
    const offsets = [block.end]
    const last = block.instructions.at(-1)
    if (last !== undefined) {
      const target = relativeTarget(last.decoded.instruction, last.offset)
      if (target !== undefined) offsets.push(target)
      if (last.decoded.instruction.repeat !== 'none') offsets.push(last.offset)
    }
    return offsets.map((offset) => this.#numberOf.get(offset)).filter((n) => n !== undefined)
  }

  write(): RegionCode {
    this.#writeBody()
    // The prologue loads what the body turned out to use, so it is written after it.
    const code = new Emitter()
    writePrologue(code, this.#mode, this.#builder.registersUsed | this.#builder.registersChanged)
    code.append(this.#body.bytes())
    writeEpilogue(code, this.#builder.registersChanged)
    const entries = [...this.#entryOf].map(([n, entry]): [number, number] => [this.#blocks[n].start, entry])
    return {
      body: {
        signature: REGION_SIGNATURE,
        locals: [...FIXED_LOCALS, ...this.#lowering.temporaries],
        code: code.bytes(),
      },
      entries: new Map(entries),
    }
  }

  #writeBody(): void {
    const out = this.#body
    const outLabel = out.block()
    const site = out.block()
    this.#bail = out.block()
    this.#short = out.block()
    this.#dispatch = out.loop()
    this.#indirect = out.block()
    this.#lowering = new Lowering(out, FIRST_TEMPORARY, this.#bail, (edge) => this.#leave(edge))
    this.#sequence(0, this.#blocks.length - 1, -1)
    out.end()
    this.#jumpThroughCache(outLabel)
    out.end()
    out.end()
    out.i32(OUTCOME.budget)
    out.set(LOCAL.entry)
    out.branch(site)
    out.end()
    out.i32(OUTCOME.step)
    out.set(LOCAL.entry)
    out.end()
    out.get(LOCAL.budget)
    out.get(LOCAL.site)
    out.i32(Math.log2(PAGE_SIZE))
    out.byte(OP.i32ShrU)
    out.byte(OP.i32Add)
    out.set(LOCAL.budget)
    out.get(LOCAL.ripBase)
    out.get(LOCAL.site)
    out.i32(PAGE_SIZE - 1)
    out.byte(OP.i32And)
    out.byte(OP.i64ExtendI32U)
    out.byte(OP.i64Add)
    out.set(LOCAL.target)
    out.end()
  }

  /**
   * Writes blocks `first`..`last`, the body of the loop that `head` heads (-1: the whole region). Each item, a block or an
   * inner loop, is preceded by the end of a wasm block for branches to it.
   */
  #sequence(first: number, last: number, head: number): void {
    const out = this.#body
    const items: { first: number; last: number }[] = []
    for (let n = first; n <= last;) {
      const end = n === head ? n : Math.max(n, this.#loops.lastOf[n])
      items.push({ first: n, last: end })
      n = end + 1
    }
    for (const item of items.slice().reverse()) {
      if (item.first !== head) this.#labelOf.set(item.first, out.block())
    }
    if (head < 0) {
      const labels = [...this.#entryOf.keys()].map((n) => this.#labelOf.get(n)!)
      out.get(LOCAL.entry)
      out.branchTable(labels, labels.at(-1)!)
    }
    for (const item of items) {
      if (item.first !== head) out.end()
      if (item.first === head || this.#loops.lastOf[item.first] < 0) {
        this.#block(item.first)
        continue
      }
      this.#loopLabelOf.set(item.first, out.loop())
      this.#sequence(item.first, item.last, item.first)
      out.end()
    }
  }

  #block(n: number): void {
    const out = this.#body
    const block = this.#blocks[n]
    const count = block.instructions.length
    this.#current = n
    if (count > 0) {
      this.#setSite(block.start, 0)
      out.get(LOCAL.budget)
      out.i32(count)
      out.byte(OP.i32LtS)
      out.branchIf(this.#short)
      out.get(LOCAL.budget)
      out.i32(count)
      out.byte(OP.i32Sub)
      out.set(LOCAL.budget)
    }
    const compiled = this.#compile(block)
    const visible = flagsVisible(compiled)
    compiled.forEach((instruction, i) => {
      if (instruction.mayBail) this.#setSite(block.instructions[i].offset, count - i)
      this.#lowering.instruction(instruction.list, instruction.nodes, visible[i])
    })
    if (block.stops) {
      this.#setSite(block.end, 0)
      out.branch(this.#bail)
    } else if (!compiled.at(-1)?.list.exits.some(({ condition }) => condition === undefined)) {
      this.#leave({ kind: 'offset', offset: block.end })
    }
  }

  #compile(block: Block): CompiledInstruction[] {
    this.#builder.flags.known = undefined
    return block.instructions.map(({ offset, decoded }) =>
      this.#builder.record(decoded.instruction, offset, decoded.semantics!),
    )
  }

  /** `unexecuted`: instructions from there on that the budget was charged for. */
  #setSite(offset: number, unexecuted: number): void {
    this.#body.i32(offset | (unexecuted * PAGE_SIZE))
    this.#body.set(LOCAL.site)
  }

  /** Control goes on at `edge`; LOCAL.target is set for a computed one. */
  #leave(edge: Edge): void {
    const out = this.#body
    if (edge.kind === 'target') {
      out.branch(this.#indirect)
      return
    }
    const n = this.#numberOf.get(edge.offset)
    if (n === undefined) {
      out.get(LOCAL.ripBase)
      out.i64(BigInt(edge.offset))
      out.byte(OP.i64Add)
      if ((this.#mode & MODE.codeSize) !== 2) {
        out.i64(0xffff_ffffn)
        out.byte(OP.i64And)
      }
      out.set(LOCAL.target)
      out.branch(this.#indirect)
      return
    }
    if (n > this.#current) {
      out.branch(this.#labelOf.get(n)!)
    } else if (this.#loops.lastOf[n] >= this.#current) {
      out.branch(this.#loopLabelOf.get(n)!)
    } else {
      out.i32(this.#entryOf.get(n)!)
      out.set(LOCAL.entry)
      out.branch(this.#dispatch)
    }
  }

  /** Entry for LOCAL.target, from the jump cache of the current context. Only flat code uses it: elsewhere CS.base counts too. */
  #jumpThroughCache(outLabel: Label): void {
    const out = this.#body
    if (this.#mode & MODE.flat) {
      // Offset of the jump cache: contexts of fast tags and of jump caches lie in the same order.
      out.get(LOCAL.fastTags)
      out.get(LOCAL.vcpu)
      out.byte(OP.i32Sub)
      out.i32(Math.log2(FAST_TAG_CONTEXT_BYTES / JUMP_CACHE_CONTEXT_BYTES))
      out.byte(OP.i32ShrU)
      out.get(LOCAL.vcpu)
      out.byte(OP.i32Add)
      out.get(LOCAL.target)
      out.byte(OP.i32WrapI64)
      out.i32(JUMP_INDEX_SHIFT)
      out.byte(OP.i32Shl)
      out.i32(JUMP_INDEX_MASK)
      out.byte(OP.i32And)
      out.byte(OP.i32Add)
      out.tee(LOCAL.tag)
      const start = JUMP_CACHE_OFFSET - (FAST_TAG_OFFSET * JUMP_CACHE_CONTEXT_BYTES) / FAST_TAG_CONTEXT_BYTES
      out.memory(OP.i64Load, start + JUMP.rip)
      out.get(LOCAL.target)
      out.byte(OP.i64Eq)
      out.get(LOCAL.tag)
      out.memory(OP.i32Load, start + JUMP.mode)
      out.i32(this.#mode)
      out.byte(OP.i32Eq)
      out.byte(OP.i32And)
      out.if()
      out.get(LOCAL.tag)
      out.memory(OP.i32Load, start + JUMP.target)
      out.tee(LOCAL.entry)
      out.i32(PACKED_SLOT)
      out.byte(OP.i32And)
      out.i32(this.#slot)
      out.byte(OP.i32Eq)
      out.if()
      out.get(LOCAL.entry)
      out.i32(PACKED_ENTRY_SHIFT)
      out.byte(OP.i32ShrU)
      out.set(LOCAL.entry)
      out.branch(this.#dispatch)
      out.end()
      out.get(LOCAL.entry)
      out.i32(GO_ON)
      out.byte(OP.i32Or)
      out.set(LOCAL.entry)
      out.branch(outLabel)
      out.end()
    }
    out.i32(OUTCOME.left)
    out.set(LOCAL.entry)
    out.branch(outLabel)
  }
}

/** Which instructions' flags somebody can see: a later instruction, evaluate after a bail, or what follows the block. */
function flagsVisible(instructions: readonly CompiledInstruction[]): boolean[] {
  const visible: boolean[] = []
  let seen = true
  for (let i = instructions.length - 1; i >= 0; i--) {
    const { mayBail, readsFlags, replacesFlags } = instructions[i]
    visible[i] = seen
    seen = (seen && !replacesFlags) || readsFlags || mayBail
  }
  return visible
}
