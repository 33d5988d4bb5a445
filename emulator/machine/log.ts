/** Logs that keep the newest entries and count all of them, so that what they forgot can be named. */

/** Which entries there are. What an entry is made of, in which of `capacity` slots, is the subclass's matter. */
export abstract class Log<T> {
  readonly #capacity: number
  /** Number of the oldest entry kept, and of the next entry to come. Entry n lies in slot n modulo the capacity. */
  #first = 0
  #total = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** The entry in a slot. */
  protected abstract read(slot: number): T

  /** Makes room for one more entry; the caller fills the slot. */
  protected claim(): number {
    const slot = this.#total % this.#capacity
    this.#total++
    if (this.#total - this.#first > this.#capacity) this.#first++
    return slot
  }

  /** Entries ever made, forgotten ones included: the position after the newest. */
  get total(): number {
    return this.#total
  }

  /** How many of the oldest entries are gone. */
  get dropped(): number {
    return this.#first
  }

  /** The entries kept from position `from` on, oldest first. */
  since(from = 0): T[] {
    const kept: T[] = []
    for (let n = Math.max(from, this.#first); n < this.#total; n++) kept.push(this.read(n % this.#capacity))
    return kept
  }

  /** Forgets what came at or after position `total`: the machine goes back in time. */
  rewind(total: number): void {
    this.#total = Math.min(this.#total, total)
    this.#first = Math.min(this.#first, this.#total)
  }
}

/** A log of values. */
export class BoundedLog<T> extends Log<T> {
  readonly #entries: T[] = []

  push(entry: T): void {
    this.#entries[this.claim()] = entry
  }

  protected read(slot: number): T {
    return this.#entries[slot]
  }
}
