/** What a region function does first and last: the vCPU block into locals, and locals into the vCPU block. */
import { CS } from '../../isa/registers.ts'
import { FLAGS } from '../../state/flags.ts'
import { OFFSET, SEGMENT } from '../../state/layout.ts'
import { PAGE_SIZE } from '../../state/memory-map.ts'
import { MODE } from '../../state/mode.ts'
import type { Emitter } from './emitter.ts'
import { FUNCTION, LOCAL, OVERRIDE_SHIFT } from './frame.ts'
import { PACKED_ENTRY_SHIFT, PACKED_SLOT } from './jump-cache.ts'
import { OP } from './opcodes.ts'

/** Sign bit of the entry local at the end: control goes on in another region, which the other bits name. */
export const GO_ON = 0x8000_0000

/** Loads the locals. `registers`: bit mask of the general registers that the body uses. */
export function writePrologue(code: Emitter, mode: number, registers: number): void {
  const field = (local: number, op: number, offset: number): void => {
    code.get(LOCAL.vcpu)
    code.memory(op, offset)
    code.set(local)
  }
  field(LOCAL.budget, OP.i32Load, OFFSET.budget)
  field(LOCAL.fastTags, OP.i32Load, OFFSET.fastTags)
  field(LOCAL.flagsLeft, OP.i64Load, OFFSET.flagsLeft)
  field(LOCAL.flagsRight, OP.i64Load, OFFSET.flagsRight)
  field(LOCAL.flagsResult, OP.i64Load, OFFSET.flagsResult)
  code.get(LOCAL.vcpu)
  code.memory(OP.i32Load, OFFSET.flagsKind)
  code.get(LOCAL.vcpu)
  code.memory(OP.i32Load, OFFSET.flagsSize)
  code.i32(4)
  code.byte(OP.i32Shl)
  code.byte(OP.i32Or)
  code.set(LOCAL.flagsWord)
  // rIP of the page: rIP less the offset of its linear address in the page.
  code.get(LOCAL.vcpu)
  code.memory(OP.i64Load, OFFSET.rip)
  code.tee(LOCAL.target)
  code.get(LOCAL.target)
  if (!(mode & MODE.flat)) {
    code.get(LOCAL.vcpu)
    code.memory(OP.i64Load, OFFSET.segments + CS * SEGMENT.bytes + SEGMENT.base)
    code.byte(OP.i64Add)
  }
  code.i64(BigInt(PAGE_SIZE - 1))
  code.byte(OP.i64And)
  code.byte(OP.i64Sub)
  code.set(LOCAL.ripBase)
  forEachRegister(registers, (n) => {
    field(LOCAL.registers + n, OP.i64Load, OFFSET.gpr + n * 8)
  })
}

function forEachRegister(mask: number, each: (n: number) => void): void {
  for (let n = 0; n < 16; n++) if (mask & (1 << n)) each(n)
}

/** Stores the locals, then returns the outcome or goes on in another region. `changed`: general registers to store. */
export function writeEpilogue(code: Emitter, changed: number): void {
  const store = (op: number, offset: number, push: () => void): void => {
    code.get(LOCAL.vcpu)
    push()
    code.memory(op, offset)
  }
  store(OP.i64Store, OFFSET.rip, () => code.get(LOCAL.target))
  store(OP.i32Store, OFFSET.budget, () => code.get(LOCAL.budget))
  // The state has no override: flags that use one become explicit.
  code.get(LOCAL.flagsWord)
  code.i32(OVERRIDE_SHIFT)
  code.byte(OP.i32ShrU)
  code.if()
  for (const local of [
    LOCAL.flagsWord,
    LOCAL.flagsLeft,
    LOCAL.flagsRight,
    LOCAL.flagsResult,
    LOCAL.flagsOverride,
  ])
    code.get(local)
  code.call(FUNCTION.flagsImage)
  code.set(LOCAL.flagsResult)
  code.i32(FLAGS.explicit | (8 << 4))
  code.set(LOCAL.flagsWord)
  code.end()
  store(OP.i32Store, OFFSET.flagsKind, () => {
    code.get(LOCAL.flagsWord)
    code.i32(15)
    code.byte(OP.i32And)
  })
  store(OP.i32Store, OFFSET.flagsSize, () => {
    code.get(LOCAL.flagsWord)
    code.i32(4)
    code.byte(OP.i32ShrU)
  })
  store(OP.i64Store, OFFSET.flagsLeft, () => code.get(LOCAL.flagsLeft))
  store(OP.i64Store, OFFSET.flagsRight, () => code.get(LOCAL.flagsRight))
  store(OP.i64Store, OFFSET.flagsResult, () => code.get(LOCAL.flagsResult))
  forEachRegister(changed, (n) => {
    store(OP.i64Store, OFFSET.gpr + n * 8, () => code.get(LOCAL.registers + n))
  })
  code.get(LOCAL.entry)
  code.i32(0)
  code.byte(OP.i32LtS)
  code.if()
  code.get(LOCAL.vcpu)
  code.get(LOCAL.entry)
  code.i32(~GO_ON)
  code.byte(OP.i32And)
  code.i32(PACKED_ENTRY_SHIFT)
  code.byte(OP.i32ShrU)
  code.get(LOCAL.entry)
  code.i32(PACKED_SLOT)
  code.byte(OP.i32And)
  code.byte(OP.returnCallIndirect)
  code.unsigned(FUNCTION.region)
  code.unsigned(0)
  code.end()
  code.get(LOCAL.entry)
}
