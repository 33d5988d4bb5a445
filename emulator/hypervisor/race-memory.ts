/** L1's memory and L0's in one execution of a race. */

/** A page of memory, never written. */
export type PageSource = (number: number) => Uint8Array

const PAGE = 4096

/** Memory that costs only the pages that are written. */
export class CopiedMemory {
  readonly #original: PageSource
  readonly #written = new Map<number, Uint8Array>()

  constructor(original: PageSource) {
    this.#original = original
  }

  read(address: number, bytes: number): Uint8Array {
    const data = new Uint8Array(bytes)
    for (const { page, offset, at, length } of pieces(address, bytes)) {
      const from = this.#written.get(page) ?? this.#original(page)
      data.set(from.subarray(offset, offset + length), at)
    }
    return data
  }

  write(address: number, data: Uint8Array): void {
    for (const { page, offset, at, length } of pieces(address, data.length)) {
      let into = this.#written.get(page)
      if (into === undefined) this.#written.set(page, (into = this.#original(page).slice()))
      into.set(data.subarray(at, at + length), offset)
    }
  }
}

/** The parts of a range in each page. */
function pieces(address: number, bytes: number) {
  const parts: { page: number; offset: number; at: number; length: number }[] = []
  for (let at = 0; at < bytes;) {
    const offset = (address + at) % PAGE
    const length = Math.min(PAGE - offset, bytes - at)
    parts.push({ page: (address + at - offset) / PAGE, offset, at, length })
    at += length
  }
  return parts
}
