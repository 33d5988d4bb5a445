/** The last step: bytes of every statement at its place, with all range checks, and the map from lines to bytes. */
import type { CodeBits, Size } from '../instruction.ts'
import { Problem, type Diagnostics, type Range } from './diagnostics.ts'
import { encodeAt } from './encode-statement.ts'
import { evaluate, type Expression } from './expression.ts'
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
  /** Of instructions: the code size that they were written for. */
  readonly bits: CodeBits | undefined
}

/** Repetitions of an instruction that is encoded anew at each place, `times 4 jmp x`. */
const MAX_RELATIVE_REPETITIONS = 100_000

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
      const bits = body.kind === 'instruction' ? body.bits : undefined
      lines.push({ file: place.file, line: place.line, address, offset, length, kind: body.kind, bits })
    }
    diagnostics.attempt(place, () => writeStatement(statement, bytes, offset))
  }
  return { bytes, lines }
}

function writeStatement(statement: Statement, out: Uint8Array, offset: number): void {
  const { body, repeat, size, count } = statement
  if (repeat?.kind === 'times') checkCount(repeat.count, statement, repeat.at, "'times'")
  if (count === 0) {
    // Nothing is written, but what is wrong with the statement is reported all the same.
    writeOnce(statement, 0, new Uint8Array(size), 0)
    return
  }
  writeOnce(statement, 0, out, offset)
  if (body.kind === 'reserve') return
  if (body.kind !== 'instruction' || !body.isRelative) {
    fill(out, offset, size, size * count)
    return
  }
  if (count > MAX_RELATIVE_REPETITIONS) {
    const message = `more than ${MAX_RELATIVE_REPETITIONS} repetitions of an instruction that depends on its place`
    throw new Problem(statement.at, 'output-too-large', message)
  }
  for (let at = size; at < size * count; at += size) writeOnce(statement, at, out, offset + at)
}

/** Repeats the first `size` bytes at `offset` until `total` bytes are filled. */
function fill(out: Uint8Array, offset: number, size: number, total: number): void {
  for (let filled = size; filled < total; filled *= 2) {
    out.copyWithin(offset + filled, offset, offset + Math.min(filled, total - filled))
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

/** The repetition that lies `advance` bytes after the first, written at `offset` of the file. */
function writeOnce(statement: Statement, advance: number, out: Uint8Array, offset: number): void {
  const { body, size } = statement
  switch (body.kind) {
    case 'instruction': {
      const bytes = encodeAt(body, statement, advance)
      if (bytes.length === size) out.set(bytes, offset)
      return
    }
    case 'data':
      for (const item of body.items) offset += writeItem(item, body.unit, statement, out, offset)
      return
    case 'reserve': {
      checkCount(body.count, statement, body.at, 'this reservation')
      return
    }
    case 'label':
    case 'equ':
      return
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
