/**
 * The layout: where each statement lies. Branches start short and grow where they do not reach, so passes over the
 * statements repeat until nothing moves. A pass has two halves: `measure` finds the sizes of instructions, all from the
 * same earlier placement, so that no branch is judged by a target that has yet to move along; `place` gives offsets.
 */
import { Problem, type Diagnostics } from './diagnostics.ts'
import { encodeAt } from './encode-statement.ts'
import { evaluate, type Expression, type Value } from './expression.ts'
import type { Program } from './program.ts'
import { placeSections } from './sections.ts'
import type { InstructionBody, Statement } from './statement.ts'
import type { Position } from './symbols.ts'

/** Passes in which no branch grows. A program settles in a few; one that has not after these never will. */
const MAX_QUIET_PASSES = 50
/** .bss takes no room in the file, but its addresses must mean something. */
const MAX_BSS_BYTES = 2 ** 32
/** A count or size that is surely too large, and small enough for exact sums. */
const HUGE = 2 ** 48

/** Places all statements. Returns false, with the reason reported, if the program is too large or does not settle. */
export function settle(program: Program, maxBytes: number, diagnostics: Diagnostics): boolean {
  placeSections(program.sections, program.origin)
  let moved: Statement | undefined
  for (let quietPasses = 0; quietPasses <= MAX_QUIET_PASSES;) {
    const grown = measure(program)
    moved = place(program)
    if (moved === undefined && !grown) {
      if (!shrink(program)) return fits(program, maxBytes, diagnostics)
      place(program)
    }
    if (!grown) quietPasses++
  }
  const { place: where, at } = moved!
  diagnostics.report(
    where,
    at,
    'error',
    'not-settled',
    `the symbol values did not settle in ${MAX_QUIET_PASSES} passes; this one still moves`,
    'a size depends on a symbol that moves with this size',
  )
  return false
}

/** The value, or undefined while it has none; what is wrong with it is reported when the bytes are written. */
function tryEvaluate(expression: Expression, position: Position): Value | undefined {
  try {
    return evaluate(expression, position)
  } catch (problem) {
    if (problem instanceof Problem) return undefined
    throw problem
  }
}

/** The instruction's length in this pass; 0 if it has no encoding. */
function lengthOf(body: InstructionBody, position: Position): number {
  try {
    return encodeAt(body, position).length
  } catch (problem) {
    if (problem instanceof Problem) return 0
    throw problem
  }
}

/** Finds the sizes of instructions from the last placement. Returns true if a branch grew. */
function measure(program: Program): boolean {
  let grown = false
  for (const statement of program.statements) {
    const { body } = statement
    if (body.kind !== 'instruction') continue
    if (body.relaxable) grown = relax(statement, body) || grown
    else if (statement.offset < 0 || body.hasVaryingLength) statement.size = lengthOf(body, statement)
  }
  return grown
}

/** A position without a place has no values: the encoder then reserves what the branch's distance needs. */
function lengthOfBranch(body: InstructionBody, { section }: Position): number {
  return lengthOf(body, { section, offset: -1 })
}

function reaches(distance: bigint): boolean {
  return distance >= -128n && distance <= 127n
}

/** How far the target is from the end of the branch; undefined where a short form is out of the question. */
function distanceOf(body: InstructionBody, statement: Statement): bigint | undefined {
  const target = body.operands[0]
  const value = target.kind === 'target' ? tryEvaluate(target.address, statement) : undefined
  // A plain number does not move along with the branch: near, as in NASM.
  if (value === undefined || !value.isAddress) return undefined
  return value.value - (statement.section.start + BigInt(statement.offset + statement.size))
}

/** Makes a short branch near if its target is out of reach. */
function relax(statement: Statement, body: InstructionBody): boolean {
  if (statement.offset < 0) {
    statement.size = lengthOfBranch(body, statement)
    return false
  }
  if (body.distance === 'near') return false
  const distance = distanceOf(body, statement)
  if (distance !== undefined && reaches(distance)) return false
  body.distance = 'near'
  statement.size = lengthOfBranch(body, statement)
  return true
}

/**
 * Code that grows can bring a target nearer, where `align` absorbs more than the growth: such a branch becomes short
 * again, once. Returns true if there is one.
 */
function shrink(program: Program): boolean {
  let shrunk = false
  for (const statement of program.statements) {
    const { body } = statement
    if (body.kind !== 'instruction' || !body.relaxable || body.distance === 'short' || body.hasShrunk)
      continue
    const distance = distanceOf(body, statement)
    if (distance === undefined || distance < -256n || distance > 127n) continue
    body.distance = 'short'
    const saved = BigInt(statement.size - lengthOfBranch(body, statement))
    // A target behind the branch moves along with its end.
    if (reaches(distance < 0n ? distance + saved : distance)) {
      body.hasShrunk = true
      statement.size -= Number(saved)
      shrunk = true
    } else {
      body.distance = 'near'
    }
  }
  return shrunk
}

/** Gives every statement its offset and every section its start. Returns a statement that moved or changed its value. */
function place(program: Program): Statement | undefined {
  let moved: Statement | undefined
  for (const section of program.sections) section.size = 0
  for (const statement of program.statements) {
    const { section, body } = statement
    if (statement.offset !== section.size) moved = statement
    statement.offset = section.size
    if (body.kind === 'equ' && body.symbol.definition?.kind === 'equ') {
      const value = tryEvaluate(body.value, statement)
      const old = body.symbol.definition.value
      if (value?.value !== old?.value || value?.isAddress !== old?.isAddress) moved = statement
      body.symbol.definition.value = value
    } else if (body.kind === 'reserve') {
      statement.size = body.unit * countOf(tryEvaluate(body.count, statement))
    }
    statement.count = repetitions(statement)
    section.size = Math.min(section.size + statement.size * statement.count, HUGE)
  }
  const starts = program.sections.map((section) => section.start)
  placeSections(program.sections, program.origin)
  const shifted = program.sections.findIndex((section, i) => section.start !== starts[i])
  return (
    moved ??
    (shifted < 0 ? undefined : program.statements.find((s) => s.section === program.sections[shifted]))
  )
}

/** Negative and missing counts are 0 here; they are reported when the bytes are written. */
function countOf(value: Value | undefined): number {
  if (value === undefined || value.value < 0n) return 0
  return value.value > BigInt(HUGE) ? HUGE : Number(value.value)
}

function repetitions({ repeat, section, offset }: Statement): number {
  if (repeat === undefined) return 1
  if (repeat.kind === 'align') return (repeat.boundary - (offset % repeat.boundary)) % repeat.boundary
  return countOf(tryEvaluate(repeat.count, { section, offset }))
}

/** Reports the first statement beyond the size that the program may have. */
function fits(program: Program, maxBytes: number, diagnostics: Diagnostics): boolean {
  const excess = program.statements.find(({ section, offset, size, count }) => {
    const end = section.start - program.origin + BigInt(offset + size * count)
    return end > BigInt(section.name === '.bss' ? MAX_BSS_BYTES : maxBytes)
  })
  if (excess === undefined) return true
  const limit = excess.section.name === '.bss' ? MAX_BSS_BYTES : maxBytes
  diagnostics.report(
    excess.place,
    excess.at,
    'error',
    'output-too-large',
    `here the program grows beyond ${limit} bytes`,
    "look at the counts of 'times', 'resb' and 'align'",
  )
  return false
}
