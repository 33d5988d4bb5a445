/**
 * The .vmcb language: a VMCB written field by field. Everything not named is zero.
 *
 *   ; comment
 *   control.intercepts = vmrun, vmmcall        intercepts by name, in whichever vector they lie
 *   control.asid = 1
 *   control.nested_control.np_enable = 1       bits of a field
 *   save.efer = svme, lme, lma                 single bits by name
 *   save.rip = guest + 4                       symbols of the assembled program
 */
import { didYouMean, type Diagnostic } from '../isa/index.ts'
import {
  bitMask,
  findBits,
  interceptCode,
  INTERCEPT_NAMES,
  readField,
  VMCB_BYTES,
  VMCB_FIELDS,
  vmcbField,
  writeField,
  type BitField,
  type VmcbField,
} from '../svm/index.ts'
import { errorAt } from './diagnostics.ts'
import { evaluateValue, parseNumber } from './value.ts'

/** The name under which all intercept vectors are written at once. */
export const INTERCEPTS_KEY = 'control.intercepts'

/** One line that sets something. Columns are 1-based, ends exclusive. */
export interface VmcbAssignment {
  readonly line: number
  /** Field key as written, bits included. */
  readonly name: string
  readonly nameColumn: number
  readonly valueColumn: number
  readonly endColumn: number
  /** The VMCB fields that the line changes. */
  readonly fields: readonly VmcbField[]
}

export interface VmcbText {
  readonly image: Uint8Array
  readonly assignments: readonly VmcbAssignment[]
  readonly diagnostics: readonly Diagnostic[]
}

interface Token {
  readonly text: string
  /** 0-based position in the line. */
  readonly at: number
}

/** What one line would do to the image: bits to set in fields, or an error with its place. */
type Effect =
  | { readonly ok: true; readonly writes: readonly { field: VmcbField; mask: bigint; value: bigint }[] }
  | {
      readonly ok: false
      readonly code: string
      readonly message: string
      readonly hint: string
      readonly token: Token
    }

const LINE = /^(\s*)([^=;]*?)(\s*)=(\s*)([^;]*?)\s*(?:;.*)?$/

/** What a line says that sets something, whether or not it makes sense. Positions are those in the line, from 0. */
export interface VmcbLine {
  readonly name: string
  readonly nameAt: number
  readonly value: string
  readonly valueAt: number
}

/** Takes a line apart; undefined for one that sets nothing. */
export function splitVmcbLine(source: string): VmcbLine | undefined {
  const match = LINE.exec(source)
  if (!match || match[2] === '' || match[5] === '') return undefined
  const [, indent, name, gap, space, value] = match
  return {
    name,
    nameAt: indent.length,
    value,
    valueAt: indent.length + name.length + gap.length + 1 + space.length,
  }
}

function allNames(): string[] {
  return [
    INTERCEPTS_KEY,
    ...VMCB_FIELDS.flatMap((field) => [
      field.key,
      ...(field.bits?.bits.map((bit) => `${field.key}.${bit.key}`) ?? []),
    ]),
  ]
}

function splitList(text: string, at: number): Token[] {
  const tokens: Token[] = []
  for (const part of text.split(',')) {
    tokens.push({ text: part.trim(), at: at + part.length - part.trimStart().length })
    at += part.length + 1
  }
  return tokens
}

function fullMask(field: VmcbField): bigint {
  return (1n << BigInt(Math.min(field.bytes, 8) * 8)) - 1n
}

function failure(token: Token, code: string, message: string, hint = ''): Effect {
  return { ok: false, code, message, hint, token }
}

/** The intercepts named in a list, as writes of whole intercept vectors. */
function interceptEffect(tokens: readonly Token[]): Effect {
  const vectors = Array.from({ length: 6 }, () => 0n)
  for (const token of tokens) {
    const code = interceptCode(token.text)
    if (code === undefined)
      return failure(
        token,
        'unknown-intercept',
        `there is no intercept named "${token.text}"`,
        didYouMean(
          token.text,
          INTERCEPT_NAMES,
          'intercepts are named after their exit codes: vmmcall, cpuid, cr0_write, excp14',
        ),
      )
    vectors[code >> 5] |= 1n << BigInt(code & 31)
  }
  const writes = vectors.map((value, n) => {
    const field = vmcbField(`control.intercept_vector_${n}`)
    return { field, mask: fullMask(field), value }
  })
  return { ok: true, writes }
}

/** Value of one token for a field or some bits of it: a number, a symbol, the name of a value, or of a single bit. */
function tokenValue(
  token: Token,
  field: VmcbField,
  bit: BitField | undefined,
  symbols: ReadonlyMap<string, bigint>,
): bigint | Effect {
  const name = token.text.toLowerCase()
  const named = [...(bit?.values ?? [])].find(([, text]) => text.toLowerCase() === name)
  if (named !== undefined) return BigInt(named[0])
  const flag =
    bit === undefined ? field.bits?.bits.find(({ key, width }) => key === name && width === 1) : undefined
  if (flag !== undefined) return bitMask(flag)
  const result = evaluateValue(token.text, symbols)
  if (result.ok) return result.value
  const names = [
    ...(bit?.values?.values() ?? []),
    ...(bit === undefined
      ? (field.bits?.bits.filter(({ width }) => width === 1).map(({ key }) => key) ?? [])
      : []),
    ...symbols.keys(),
  ]
  const hint = didYouMean(token.text, names, result.hint)
  return failure(
    { text: token.text.slice(result.at, result.at + result.length), at: token.at + result.at },
    'bad-value',
    result.message,
    hint,
  )
}

function fieldEffect(
  tokens: readonly Token[],
  field: VmcbField,
  bit: BitField | undefined,
  symbols: ReadonlyMap<string, bigint>,
): Effect {
  if (field.bytes > 8)
    return failure(
      tokens[0],
      'not-a-number',
      `${field.name} is a run of ${field.bytes} bytes and cannot be written as a number`,
    )
  let value = 0n
  for (const token of tokens) {
    const part = tokenValue(token, field, bit, symbols)
    if (typeof part !== 'bigint') return part
    if (tokens.length > 1 && parseNumber(token.text) !== undefined)
      return failure(
        token,
        'number-in-list',
        'a list joins names of bits; a number stands alone',
        'write the whole value as one number',
      )
    value |= part
  }
  const bits = bit === undefined ? Math.min(field.bytes, 8) * 8 : bit.width
  if (BigInt.asUintN(bits, value) !== value && BigInt.asIntN(bits, value) !== value)
    return failure(
      tokens[0],
      'value-out-of-range',
      `${tokens[0].text} does not fit in the ${bits} bit${bits === 1 ? '' : 's'} of ${bit?.name ?? field.name}`,
      `the largest value is 0x${((1n << BigInt(bits)) - 1n).toString(16)}`,
    )
  const low = BigInt(bit?.low ?? 0)
  const mask = bit === undefined ? fullMask(field) : bitMask(bit)
  return { ok: true, writes: [{ field, mask, value: BigInt.asUintN(bits, value) << low }] }
}

/** Reads a .vmcb text. Never throws; lines with errors leave the image alone. */
export function parseVmcbText(file: string, text: string, symbols: ReadonlyMap<string, bigint>): VmcbText {
  const image = new Uint8Array(VMCB_BYTES)
  const view = new DataView(image.buffer)
  const assignments: VmcbAssignment[] = []
  const diagnostics: Diagnostic[] = []
  /** Which bits of a field an earlier line has set, and where. */
  const written = new Map<VmcbField, { mask: bigint; line: number }[]>()

  text.split(/\r?\n/).forEach((source, index) => {
    const line = index + 1
    if (/^\s*(;.*)?$/.test(source)) return
    const report = (token: Token, code: string, message: string, hint: string): void => {
      const column = token.at + 1
      diagnostics.push(
        errorAt(
          { file, line, column, endColumn: column + Math.max(1, token.text.length) },
          code,
          message,
          hint,
        ),
      )
    }
    const parts = splitVmcbLine(source)
    if (parts === undefined) {
      const trimmed = source.trim()
      report(
        { text: trimmed, at: source.indexOf(trimmed) },
        'not-an-assignment',
        'a line sets one field: name = value',
        'for example: control.asid = 1',
      )
      return
    }
    const { name, nameAt, value: list, valueAt } = parts
    const nameToken = { text: name, at: nameAt }
    const tokens = splitList(list, valueAt)
    const empty = tokens.find((token) => token.text === '')
    if (empty !== undefined) {
      report(empty, 'empty-list-item', 'a value is missing between the commas', 'remove the comma')
      return
    }
    const target = findBits(name.toLowerCase())
    const effect =
      name.toLowerCase() === INTERCEPTS_KEY
        ? interceptEffect(tokens)
        : target === undefined
          ? failure(
              nameToken,
              'unknown-field',
              `the VMCB has no field named "${name}"`,
              didYouMean(name, allNames(), 'fields begin with control. or save.'),
            )
          : fieldEffect(tokens, target.field, target.bit, symbols)
    if (!effect.ok) {
      report(effect.token, effect.code, effect.message, effect.hint)
      return
    }
    for (const { field, mask } of effect.writes) {
      const earlier = written.get(field)?.find((other) => (other.mask & mask) !== 0n)
      if (earlier !== undefined) {
        report(
          nameToken,
          'set-twice',
          `${field.name} is already set in line ${earlier.line}`,
          'keep one of the two lines',
        )
        return
      }
    }
    for (const { field, mask, value } of effect.writes) {
      writeField(view, field, (readField(view, field) & ~mask) | value)
      written.set(field, [...(written.get(field) ?? []), { mask, line }])
    }
    assignments.push({
      line,
      name,
      nameColumn: nameToken.at + 1,
      valueColumn: valueAt + 1,
      endColumn: valueAt + list.length + 1,
      fields: effect.writes
        .filter(({ value }) => effect.writes.length === 1 || value !== 0n)
        .map(({ field }) => field),
    })
  })
  return { image, assignments, diagnostics }
}
