/**
 * Sets a field in a .vmcb text the way a careful person would: the line that sets it is changed, or one is added beside its
 * neighbours. All other lines, and all comments, stay as they are.
 */
import { INTERCEPTS_KEY, splitVmcbLine, type VmcbLine } from '../../../emulator/lab/index.ts'
import {
  bitMask,
  findBits,
  interceptCode,
  readField,
  vmcbField,
  writeField,
  VMCB_BYTES,
  type BitField,
  type VmcbField,
} from '../../../emulator/svm/index.ts'
import { interceptsAreNamed } from '../../strings.ts'
import { expressBits, expressField } from './expressions.ts'

export type TextEdit =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string }

/** A line that sets something. */
interface SetLine extends VmcbLine {
  /** Of the line, from 0. */
  readonly index: number
  /** Lower-case. */
  readonly key: string
}

function setLines(lines: readonly string[]): SetLine[] {
  return lines.flatMap((source, index) => {
    const parts = splitVmcbLine(source)
    return parts === undefined ? [] : [{ ...parts, index, key: parts.name.toLowerCase() }]
  })
}

/** A text as lines that can be changed one by one. */
class Lines {
  readonly #lines: string[]
  readonly #eol: string

  constructor(text: string) {
    this.#eol = text.includes('\r\n') ? '\r\n' : '\n'
    this.#lines = text.split(/\r?\n/)
  }

  get set(): SetLine[] {
    return setLines(this.#lines)
  }

  replaceValue({ index, value, valueAt }: SetLine, next: string): void {
    const source = this.#lines[index]
    this.#lines[index] = source.slice(0, valueAt) + next + source.slice(valueAt + value.length)
  }

  replaceName({ index, name, nameAt }: SetLine, next: string): void {
    const source = this.#lines[index]
    this.#lines[index] = source.slice(0, nameAt) + next + source.slice(nameAt + name.length)
  }

  /** Takes away what a line sets; a comment behind it stays. */
  clear({ index, valueAt, value }: SetLine): void {
    const rest = this.#lines[index].slice(valueAt + value.length).trimStart()
    if (rest === '') this.#lines.splice(index, 1)
    else this.#lines[index] = rest
  }

  /** Adds a line behind the field that lies nearest before `offset`, else at the end. */
  add(offset: number, name: string, value: string): void {
    const before = this.set
      .map((line) => ({ line, offset: offsetOf(line.key) }))
      .filter((one) => one.offset !== undefined && one.offset <= offset)
      .sort((a, b) => a.offset! - b.offset! || a.line.index - b.line.index)
      .at(-1)?.line
    let at = before === undefined ? this.#lines.length : before.index + 1
    if (before === undefined) while (at > 0 && this.#lines[at - 1].trim() === '') at--
    const indent = before === undefined ? '' : this.#lines[before.index].slice(0, before.nameAt)
    this.#lines.splice(at, 0, `${indent}${name} = ${value}`)
    if (at === this.#lines.length - 1) this.#lines.push('')
  }

  toString(): string {
    return this.#lines.join(this.#eol)
  }
}

function offsetOf(key: string): number | undefined {
  return key === INTERCEPTS_KEY ? 0 : findBits(key)?.field.offset
}

/** Sets a field of at most 8 bytes to a number. `current`: the value that the text gives it now. */
export function setField(text: string, field: VmcbField, next: bigint, current: bigint): TextEdit {
  const lines = new Lines(text)
  const whole = lines.set.find(({ key }) => key === field.key)
  if (whole !== undefined) {
    lines.replaceValue(whole, expressField(field, next, whole.value))
    return { ok: true, text: lines.toString() }
  }
  const intercepts = lines.set.find(({ key }) => key === INTERCEPTS_KEY)
  if (intercepts !== undefined && isInterceptVector(field))
    return setIntercepts(lines, intercepts, field, next)
  const parts = lines.set.filter(({ key }) => findBits(key)?.bit !== undefined && isPartOf(key, field))
  if (parts.length > 0) setParts(lines, parts, field, next)
  else if (next !== current) lines.add(field.offset, field.key, expressField(field, next))
  return { ok: true, text: lines.toString() }
}

/** Sets bits of a field. `current`: the value that the text gives the field now. */
export function setBits(
  text: string,
  field: VmcbField,
  bit: BitField,
  value: bigint,
  current: bigint,
): TextEdit {
  const next = (current & ~bitMask(bit)) | (value << BigInt(bit.low))
  const lines = new Lines(text)
  const isSet = lines.set.some(
    ({ key }) => key === field.key || isPartOf(key, field) || (isInterceptVector(field) && isVectorKey(key)),
  )
  if (isSet || next === current) return setField(text, field, next, current)
  if (isInterceptVector(field)) lines.add(0, INTERCEPTS_KEY, bit.key)
  else lines.add(field.offset, `${field.key}.${bit.key}`, expressBits(bit, value))
  return { ok: true, text: lines.toString() }
}

/** Writes what the reader typed for a field: an expression with symbols, or names of bits. */
export function setExpression(text: string, field: VmcbField, expression: string): string {
  const lines = new Lines(text)
  const whole = lines.set.find(({ key }) => key === field.key)
  if (whole !== undefined) lines.replaceValue(whole, expression)
  else lines.add(field.offset, field.key, expression)
  return lines.toString()
}

function isPartOf(key: string, field: VmcbField): boolean {
  return key.startsWith(`${field.key}.`) && findBits(key)?.field === field
}

const VECTOR_PREFIX = 'control.intercept_vector_'

function isInterceptVector({ key }: VmcbField): boolean {
  return key.startsWith(VECTOR_PREFIX)
}

/** Whether a line sets intercepts, of whatever vector: then a list of all of them would set bits twice. */
function isVectorKey(key: string): boolean {
  return key === INTERCEPTS_KEY || key.startsWith(VECTOR_PREFIX)
}

/** Adds to and removes from the list of all intercepts what one vector is to have. */
function setIntercepts(lines: Lines, line: SetLine, field: VmcbField, next: bigint): TextEdit {
  const bits = field.bits?.bits ?? []
  const unnamed = next & ~bits.reduce((mask, bit) => mask | bitMask(bit), 0n)
  if (unnamed !== 0n)
    return {
      ok: false,
      message: interceptsAreNamed(INTERCEPTS_KEY, field.name),
    }
  const first = field.offset * 8
  const isOwn = (code: number): boolean => code >= first && code < first + 32
  const isWanted = (code: number): boolean => ((next >> BigInt(code - first)) & 1n) === 1n
  const names = line.value.split(',').map((name) => name.trim())
  const kept = names.filter((name) => {
    const code = interceptCode(name)
    return code === undefined || !isOwn(code) || isWanted(code)
  })
  const listed = new Set(kept.map(interceptCode))
  const added = bits.filter(({ low }) => isWanted(first + low) && !listed.has(first + low))
  const all = [...kept, ...added.map(({ key }) => key)]
  if (all.length > 0) {
    lines.replaceValue(line, all.join(', '))
  } else {
    // A list cannot be empty.
    lines.replaceValue(line, '0')
    lines.replaceName(line, field.key)
  }
  return { ok: true, text: lines.toString() }
}

/** Changes the lines that set bits of a field, and adds lines for other bits. */
function setParts(lines: Lines, parts: readonly SetLine[], field: VmcbField, next: bigint): void {
  const bitOf = ({ key }: SetLine): BitField => findBits(key)!.bit!
  const own = (bit: BitField): bigint => (next & bitMask(bit)) >> BigInt(bit.low)
  const fields = field.bits?.bits ?? []
  const named = fields.reduce((mask, bit) => mask | bitMask(bit), 0n)
  if ((next & ~named) !== 0n) {
    // Bits without names can only be set by a number for the whole field.
    const [first, ...others] = parts
    lines.replaceValue(first, expressField(field, next))
    lines.replaceName(first, field.key)
    for (const line of others.toReversed()) lines.clear(line)
    return
  }
  for (const line of parts) {
    const bit = bitOf(line)
    if (valueOf(line, bit) !== own(bit)) lines.replaceValue(line, expressBits(bit, own(bit), line.value))
  }
  const covered = parts.reduce((mask, line) => mask | bitMask(bitOf(line)), 0n)
  for (const bit of fields)
    if ((bitMask(bit) & covered) === 0n && own(bit) !== 0n)
      lines.add(field.offset, `${field.key}.${bit.key}`, expressBits(bit, own(bit)))
}

/** The number that a line gives some bits; undefined for an expression. */
function valueOf({ value }: SetLine, bit: BitField): bigint | undefined {
  const named = [...(bit.values ?? [])].find(([, name]) => name.toLowerCase() === value.toLowerCase())
  if (named !== undefined) return BigInt(named[0])
  return /^(0x[0-9a-f]+|0b[01]+|\d+)$/i.test(value) ? BigInt(value.toLowerCase()) : undefined
}

/** Writes fields of one image into a text, in the order of their offsets. The first that cannot be written ends it. */
export function setFields(
  text: string,
  current: Uint8Array,
  image: Uint8Array,
  keys: readonly string[],
): TextEdit {
  const now = new DataView(current.slice().buffer)
  const wanted = new DataView(image.slice().buffer)
  if (now.byteLength !== VMCB_BYTES || wanted.byteLength !== VMCB_BYTES)
    throw new RangeError('a VMCB has 4096 bytes')
  let edited = text
  for (const key of keys) {
    const field = vmcbField(key)
    const next = readField(wanted, field)
    const before = readField(now, field)
    if (field.bytes > 8 || next === before) continue
    const result = setField(edited, field, next, before)
    if (!result.ok) return result
    edited = result.text
    writeField(now, field, next)
  }
  return { ok: true, text: edited }
}
