/**
 * L0's looks at L1's memory, and its stores there, in pieces: copying many bytes is no single access, and between two of its pieces
 * another vCPU can store. Where it makes no difference there are no cuts, and a copy is one step.
 */
import type { Answer, Effect, Handler } from './effects.ts'
import type { Span } from './vmcb-image.ts'

type Read = Extract<Effect, { kind: 'read' }>
type Write = Extract<Effect, { kind: 'write' }>

/** A handler whose reads and writes of L1's memory end and go on at each of the addresses `cuts`, which ascend. */
export function* inPieces<T>(handler: Handler<T>, cuts: readonly number[]): Handler<T> {
  let answer: Answer
  for (;;) {
    const { done, value } = handler.next(answer)
    if (done) return value
    if (value.kind === 'read') answer = yield* readInPieces(value, cuts)
    else if (value.kind === 'write') answer = yield* writeInPieces(value, cuts)
    else answer = yield value
  }
}

/** The parts of [address, address + bytes) between the cuts, by their offsets from `address`. */
function piecesOf(address: number, bytes: number, cuts: readonly number[]): Span[] {
  const inside = cuts.filter((cut) => cut > address && cut < address + bytes)
  const bounds = [address, ...inside, address + bytes]
  return bounds.slice(1).map((end, i) => ({ offset: bounds[i] - address, bytes: end - bounds[i] }))
}

/** Nothing where L1 has no RAM at one of the pieces, like a read of all bytes. */
function* readInPieces(effect: Read, cuts: readonly number[]): Handler<Answer> {
  const all = new Uint8Array(effect.bytes)
  let isComplete = true
  for (const { offset, bytes } of piecesOf(effect.address, effect.bytes, cuts)) {
    const found = yield { ...effect, address: effect.address + offset, bytes }
    if (found instanceof Uint8Array) all.set(found, offset)
    else isComplete = false
  }
  return isComplete ? all : undefined
}

function* writeInPieces(effect: Write, cuts: readonly number[]): Handler<Answer> {
  let isDone = true
  for (const piece of piecesOf(effect.address, effect.data.length, cuts)) {
    const only = effect.only.map((span) => overlap(span, piece)).filter(({ bytes }) => bytes > 0)
    if (only.length > 0) isDone = (yield { ...effect, only }) === true && isDone
  }
  return isDone
}

function overlap(a: Span, b: Span): Span {
  const offset = Math.max(a.offset, b.offset)
  return { offset, bytes: Math.min(a.offset + a.bytes, b.offset + b.bytes) - offset }
}
