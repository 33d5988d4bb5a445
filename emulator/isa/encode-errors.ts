/** Why no row of the table encodes a request, in words for the person who wrote it. */
import {
  BRANCH_DISTANCE,
  defaultOperandSize,
  immediateFits,
  matchRow,
  modeMask,
  NOT_IN_MODE,
  OPERAND_SIZE,
  PREFIX,
  VALUE_RANGE,
} from './encode-match.ts'
import type { EncodingError, EncodingRequest } from './encoding-request.ts'
import type { Row } from './table/row.ts'

function forms(rows: readonly Row[]): string {
  const texts = [...new Set(rows.map((row) => `${row.mnemonic} ${row.operandText}`.trim()))]
  const shown = texts.slice(0, 8)
  return `it exists as: ${shown.join('; ')}${texts.length > shown.length ? '; ...' : ''}`
}

/** Levenshtein distance, for names as short as mnemonics. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(replaced, previous[j] + 1, row[j - 1] + 1))
    }
    previous = row
  }
  return previous[b.length]
}

function similarNames(name: string, names: Iterable<string>): string {
  const close = [...names].filter((other) => distance(name, other) <= (name.length > 4 ? 2 : 1))
  return close.length > 0 ? `did you mean ${close.slice(0, 3).join(', ')}?` : ''
}

/** Names the first immediate that does not fit the widest of the rows. */
function rangeError(request: EncodingRequest, rows: readonly Row[]): EncodingError {
  let found: EncodingError | undefined
  let widest = 0
  for (const row of rows) {
    row.operands.forEach((form, i) => {
      const operand = request.operands[i]
      if (form.kind === 'immediate' && operand.kind === 'immediate' && form.size > widest) {
        const operandSize = row.operandSize || defaultOperandSize(row, request.bits)
        if (immediateFits(form, operand.value, operandSize)) return
        widest = form.size
        const bits = BigInt(form.size * 8)
        const half = 1n << (bits - 1n)
        const extended = form.extended && form.size < operandSize
        const range = extended
          ? `${bits} sign-extended bits: ${-half} to ${half - 1n}`
          : `${bits} bits: ${-half} to ${2n * half - 1n}`
        const message = `${operand.value} does not fit in ${range}`
        found = { code: 'value-out-of-range', message, hint: '', operand: i }
      }
    })
  }
  return (
    found ?? {
      code: 'value-out-of-range',
      message: 'a value is out of range',
      hint: forms(rows),
      operand: -1,
    }
  )
}

/** The error for a request that none of `rows` (those of its mnemonic, or none) encodes. */
export function encodingError(
  request: EncodingRequest,
  rows: readonly Row[],
  names: Iterable<string>,
): EncodingError {
  const { mnemonic, bits } = request
  if (rows.length === 0) {
    const message = `there is no instruction '${mnemonic}'`
    return { code: 'unknown-mnemonic', message, hint: similarNames(mnemonic, names), operand: -1 }
  }
  const inMode = rows.filter((row) => (row.modes & modeMask(bits)) !== 0)
  if (inMode.length === 0) {
    return {
      code: 'not-in-this-mode',
      message: `'${mnemonic}' does not exist in ${bits}-bit code`,
      hint: '',
      operand: -1,
    }
  }
  const levels = rows.map((row) => matchRow(row, request, false))
  const best = Math.max(...levels)
  const closest = rows.filter((_, i) => levels[i] === best)
  switch (best) {
    case PREFIX: {
      const hint = request.lock ? 'lock needs a memory destination of an instruction that can be locked' : ''
      return {
        code: 'prefix-not-allowed',
        message: `'${mnemonic}' does not take this prefix here`,
        hint,
        operand: -1,
      }
    }
    case VALUE_RANGE:
      return rangeError(request, closest)
    case BRANCH_DISTANCE: {
      const message = `'${mnemonic}' has no such distance`
      return { code: 'branch-out-of-range', message, hint: forms(rows), operand: 0 }
    }
    case OPERAND_SIZE: {
      const message = `the sizes of the operands of '${mnemonic}' do not go together`
      return { code: 'operand-size-mismatch', message, hint: forms(closest), operand: -1 }
    }
    case NOT_IN_MODE: {
      const message = `this form of '${mnemonic}' does not exist in ${bits}-bit code`
      return { code: 'not-in-this-mode', message, hint: forms(inMode), operand: -1 }
    }
    default: {
      const message = `'${mnemonic}' does not take these operands`
      return { code: 'no-such-form', message, hint: forms(inMode), operand: -1 }
    }
  }
}
