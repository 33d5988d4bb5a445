/** The program as memory has it: bytes, what they mean, and where the program has changed itself. */
import {
  decode,
  disassemble,
  encodingFields,
  isDecodeError,
  MAXIMUM_LENGTH,
  type CodeBits,
  type EncodingFields,
} from '../../../emulator/isa/index.ts'
import type { LineBytes } from '../../../emulator/isa/assembler/index.ts'
import * as text from '../../strings.ts'
import { sameBytes } from '../bytes.ts'
import type { Listing, ListingRow } from '../protocol.ts'
import type { Bench } from './bench.ts'
import { codeBits, codeBytes, nextAddress } from './code.ts'

/** Of data; more would not fit beside the rest. */
const SHOWN_BYTES = 8
/** Of one source line. */
const MOST_ROWS_OF_LINE = 64
/** Instructions that are shown of code without a source line. */
const ROWS_ELSEWHERE = 8

interface Decoded {
  readonly length: number
  readonly text: string
  readonly fields: EncodingFields | undefined
}

type Symbols = (address: bigint) => string | undefined

function decodeAt(
  bytes: Uint8Array,
  offset: number,
  bits: CodeBits,
  address: bigint,
  symbol: Symbols,
): Decoded {
  const instruction = decode(bytes, offset, bytes.length, bits)
  if (isDecodeError(instruction)) return { length: 1, text: '', fields: undefined }
  return {
    length: instruction.length,
    text: disassemble(instruction, address, { symbol }),
    fields: encodingFields(bytes, offset, instruction),
  }
}

/** `times 1000 nop` and the padding of `align` are a row each. */
function isRepeated(last: ListingRow, row: Pick<ListingRow, 'bytes' | 'labels' | 'built'>): boolean {
  return (
    sameBytes(last.bytes, row.bytes) &&
    last.built === undefined &&
    row.built === undefined &&
    row.labels.length === 0
  )
}

/** `length` lines of the program from index `first` on, or around the next instruction. */
export function listingOf({ session, build }: Bench, first: number | undefined, length: number): Listing {
  const { machine } = session
  const { processor } = machine
  const cpu = machine.inspect(processor)
  const next = nextAddress(cpu)
  const lines = build?.program.lines ?? []
  const labels = labelsByAddress(build)
  const symbol: Symbols = (address) => labels.get(address)?.[0]
  const current = lines.findIndex(
    ({ address, length: size }) => address <= next && next < address + BigInt(size),
  )
  const wanted = first ?? Math.max(0, current) - Math.floor(length / 2)
  const begin = Math.max(0, Math.min(wanted, lines.length - length))
  const end = Math.min(lines.length, begin + length)

  const rowsOf = (line: LineBytes): ListingRow[] => {
    const { file, line: number, address, kind, bits } = line
    const common = { kind, place: { file, line: number } }
    const start = Number(address)
    if (bits === undefined) {
      const bytes =
        kind === 'reserve' ? new Uint8Array(0) : machine.readMemory(start, Math.min(line.length, SHOWN_BYTES))
      const row = { address, bytes, length: line.length, times: 1, labels: labels.get(address) ?? [] }
      return [{ ...common, ...row, text: '', fields: undefined, built: undefined }]
    }
    const now = machine.readMemory(start, line.length + MAXIMUM_LENGTH)
    const then = build!.program.bytes.subarray(line.offset, line.offset + line.length)
    const rows: ListingRow[] = []
    let at = 0
    while (at < line.length && rows.length < MOST_ROWS_OF_LINE) {
      const place = address + BigInt(at)
      const decoded = decodeAt(now, at, bits, place, symbol)
      const bytes = now.slice(at, at + decoded.length)
      const before = decodeAt(then, at, bits, place, symbol)
      const hasChanged = !sameBytes(bytes, then.subarray(at, at + bytes.length))
      const built = hasChanged ? before.text || text.otherBytes : undefined
      at += decoded.length
      const row = { ...decoded, times: 1, address: place, bytes, labels: labels.get(place) ?? [], built }
      const last = rows.at(-1)
      if (last !== undefined && place !== next && last.address !== next && isRepeated(last, row))
        rows[rows.length - 1] = { ...last, times: last.times + 1 }
      else rows.push({ ...common, ...row })
    }
    const rest = {
      bytes: new Uint8Array(0),
      times: 1,
      labels: [],
      text: '',
      fields: undefined,
      built: undefined,
    }
    if (at < line.length)
      rows.push({ ...common, ...rest, kind: 'rest', address: address + BigInt(at), length: line.length - at })
    return rows
  }

  const rows = lines.slice(begin, end).flatMap(rowsOf)
  const isListed =
    current >= 0 &&
    rowsOf(lines[current]).some(({ address, kind }) => kind === 'instruction' && address === next)
  const elsewhere: ListingRow[] = []
  const bytes = isListed
    ? new Uint8Array(0)
    : codeBytes(machine, processor, cpu, next, ROWS_ELSEWHERE * MAXIMUM_LENGTH)
  for (let at = 0; at < bytes.length && elsewhere.length < ROWS_ELSEWHERE;) {
    const address = next + BigInt(at)
    const decoded = decodeAt(bytes, at, codeBits(cpu), address, symbol)
    elsewhere.push({
      ...decoded,
      kind: 'instruction',
      times: 1,
      place: undefined,
      address,
      bytes: bytes.slice(at, at + decoded.length),
      labels: labels.get(address) ?? [],
      built: undefined,
    })
    at += decoded.length
  }
  return { total: lines.length, first: begin, end, rows, next, elsewhere }
}

/** Symbols that lie in the program; others are numbers. */
function labelsByAddress(build: Bench['build']): ReadonlyMap<bigint, readonly string[]> {
  const labels = new Map<bigint, string[]>()
  if (build === undefined) return labels
  const { origin, symbols, lines } = build.program
  const end = lines.reduce((last, { address, length }) => {
    const after = address + BigInt(length)
    return after > last ? after : last
  }, origin)
  for (const [name, address] of symbols) {
    if (address < origin || address >= end) continue
    const known = labels.get(address)
    if (known === undefined) labels.set(address, [name])
    else known.push(name)
  }
  return labels
}
