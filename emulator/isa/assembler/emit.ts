/** The last step: bytes of every statement at its place, with all range checks, and the map from lines to bytes. */
import type { Size } from '../instruction.ts'
import { Problem, type Diagnostics, type Range } from './diagnostics.ts'
import { encodeAt } from './encode-statement.ts'
import { evaluate, mentionsPosition, type Expression } from './expression.ts'
import type { Program } from './program.ts'
import type { DataItem, Statement } from './statement.ts'
import type { Position } from './symbols.ts'

/** The bytes that a line of source became. Lines of a macro are those of its invocation. */
export interface LineBytes {
  readonly file: string
  readonly line: number
  readonly address: bigint
  /** In the file; what .bss reserves lies behind its end. */
  readonly offset: number
  readonly length: number
  readonly kind: 'instruction' | 'data' | 'reserve'
}

/** Repetitions of a statement that is different at each place, `times 4 dw $`. */
const MAX_DIFFERENT_REPETITIONS = 100_000

/** Writes all statements. Problems are reported; the bytes are then of no use. */
export function emit(program: Program, diagnostics: Diagnostics): { bytes: Uint8Array; lines: LineBytes[] } {
  const fileOffset = (position: Position): number =>
    Number(position.section.start - program.origin) + position.offset
  const end = program.sections
    .filter((section) => section.name !== '.bss' && section.size > 0)
    .reduce((last, section) => Math.max(last, fileOffset({ section, offset: section.size })), 0)
  const bytes = new Uint8Array(end)
  const lines: LineBytes[] = []
  for (const statement of program.statements) {
    const { body, place } = statement
    if (body.kind === 'label' || body.kind === 'equ') continue
    const offset = fileOffset(statement)
    const length = statement.size * statement.count
    if (length > 0) {
      const address = statement.section.start + BigInt(statement.offset)
      lines.push({ file: place.file, line: place.line, address, offset, length, kind: body.kind })
    }
    diagnostics.attempt(place, () => writeStatement(statement, bytes, offset))
  }
  return { bytes, lines }
}

function writeStatement(statement: Statement, out: Uint8Array, offset: number): void {
  const { repeat, size, section } = statement
  if (repeat?.kind === 'times') checkCount(repeat.count, statement, repeat.at, "'times'")
  // With a count of 0 the statement is still checked, and nothing written.
  writeOnce(
    statement,
    statement,
    statement.count === 0 ? new Uint8Array(size) : out,
    statement.count === 0 ? 0 : offset,
  )
  if (statement.count < 2 || size === 0) return
  const end = offset + size * statement.count
  if (!dependsOnPosition(statement)) {
    for (let filled = offset + size; filled < end; filled += Math.min(filled - offset, end - filled)) {
      out.copyWithin(filled, offset, offset + Math.min(filled - offset, end - filled))
    }
    return
  }
  if (statement.count > MAX_DIFFERENT_REPETITIONS) {
    throw new Problem(
      statement.at,
      'output-too-large',
      `more than ${MAX_DIFFERENT_REPETITIONS} repetitions of a statement that depends on its place`,
      "leave out '$', or repeat less",
    )
  }
  for (let i = 1; i < statement.count; i++) {
    writeOnce(statement, { section, offset: statement.offset + i * size }, out, offset + i * size)
  }
}

function checkCount(count: Expression, position: Position, at: Range, what: string): void {
  const value = evaluate(count, position)
  if (value !== undefined && value.value < 0n) {
    throw new Problem(
      at,
      'negative-count',
      `${what} has the count ${value.value}`,
      "with 'times N-($-$$)' this means that the code before is longer than N bytes",
    )
  }
}

/** One repetition at `position`, written at `offset` of the file. */
function writeOnce({ body, size }: Statement, position: Position, out: Uint8Array, offset: number): void {
  switch (body.kind) {
    case 'instruction': {
      const bytes = encodeAt(body, position)
      if (bytes.length === size) out.set(bytes, offset)
      return
    }
    case 'data':
      for (const item of body.items) offset += writeItem(item, body.unit, position, out, offset)
      return
    case 'reserve':
      return checkCount(body.count, position, body.at, 'this reservation')
  }
}

/** Returns the bytes written. */
function writeItem(item: DataItem, unit: Size, position: Position, out: Uint8Array, offset: number): number {
  if (item.kind === 'bytes') out.set(item.bytes, offset)
  if (item.kind !== 'value') return item.kind === 'bytes' ? item.bytes.length : unit
  const value = evaluate(item.value, position)?.value ?? 0n
  const bits = BigInt(unit * 8)
  const [least, most] = [-(1n << (bits - 1n)), (1n << bits) - 1n]
  if (value < least || value > most) {
    throw new Problem(
      item.at,
      'value-out-of-range',
      `${value} does not fit ${bits} bits: ${least} to ${most}`,
      `cut it off in the expression, '... & ${most === 255n ? '0xff' : `0x${most.toString(16)}`}', or use a wider unit`,
    )
  }
  let rest = BigInt.asUintN(64, value)
  for (let i = 0; i < unit; i++, rest >>= 8n) out[offset + i] = Number(rest & 0xffn)
  return unit
}

/** True if repetitions of the statement may differ in bytes. */
function dependsOnPosition({ body }: Statement): boolean {
  if (body.kind === 'data')
    return body.items.some((item) => item.kind === 'value' && mentionsPosition(item.value))
  if (body.kind !== 'instruction' || body.isConstant) return false
  return body.operands.some((operand) => {
    switch (operand.kind) {
      case 'register':
        return false
      case 'memory':
        return operand.request.ripRelative || mentionsPosition(operand.displacement)
      case 'immediate':
        return mentionsPosition(operand.value)
      case 'target':
        return true
      case 'far':
        return mentionsPosition(operand.offset) || mentionsPosition(operand.selector)
    }
  })
}
