/**
 * Values as lab files write them: a number, a symbol of the assembled program, or a sum of both ("vmcb + 0x668").
 * Numbers are decimal, 0x, 0b, 0o, or hexadecimal with a trailing h; underscores separate digits.
 */

export type ValueResult =
  | { readonly ok: true; readonly value: bigint }
  | {
      readonly ok: false
      readonly message: string
      readonly hint: string
      readonly at: number
      readonly length: number
    }

const TERM = /^\s*([A-Za-z_.$][\w.$]*|[0-9][0-9A-Za-z_]*)\s*/

/** The number that a literal spells, or undefined. */
export function parseNumber(text: string): bigint | undefined {
  const digits = text.replaceAll('_', '')
  if (/^(0x[0-9a-f]+|0b[01]+|0o[0-7]+|\d+)$/i.test(digits)) return BigInt(digits.toLowerCase())
  if (/^\d[0-9a-f]*h$/i.test(digits)) return BigInt(`0x${digits.slice(0, -1)}`)
  return undefined
}

/** Evaluates a value. `at` and `length` of an error are character positions in `text`. */
export function evaluateValue(text: string, symbols: ReadonlyMap<string, bigint>): ValueResult {
  let total = 0n
  let at = 0
  let sign = 1n
  for (;;) {
    const unary = /^\s*([-+])/.exec(text.slice(at))
    if (unary) {
      if (unary[1] === '-') sign = -sign
      at += unary[0].length
    }
    const term = TERM.exec(text.slice(at))
    if (!term) return failure('a number or a symbol is expected here', '', at, Math.max(1, text.length - at))
    const word = term[1]
    const start = at + term[0].indexOf(word)
    const value = parseNumber(word) ?? symbols.get(word)
    if (value === undefined) {
      const known = [...symbols.keys()].filter((name) => !name.includes('.')).slice(0, 8)
      return failure(
        /^[0-9]/.test(word) ? `"${word}" is not a number` : `the program has no symbol "${word}"`,
        known.length > 0
          ? `its symbols: ${known.join(', ')}`
          : 'labels of the assembled program can be used here',
        start,
        word.length,
      )
    }
    total += sign * value
    at += term[0].length
    if (at >= text.length) return { ok: true, value: total }
    const operator = text[at]
    if (operator !== '+' && operator !== '-')
      return failure(
        `"${text.slice(at).trim()}" is left over after the value`,
        'only + and - join values',
        at,
        text.length - at,
      )
    sign = operator === '-' ? -1n : 1n
    at++
  }

  function failure(message: string, hint: string, position: number, length: number): ValueResult {
    return { ok: false, message, hint, at: position, length }
  }
}
