/** Memory for the panels: physical, or linear as a processor would translate it, page by page; and searches in it. */
import { hex } from '../../../emulator/svm/index.ts'
import * as text from '../../strings.ts'
import type { MemoryRequest, MemoryStretch, SearchRequest, SearchResult } from '../state-protocol.ts'
import { ramBytes, valueOf, type Bench } from './bench.ts'
import { afterMessages } from './runs.ts'

const PAGE = 4096
/** More is never shown at once. Bytes. */
const LONGEST = 0x1_0000

/** The physical address of a linear one; undefined where reading it would fault. */
function physicalOf({ session }: Bench, linear: bigint, processor: number): number | undefined {
  if (BigInt.asUintN(64, BigInt.asIntN(48, linear)) !== linear) return undefined
  const { outcome } = session.machine.walk(linear, 'read', { user: false, processor })
  return outcome.kind === 'translation' ? outcome.address : undefined
}

export function lookAt(bench: Bench, { expression, length, space, processor }: MemoryRequest): MemoryStretch {
  const { session, build } = bench
  const result = valueOf(bench, expression)
  if (!result.ok) return result
  const address = BigInt.asUintN(64, result.value)
  const wanted = Math.min(length, LONGEST)
  const physical = space === 'physical' ? Number(address) : physicalOf(bench, address, processor)
  if (physical === undefined) return { ok: false, message: text.nothingIsMapped(hex(address)) }
  if (physical >= ramBytes(bench)) return { ok: false, message: text.ramEndsBefore(hex(ramBytes(bench))) }
  const bytes =
    space === 'physical'
      ? session.machine.readMemory(physical, wanted)
      : linearBytes(bench, address, wanted, processor)
  const end = address + BigInt(bytes.length)
  const labels = new Map<bigint, string>()
  for (const [name, at] of build?.program.symbols ?? [])
    if (at >= address && at < end && !labels.has(at)) labels.set(at, name)
  return { ok: true, address, bytes, physical, labels }
}

/** Up to the first page that is not mapped, or is not RAM. */
function linearBytes(bench: Bench, from: bigint, length: number, processor: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let filled = 0
  while (filled < length) {
    const linear = BigInt.asUintN(64, from + BigInt(filled))
    const physical = physicalOf(bench, linear, processor)
    if (physical === undefined) break
    const size = Math.min(length - filled, PAGE - (physical % PAGE))
    const part = bench.session.machine.readMemory(physical, size)
    bytes.set(part, filled)
    filled += part.length
    if (part.length < size) break
  }
  return bytes.subarray(0, filled)
}

/** What is searched for; -1 stands for any byte. */
type Pattern = readonly number[]

function patternOf(bench: Bench, { kind, pattern, size }: SearchRequest): Pattern | string {
  switch (kind) {
    case 'text':
      return pattern === '' ? text.writeText : [...new TextEncoder().encode(pattern)]
    case 'bytes': {
      const pairs = pattern.replace(/\s/g, '').match(/..?/g) ?? []
      if (pairs.length === 0 || !pairs.every((pair) => /^([0-9a-f]{2}|\?\?)$/i.test(pair)))
        return text.writeBytes
      const bytes = pairs.map((pair) => (pair === '??' ? -1 : parseInt(pair, 16)))
      return bytes.some((byte) => byte >= 0) ? bytes : text.writeOneByte
    }
    case 'value': {
      const result = valueOf(bench, pattern)
      if (!result.ok) return result.message
      return Array.from({ length: size }, (_, n) => Number((result.value >> BigInt(8 * n)) & 0xffn))
    }
  }
}

const MOST_FOUND = 200
/** Bytes that are looked at between two looks at the messages. */
const PORTION = 0x40_0000

/** Searches RAM from its start. */
export async function search(bench: Bench, request: SearchRequest): Promise<SearchResult> {
  const pattern = patternOf(bench, request)
  if (typeof pattern === 'string') return { ok: false, message: pattern }
  const found: number[] = []
  const end = ramBytes(bench)
  for (let start = 0; start < end; start += PORTION) {
    const bytes = bench.session.machine.readMemory(start, PORTION + pattern.length - 1)
    for (const at of occurrences(bytes, pattern)) {
      if (at >= PORTION) break
      if (found.length === MOST_FOUND) return { ok: true, found, isCut: true }
      found.push(start + at)
    }
    await afterMessages()
  }
  return { ok: true, found, isCut: false }
}

function* occurrences(bytes: Uint8Array, pattern: Pattern): Generator<number> {
  const anchor = pattern.findIndex((byte) => byte >= 0)
  for (
    let at = bytes.indexOf(pattern[anchor], anchor);
    at >= 0;
    at = bytes.indexOf(pattern[anchor], at + 1)
  ) {
    const start = at - anchor
    if (start + pattern.length > bytes.length) return
    if (pattern.every((byte, n) => byte < 0 || bytes[start + n] === byte)) yield start
  }
}
