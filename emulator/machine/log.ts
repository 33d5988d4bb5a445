/** A log that keeps the newest entries and counts all of them, so that what it forgot can be named. */
export class BoundedLog<T> {
  readonly #capacity: number
  /** Entry number n lies at index n modulo the capacity. */
  readonly #entries: T[] = []
  /** Number of the oldest entry kept, and of the next entry to come. */
  #first = 0
  #total = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** Entries ever pushed, forgotten ones included: the position after the newest. */
  get total(): number {
    return this.#total
  }

  /** How many of the oldest entries are gone. */
  get dropped(): number {
    return this.#first
  }

  push(entry: T): void {
    this.#entries[this.#total % this.#capacity] = entry
    this.#total++
    if (this.#total - this.#first > this.#capacity) this.#first++
  }

  /** The entries kept from position `from` on, oldest first. */
  since(from = 0): T[] {
    const kept: T[] = []
    for (let n = Math.max(from, this.#first); n < this.#total; n++)
      kept.push(this.#entries[n % this.#capacity])
    return kept
  }

  /** Forgets what came at or after position `total`: the machine goes back in time. */
  rewind(total: number): void {
    this.#total = Math.min(this.#total, total)
    this.#first = Math.min(this.#first, this.#total)
  }
}
