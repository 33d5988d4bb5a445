/** All operations whose meaning is written against the builder, by operation name (isa/table.ts). */
import { arithmetic } from './arithmetic.ts'
import { bits } from './bits.ts'
import type { Semantics } from './builder.ts'
import { controlTransfer } from './control-transfer.ts'
import { dataMovement } from './data-movement.ts'
import { decimal } from './decimal.ts'
import { flags } from './flags.ts'
import { logicOperations } from './logic.ts'
import { multiplyDivide } from './multiply-divide.ts'
import { rotates } from './rotates.ts'
import { shifts } from './shifts.ts'
import { stack } from './stack.ts'
import { strings } from './strings.ts'

export type { Builder, Condition, Operand, Semantics, Value } from './builder.ts'

export const SEMANTICS: ReadonlyMap<string, Semantics> = new Map(
  [
    dataMovement,
    arithmetic,
    logicOperations,
    shifts,
    rotates,
    multiplyDivide,
    bits,
    strings,
    stack,
    controlTransfer,
    flags,
    decimal,
  ].flatMap((topic) => Object.entries(topic)),
)
