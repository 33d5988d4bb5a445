/**
 * Caches and write-combining buffers as a list of unsigned 32-bit numbers, for snapshots, saved states and digests:
 *
 *   lines     count, then for each: address (low, high word), flags (HAS), memory's bytes, contents
 *   buffers   for each processor: count, then for each: address (low, high word), flags (PROBES), data, valid bytes
 */
import { LINE_BYTES } from './backing.ts'
import type { CacheModel } from './caches.ts'
import type { CombiningBuffer } from './combining.ts'
import type { Line } from './lines.ts'

const HAS = { dirty: 1, memory: 2, contents: 4 } as const
const PROBES = 1
const LINE_WORDS = LINE_BYTES / 4

function words(bytes: Uint8Array): number[] {
  return Array.from(new Uint32Array(bytes.slice().buffer))
}

function addressWords(address: number): [number, number] {
  return [address >>> 0, Math.floor(address / 2 ** 32)]
}

export function saveCaches({ lines, buffers }: CacheModel): number[] {
  const all = lines.all()
  return [
    all.length,
    ...all.flatMap(({ address, dirty, memory, contents }) => [
      ...addressWords(address),
      (dirty ? HAS.dirty : 0) | (memory ? HAS.memory : 0) | (contents ? HAS.contents : 0),
      ...(memory ? words(memory) : []),
      ...(contents ? words(contents) : []),
    ]),
    ...buffers.flatMap((open) => [
      open.length,
      ...open.flatMap(({ address, probes, data, valid }) => [
        ...addressWords(address),
        probes ? PROBES : 0,
        ...words(data),
        ...words(valid),
      ]),
    ]),
  ]
}

/** Takes what saveCaches() gave. Throws RangeError for a list that it cannot have given. */
export function restoreCaches(caches: CacheModel, state: readonly number[]): void {
  let at = 0
  const next = (): number => {
    if (at >= state.length) throw new RangeError('the state of the caches is too short')
    return state[at++]
  }
  const address = (): number => next() + next() * 2 ** 32
  const line = (): Uint8Array => new Uint8Array(Uint32Array.from({ length: LINE_WORDS }, next).buffer)
  const list = <T>(item: () => T): T[] => Array.from({ length: Math.min(next(), state.length) }, item)

  const lines = list((): Line => {
    const lineAddress = address()
    const flags = next()
    return {
      address: lineAddress,
      dirty: (flags & HAS.dirty) !== 0,
      memory: flags & HAS.memory ? line() : undefined,
      contents: flags & HAS.contents ? line() : undefined,
    }
  })
  const buffers = caches.buffers.map(() =>
    list((): CombiningBuffer => ({
      address: address(),
      probes: (next() & PROBES) !== 0,
      data: line(),
      valid: line(),
    })),
  )
  if (at !== state.length) throw new RangeError('the state of the caches is too long')
  caches.lines.load(lines)
  buffers.forEach((open, processor) => (caches.buffers[processor] = open))
}
