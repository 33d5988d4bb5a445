/** What crosses the bus between processors, bus master, memory and devices. */

/** 'bus-master' or the index of a processor. */
export type Agent = number | 'bus-master'

/** How a transaction comes about. */
export type TransactionKind =
  /** An access that no cache serves, as wide as the instruction's. */
  | 'read'
  | 'write'
  /** A whole line comes into the cache, or goes back to memory. */
  | 'line-fill'
  | 'write-back'
  /** What a write-combining buffer has collected: a whole line at once, or adjacent bytes of one quadword. */
  | 'combined-write'

/** Why a line or a buffer gave its contents away. */
export type Cause =
  | 'access'
  /** Its place was needed for another one. */
  | 'replaced'
  /** An access of a type that looks into the caches (CD, WC+, WP), or a snooped one of the bus master. */
  | 'probe'
  /** CLFLUSH, WBINVD, WBNOINVD. */
  | 'flush'
  /** Completion of write combining: all 64 bytes are there; SFENCE or MFENCE; and so on. */
  | 'full'
  | 'fence'
  | 'serializing'
  | 'locked'
  | 'io'
  | 'interrupt'
  | 'uncached-read'

export interface Transaction {
  /** Instructions attempted, by the processors together, when it happened. */
  readonly instructions: number
  readonly agent: Agent
  readonly kind: TransactionKind
  readonly cause: Cause
  /** System-physical address of the first byte. */
  readonly address: number
  /** The bytes that moved, 1 to 64. */
  readonly data: Uint8Array
}
