/**
 * What stops an instruction half-way. Both are thrown by the code that executes it and caught by the run loop, never by callers
 * of the machine. They carry no stack on purpose: guests fault a hundred thousand times a second.
 */

/** Exception vectors (APM vol 2 §8.2). */
export const VECTOR = {
  DE: 0,
  DB: 1,
  NMI: 2,
  BP: 3,
  OF: 4,
  BR: 5,
  UD: 6,
  NM: 7,
  DF: 8,
  TS: 10,
  NP: 11,
  SS: 12,
  GP: 13,
  PF: 14,
  MF: 16,
  AC: 17,
  MC: 18,
  XF: 19,
  CP: 21,
  SX: 30,
} as const

/** An exception raised by an instruction or an event delivery. */
export class Fault {
  readonly vector: number
  /** -1: the vector pushes no error code. */
  readonly errorCode: number
  /** #PF only: the linear address that CR2 gets. */
  readonly linearAddress: bigint
  /** #DB only: the DR6 bits to set. */
  readonly dr6: number
  /** #PF only: the access was an instruction fetch. The error code says so only where NX or SMEP is on. */
  readonly fetch: boolean
  /** The instruction has taken effect: rIP stays where it is (a task switch that fails in the new task, APM vol 2 §12.3). */
  committed = false

  constructor(vector: number, errorCode = -1, linearAddress = 0n, dr6 = 0, fetch = false) {
    this.vector = vector
    this.errorCode = errorCode
    this.linearAddress = linearAddress
    this.dr6 = dr6
    this.fetch = fetch
  }
}

/** A #VMEXIT to be taken at the current instruction or event. `info1` and `info2` are EXITINFO1 and EXITINFO2. */
export class Exit {
  readonly code: number
  /** undefined: the manual leaves the field undefined for this exit. */
  readonly info1: bigint | undefined
  readonly info2: bigint | undefined
  /** Page faults only: the access was an instruction fetch. */
  readonly fetch: boolean
  /** As Fault.committed. */
  committed = false

  constructor(code: number, info1?: bigint, info2?: bigint, fetch = false) {
    this.code = code
    this.info1 = info1
    this.info2 = info2
    this.fetch = fetch
  }
}

/** Throws #GP(0). */
export function generalProtection(errorCode = 0): never {
  throw new Fault(VECTOR.GP, errorCode)
}

/** Throws #UD. */
export function undefinedOpcode(): never {
  throw new Fault(VECTOR.UD)
}
