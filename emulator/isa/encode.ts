/**
 * The encoder: a request of the assembler to bytes, by the instruction table. Among the rows that fit it takes the
 * shortest encoding, and among equally short ones the first, which is what NASM's optimizer does.
 */
import { emit, error } from './encode-emit.ts'
import { encodingError } from './encode-errors.ts'
import { MATCH, matchRow } from './encode-match.ts'
import type { EncodingError, EncodingRequest, EncodingResult, OperandRequest } from './encoding-request.ts'
import type { OperandSize } from './instruction.ts'
import type { Row } from './table/row.ts'
import { aliases, table } from './table.ts'

/** The rows of one mnemonic that the assembler may use. */
interface Candidates {
  readonly rows: readonly Row[]
  /** Its branches are all short or all near. */
  readonly oneDistance: boolean
}

function collectCandidates(): Map<string, Candidates> {
  const byMnemonic = new Map<string, Row[]>()
  for (const row of table) {
    if (row.decoderOnly) continue
    const rows = byMnemonic.get(row.mnemonic)
    if (rows) rows.push(row)
    else byMnemonic.set(row.mnemonic, [row])
  }
  const candidates = new Map<string, Candidates>()
  for (const [mnemonic, rows] of byMnemonic) {
    candidates.set(mnemonic, { rows, oneDistance: branchDistancesOf(rows).length < 2 })
  }
  for (const [alias, mnemonic] of aliases) candidates.set(alias, candidates.get(mnemonic)!)
  return candidates
}

function branchDistancesOf(rows: readonly Row[]): ('short' | 'near')[] {
  const sizes = rows.flatMap((row) =>
    row.operands.filter((form) => form.kind === 'relative').map((form) => form.size),
  )
  const distances: ('short' | 'near')[] = []
  if (sizes.includes(1)) distances.push('short')
  if (sizes.some((size) => size > 1)) distances.push('near')
  return distances
}

const candidatesByMnemonic = collectCandidates()

/** The distances that a branch can be encoded with, for the assembler's relaxation; none if it is not a branch. */
export function branchDistances(mnemonic: string): readonly ('short' | 'near')[] {
  const candidates = candidatesByMnemonic.get(mnemonic)
  return candidates ? branchDistancesOf(candidates.rows) : []
}

/** Every name that `encode` knows, aliases included. */
export function isMnemonic(name: string): boolean {
  return candidatesByMnemonic.has(name)
}

/** NASM's short ways of writing, put into the manual's form. */
function expandShorthand(request: EncodingRequest): EncodingRequest {
  const { mnemonic, operands } = request
  if (mnemonic === 'imul' && operands.length === 2 && operands[1].kind === 'immediate') {
    return { ...request, operands: [operands[0], operands[0], operands[1]] }
  }
  if ((mnemonic === 'aam' || mnemonic === 'aad') && operands.length === 0) {
    return { ...request, operands: [{ kind: 'immediate', value: 10n, size: 0 }] }
  }
  if (mnemonic === 'cmpxchg16b' && operands[0]?.kind === 'memory' && operands[0].size === 0) {
    return { ...request, operands: [{ ...operands[0], size: 16 }, ...operands.slice(1)] }
  }
  return request
}

/** Branches to `[mem]` have a default size; everywhere else an unsized memory operand must have one reading. */
function ambiguousMemory(request: EncodingRequest, rows: readonly Row[]): number {
  const index = request.operands.findIndex((operand) => operand.kind === 'memory' && operand.size === 0)
  if (index < 0 || rows.length < 2 || rows[0].hiddenOperandSize) return -1
  const size = rows[0].operands[index].memorySize
  return rows.every((row) => row.operands[index].memorySize === size) ? -1 : index
}

const memorySizes = [
  { size: 1, name: 'byte' },
  { size: 2, name: 'word' },
  { size: 4, name: 'dword' },
  { size: 8, name: 'qword' },
  { size: 10, name: 'tword' },
] as const

/** The size keywords that would make the request one that some row encodes. */
function possibleSizes(request: EncodingRequest, index: number, { rows, oneDistance }: Candidates): string {
  const withSize = (size: OperandSize) => ({
    ...request,
    operands: request.operands.map(
      (operand, i) => (i === index ? { ...operand, size } : operand) as OperandRequest,
    ),
  })
  return memorySizes
    .filter(({ size }) => rows.some((row) => matchRow(row, withSize(size), oneDistance) === MATCH))
    .map(({ name }) => name)
    .join(', ')
}

/**
 * Where values are unknown or may change, room for the widest immediate comes first.
 */
function cost(row: Row, length: number, wide: boolean): number {
  if (!wide) return length
  const immediateBytes = row.operands.reduce(
    (sum, form) => sum + (form.kind === 'immediate' ? form.size : 0),
    0,
  )
  return length - 64 * immediateBytes
}

/** Encodes one instruction. Never throws; what cannot be encoded comes back as an error for people. */
export function encode(asked: EncodingRequest): EncodingResult {
  const candidates = candidatesByMnemonic.get(asked.mnemonic)
  if (candidates === undefined) {
    return { ok: false, error: encodingError(asked, [], candidatesByMnemonic.keys()) }
  }
  const request = expandShorthand(asked)
  const matching = candidates.rows.filter((row) => matchRow(row, request, candidates.oneDistance) === MATCH)
  const ambiguous = ambiguousMemory(request, matching)
  if (ambiguous >= 0) {
    const message = 'the size of the memory operand is not known'
    const hint = `write a size before it: ${possibleSizes(request, ambiguous, candidates)}`
    return { ok: false, error: error('operand-size-unknown', message, hint, ambiguous) }
  }
  const wide = request.unresolved || request.operands.some((o) => o.kind === 'immediate' && o.strict === true)
  let best: Uint8Array | undefined
  let bestCost = Infinity
  let failure: EncodingError | undefined
  for (const row of matching) {
    const bytes = emit(row, request)
    if ('code' in bytes) {
      failure ??= bytes
      continue
    }
    const rowCost = cost(row, bytes.length, wide)
    if (rowCost < bestCost) {
      best = bytes.slice()
      bestCost = rowCost
    }
  }
  if (best) return { ok: true, bytes: best }
  return { ok: false, error: failure ?? encodingError(request, candidates.rows, []) }
}
