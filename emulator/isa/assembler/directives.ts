/** Directives other than the preprocessor's (NASM manual §3.2 and chapter 7): their names and what they do to the program. */
import type { CodeBits, Size } from '../instruction.ts'
import type { Cursor } from './cursor.ts'
import { Problem, type Range } from './diagnostics.ts'
import { isConstant, parseExpression, type Expression } from './expression.ts'
import type { Token } from './lexer.ts'
import { preprocessorDirectives } from './preprocessor.ts'
import type { Program } from './program.ts'
import type { Body, DataItem, Repeat } from './statement.ts'
import { didYouMean } from './suggest.ts'

/** Bytes of one item. */
const dataUnits: ReadonlyMap<string, Size> = new Map<string, Size>([
  ['db', 1],
  ['dw', 2],
  ['dd', 4],
  ['dq', 8],
])
const reserveUnits: ReadonlyMap<string, Size> = new Map<string, Size>([
  ['resb', 1],
  ['resw', 2],
  ['resd', 4],
  ['resq', 8],
])

/** What NASM has and this assembler has not, with what to do instead. */
export const unsupported: ReadonlyMap<string, string> = new Map([
  ['absolute', "use 'equ' for fixed addresses"],
  ['common', 'a flat binary is not linked'],
  ['cpu', 'all instructions that the machine has are allowed; remove the line'],
  ['dt', 'there is no floating-point data'],
  ['do', "use two 'dq'"],
  ['dy', "use 'dq'"],
  ['dz', "use 'dq'"],
  ['endstruc', "use 'equ' for offsets"],
  ['extern', 'a flat binary is not linked: define the symbol, or %include the file that does'],
  ['iend', "use 'db' and its relatives"],
  ['incbin', "write the bytes with 'db'"],
  ['istruc', "use 'db' and its relatives"],
  ['resdq', "use 'resq'"],
  ['reso', "use 'resq'"],
  ['rest', "use 'resb 10'"],
  ['struc', "use 'equ' for offsets"],
])

type Handler = (program: Program, cursor: Cursor, name: Token, repeat: Repeat | undefined) => void

/** Directives by name. Each reads the rest of its line. */
const handlers: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  [
    'bits',
    (program, cursor) => setBits(program, cursor, constant(program, cursor, "'bits' wants 16, 32 or 64")),
  ],
  ['use16', (program) => void (program.bits = 16)],
  ['use32', (program) => void (program.bits = 32)],
  ['use64', (program) => void (program.bits = 64)],
  ['default', setDefault],
  ['org', setOrigin],
  ['section', setSection],
  ['segment', setSection],
  ['global', checkNames],
  ['align', (program, cursor, name) => align(program, cursor, name, 'nop')],
  ['alignb', (program, cursor, name) => align(program, cursor, name, 'resb')],
  ...[...dataUnits].map(([name, unit]): [string, Handler] => [
    name,
    (program, cursor, at, repeat) => data(program, cursor, at, unit, repeat),
  ]),
  ...[...reserveUnits].map(([name, unit]): [string, Handler] => [
    name,
    (program, cursor, at, repeat) => reserve(program, cursor, at, unit, repeat),
  ]),
])

/** Every directive, for completion: those of statements and, with `%`, those of the preprocessor. */
export const directives: readonly string[] = [...handlers.keys(), 'equ', 'times', ...preprocessorDirectives]

export function isDirective(word: string): boolean {
  return handlers.has(word) || word === 'times'
}

/** These set something for the lines that follow; `times` before them would mean nothing. */
export function isRepeatable(word: string): boolean {
  return dataUnits.has(word) || reserveUnits.has(word)
}

export function runDirective(
  program: Program,
  cursor: Cursor,
  name: Token,
  repeat: Repeat | undefined,
): void {
  handlers.get(name.lower)!(program, cursor, name, repeat)
}

/** A number that must be known here. */
function constant(program: Program, cursor: Cursor, rule: string): bigint {
  const at = cursor.here()
  if (cursor.atEnd) throw new Problem(at, 'expression-expected', rule)
  const value = parseExpression(cursor, program.operands.outside)
  if (!isConstant(value))
    throw new Problem(
      at,
      'not-constant',
      `${rule}, a number known here`,
      'labels and $ are placed only after all lines are read',
    )
  return value.value
}

function setBits(program: Program, cursor: Cursor, bits: bigint): void {
  if (bits !== 16n && bits !== 32n && bits !== 64n) {
    throw new Problem(cursor.tokens.at(-1)!, 'value-out-of-range', `bits ${bits}: code has 16, 32 or 64 bits`)
  }
  program.bits = Number(bits) as CodeBits
}

function setDefault(program: Program, cursor: Cursor): void {
  if (cursor.takeWord('rel')) program.defaultRelative = true
  else if (cursor.takeWord('abs')) program.defaultRelative = false
  else cursor.fail('syntax-error', `'default' wants 'rel' or 'abs', found ${cursor.describe()}`)
}

function setOrigin(program: Program, cursor: Cursor, name: Token): void {
  const origin = constant(program, cursor, "'org' wants an address")
  if (program.originAt !== '')
    throw new Problem(
      name,
      'duplicate-org',
      `'org' is already given, at ${program.originAt}`,
      'a flat binary has one origin',
    )
  program.origin = BigInt.asUintN(64, origin)
  program.originAt = `${program.place.file}:${name.line}`
}

function setSection(program: Program, cursor: Cursor): void {
  const name = cursor.peek()
  const section = program.sections.find((s) => s.name === name?.text)
  if (section === undefined) {
    cursor.fail(
      'unknown-section',
      `there is no section ${cursor.describe()}`,
      didYouMean(
        name?.text ?? '',
        program.sections.map((s) => s.name),
        'a flat binary has .text, .data and .bss',
      ),
    )
  }
  cursor.next()
  if (cursor.takeWord('align')) {
    cursor.expectOperator('=', "after 'align'")
    const boundary = powerOfTwo(constant(program, cursor, "'align=' wants a power of two"), name!)
    section.alignment = Math.max(section.alignment, boundary)
  }
  if (!cursor.atEnd)
    cursor.fail('unsupported', `the section attribute ${cursor.describe()} is not supported`, "'align=N' is")
  program.section = section
}

/** `global` changes nothing in a flat binary; its names must be names. */
function checkNames(_program: Program, cursor: Cursor): void {
  do cursor.expectName('the name of a symbol')
  while (cursor.takeOperator(','))
}

/** The largest boundary: more than any page table or 1 GiB page needs. */
const MAX_ALIGNMENT = 1n << 30n

function powerOfTwo(value: bigint, at: Range): number {
  if (value < 1n || value > MAX_ALIGNMENT || (value & (value - 1n)) !== 0n) {
    throw new Problem(
      at,
      'value-out-of-range',
      `${value} is no alignment: it must be a power of two up to ${MAX_ALIGNMENT}`,
    )
  }
  return Number(value)
}

/** `align 16` pads with NOP, `alignb 16` with reserved bytes; a second operand is the statement to pad with. */
function align(program: Program, cursor: Cursor, name: Token, fill: 'nop' | 'resb'): void {
  const boundary = powerOfTwo(constant(program, cursor, `'${name.text}' wants a power of two`), name)
  program.section.alignment = Math.max(program.section.alignment, boundary)
  const repeat: Repeat = { kind: 'align', boundary }
  if (cursor.takeOperator(',')) {
    program.parseStatement(cursor, repeat)
    return
  }
  if (fill === 'nop' && program.section.name !== '.bss') {
    program.addInstruction(name, 'nop', repeat)
    return
  }
  const one: Expression = { kind: 'number', value: 1n }
  program.add({ kind: 'reserve', unit: 1, count: one, at: name }, name, repeat)
}

function data(program: Program, cursor: Cursor, name: Token, unit: Size, repeat: Repeat | undefined): void {
  if (cursor.atEnd) throw new Problem(name, 'expression-expected', `'${name.text}' without a value`)
  const items: DataItem[] = []
  do items.push(dataItem(program, cursor, unit))
  while (cursor.takeOperator(','))
  cursor.expectEnd()
  if (program.section.name === '.bss' && items.some((item) => item.kind !== 'reserve')) {
    throw new Problem(
      name,
      'data-in-bss',
      'the section .bss has no bytes in the file',
      "put data in .data, or reserve with 'resb'",
    )
  }
  const body: Body = { kind: 'data', unit, items }
  program.add(body, name, repeat)
}

function dataItem(program: Program, cursor: Cursor, unit: Size): DataItem {
  const token = cursor.peek()
  const endsItem = (ahead: number): boolean =>
    cursor.peek(ahead) === undefined || cursor.isOperator(',', ahead)
  if (token?.kind === 'string' && endsItem(1)) {
    cursor.next()
    const text = new TextEncoder().encode(token.text)
    const bytes = new Uint8Array(Math.ceil(text.length / unit) * unit)
    bytes.set(text)
    return { kind: 'bytes', bytes }
  }
  if (token?.kind === 'identifier' && token.text === '?' && endsItem(1)) {
    cursor.next()
    return { kind: 'reserve' }
  }
  if (token === undefined) cursor.fail('expression-expected', 'a value is missing at the end of the line')
  const value = parseExpression(cursor, program.operands.outside)
  return { kind: 'value', value, at: cursor.spanFrom(token) }
}

function reserve(
  program: Program,
  cursor: Cursor,
  name: Token,
  unit: Size,
  repeat: Repeat | undefined,
): void {
  const start = cursor.peek()
  if (start === undefined) throw new Problem(name, 'expression-expected', `'${name.text}' wants a count`)
  const count = parseExpression(cursor, program.operands.outside)
  const at = cursor.spanFrom(start)
  cursor.expectEnd()
  program.add({ kind: 'reserve', unit, count, at }, name, repeat)
}
