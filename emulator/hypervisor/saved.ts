/**
 * L0's state as a list of numbers, for saved states, snapshots and digests: JSON in UTF-8, four bytes to a number, the number of
 * bytes first. 64-bit values are strings of digits with an n; of an image, only words that are not zero are kept.
 */
import { VMCB_BYTES } from '../svm/index.ts'

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

function toJson(value: unknown): Json {
  if (value === undefined) return null
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof DataView) return { image: sparse(value) }
  if (value instanceof Uint8Array) return { bytes: [...value] }
  if (Array.isArray(value)) return value.map(toJson)
  if (typeof value === 'object')
    return Object.fromEntries(Object.entries(value as object).map(([key, field]) => [key, toJson(field)]))
  return value as Json
}

/** Word numbers and words, alternately. */
function sparse(image: DataView): number[] {
  const words: number[] = []
  for (let at = 0; at < VMCB_BYTES; at += 4) {
    const word = image.getUint32(at, true)
    if (word !== 0) words.push(at / 4, word)
  }
  return words
}

/** Anything made of plain data, images and bytes. */
export function encodeState(value: unknown): number[] {
  const text = new TextEncoder().encode(JSON.stringify(toJson(value)))
  const bytes = new Uint8Array(Math.ceil(text.length / 4) * 4)
  bytes.set(text)
  return [text.length, ...new Uint32Array(bytes.buffer)]
}

/** A saved state cannot be what it says. */
function refuse(what: string): never {
  throw new RangeError(`no state of a hypervisor: ${what}`)
}

function parseJson(words: readonly number[]): Json {
  const [length, ...rest] = words
  if (!(length <= rest.length * 4)) refuse('it is too short')
  const bytes = new Uint8Array(Uint32Array.from(rest).buffer).subarray(0, length)
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Json
  } catch {
    return refuse('it is not JSON')
  }
}

function fieldOf(json: Json, key: string): Json {
  if (json === null || typeof json !== 'object' || Array.isArray(json)) return refuse(`no ${key}`)
  return Object.hasOwn(json, key) ? (json as { readonly [key: string]: Json })[key] : refuse(`no ${key}`)
}

function listOf(json: Json, what: string): readonly Json[] {
  return Array.isArray(json) ? (json as readonly Json[]) : refuse(`${what} is no list`)
}

function numbersOf(json: Json, most: number, what: string): number[] {
  return listOf(json, what).map((value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most
      ? value
      : refuse(what),
  )
}

function imageOf(json: Json): DataView {
  const image = new DataView(new ArrayBuffer(VMCB_BYTES))
  const words = numbersOf(fieldOf(json, 'image'), 0xffff_ffff, 'an image')
  for (let i = 0; i + 1 < words.length; i += 2) {
    if (words[i] >= VMCB_BYTES / 4) refuse('an image')
    image.setUint32(words[i] * 4, words[i + 1], true)
  }
  return image
}

function bigintOf(json: Json): bigint {
  if (typeof json !== 'string' || !/^-?\d{1,20}n$/.test(json)) return refuse('a 64-bit value')
  return BigInt.asUintN(64, BigInt(json.slice(0, -1)))
}

/** A value of the same shape as `like`: the same fields of the same types. Throws RangeError. */
function shaped(json: Json, like: unknown, what: string): unknown {
  if (like instanceof DataView) return imageOf(json)
  if (typeof like === 'bigint') return bigintOf(json)
  if (typeof like === 'boolean') return typeof json === 'boolean' ? json : refuse(what)
  if (typeof like === 'number')
    return typeof json === 'number' && Number.isSafeInteger(json) ? json : refuse(what)
  return Object.fromEntries(
    Object.entries(like as object).map(([key, field]) => [key, shaped(fieldOf(json, key), field, key)]),
  )
}

/** What an effect was answered with (effects.ts). */
function answerOf(json: Json): unknown {
  if (json === null) return undefined
  if (typeof json === 'boolean') return json
  if (typeof json === 'string') return bigintOf(json)
  if (Array.isArray(json)) return json.map((value: Json) => bigintOf(value))
  return Uint8Array.from(numbersOf(fieldOf(json, 'bytes'), 0xff, 'bytes'))
}

export interface SavedThread<T> {
  readonly state: T
  /** What the effects of the handler that had begun were answered with; undefined when none had. */
  readonly answers: readonly unknown[] | undefined
}

/** What encodeState() gave for { threads, events }; `like` has the shape of each thread's state. Throws RangeError. */
export function decodeState<T>(
  words: readonly number[],
  like: readonly T[],
): { readonly threads: readonly SavedThread<T>[]; readonly events: number } {
  const json = parseJson(words)
  const threads = listOf(fieldOf(json, 'threads'), 'the threads')
  if (threads.length !== like.length) refuse('another number of vCPUs')
  const events = fieldOf(json, 'events')
  if (typeof events !== 'number' || !Number.isSafeInteger(events) || events < 0) return refuse('events')
  return {
    events,
    threads: threads.map((thread, i) => {
      const answers = fieldOf(thread, 'answers')
      return {
        state: shaped(fieldOf(thread, 'state'), like[i], 'the state') as T,
        answers: answers === null ? undefined : listOf(answers, 'the answers').map(answerOf),
      }
    }),
  }
}
