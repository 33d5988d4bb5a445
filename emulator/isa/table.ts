/**
 * The instruction table: every encoding that the machine knows, one row each, in the notation of APM vol 3 (table/row.ts).
 * Decoder, encoder, disassembler, completion and the oracle tests all derive from it.
 */
import { arithmetic } from './table/arithmetic.ts'
import { conditions } from './table/conditions.ts'
import { controlTransfer } from './table/control-transfer.ts'
import { dataMovement } from './table/data-movement.ts'
import { strings } from './table/strings.ts'
import { svm } from './table/svm.ts'
import { system } from './table/system.ts'
import { x87 } from './table/x87.ts'
import type { Row } from './table/row.ts'

export type { OperandForm, OperandKind, Row } from './table/row.ts'

/** The files of the table, each with what its instructions have in common. */
export const INSTRUCTION_GROUPS: readonly {
  readonly id: string
  readonly title: string
  readonly rows: readonly Row[]
}[] = [
  { id: 'data-movement', title: 'Data movement', rows: dataMovement },
  { id: 'arithmetic', title: 'Arithmetic and logic', rows: arithmetic },
  { id: 'strings', title: 'Strings', rows: strings },
  { id: 'control-transfer', title: 'Control transfer', rows: controlTransfer },
  { id: 'system', title: 'System, ports, hints and fences', rows: system },
  { id: 'svm', title: 'SVM', rows: svm },
  { id: 'x87', title: 'x87', rows: x87 },
]

/** All rows; among rows that encode the same request equally short, the assembler takes the first. */
export const table: readonly Row[] = INSTRUCTION_GROUPS.flatMap(({ rows }) => rows)

/** Other names of the same instructions. */
const otherNames: readonly (readonly [alias: string, mnemonic: string])[] = [
  ['sal', 'shl'],
  ['loopz', 'loope'],
  ['loopnz', 'loopne'],
  ['retn', 'ret'],
  ['icebp', 'int1'],
  ['wait', 'fwait'],
  ...['j', 'set', 'cmov'].flatMap((stem) =>
    conditions.flatMap(({ names: [name, ...others] }) =>
      others.map((other) => [stem + other, stem + name] as const),
    ),
  ),
]

/** From alias to the mnemonic in the table. */
export const aliases: ReadonlyMap<string, string> = new Map(otherNames)

/** The names that semantics are keyed by, in table order. */
export const operations: readonly string[] = [...new Set(table.map((row) => row.operation))]
