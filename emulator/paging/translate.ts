/** Linear to system-physical addresses: fast tags, then the TLB, then the page walk. */
import { ACCESS, type Access, type Cpu } from '../state/cpu.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { contextIsUser, fastLookup, fetchLookup, fillFastTag, fillFetchTag } from './contexts.ts'
import type { EntryType } from './entry-type.ts'
import {
  ENTRY,
  entryAddress,
  entryAttributes,
  findEntry,
  insertEntry,
  markFetched,
  readEntry,
  tlbEntries,
  type TlbEntry,
} from './tlb.ts'
import { entryAllows, isTranslated, raiseWalkFault, walk } from './walk.ts'

/** One 64-bit linear address taken apart without allocating: write `whole`, read `halves`. */
const whole = new BigUint64Array(1)
const halves = new Uint32Array(whole.buffer)

/** Fills the fast tag with whatever the entry allows in the current mode. */
function fillFromEntry(cpu: Cpu, at: number, low: number, high: number): void {
  const user = contextIsUser(cpu.state)
  const attributes = entryAttributes(cpu.state, at)
  if (!entryAllows(cpu, attributes, ACCESS.read, user)) return
  fillFastTag(
    cpu,
    low,
    high,
    entryAddress(cpu.state, at, low),
    entryAllows(cpu, attributes, ACCESS.write, user),
  )
}

/** The sPA of a linear address for an access within its page. Throws Fault (#PF) or Exit (#NPF). */
export function translate(cpu: Cpu, linear: bigint, access: Access, user: boolean): number {
  whole[0] = linear
  const low = halves[0]
  const high = halves[1]
  const address = tryTranslate(cpu, low, high, access, user)
  return address < 0 ? raiseWalkFault(low, high, access) : address
}

/** Like translate(), of a linear address in halves, but -1 where it throws. */
export function tryTranslate(cpu: Cpu, low: number, high: number, access: Access, user: boolean): number {
  const state = cpu.state
  const data = access !== ACCESS.execute
  if (!data) {
    const fetched = fetchLookup(state, low, high)
    if (fetched >= 0) return fetched
  } else if (user === contextIsUser(state)) {
    const fast = fastLookup(cpu, low, high, access === ACCESS.write)
    if (fast >= 0) return fast
  }
  if (!isTranslated(cpu)) {
    const address = high * 0x1_0000_0000 + low
    if (data) fillFastTag(cpu, low, high, address, true)
    else fillFetchTag(cpu, low, high, address)
    return address
  }
  const at = lookupOrWalk(cpu, low, high, access, user)
  if (at < 0) return -1
  const address = entryAddress(state, at, low)
  if (!data) {
    markFetched(state, at)
    fillFetchTag(cpu, low, high, address)
  } else if (user === contextIsUser(state)) fillFromEntry(cpu, at, low, high)
  return address
}

/** Word index of the TLB entry that serves the access, entered if need be; -1 when the walk fails. */
function lookupOrWalk(cpu: Cpu, low: number, high: number, access: Access, user: boolean): number {
  const at = findEntry(cpu.state, low, high)
  if (at >= 0 && entryAllows(cpu, entryAttributes(cpu.state, at), access, user)) {
    cpu.observer.tlb?.('hit', at)
    return at
  }
  const translation = walk(cpu, low, high, access, user)
  return translation === undefined ? -1 : insertEntry(cpu, low, high, translation, at)
}

/** What the TLB holds about one linear address. */
export interface HeldTranslation {
  readonly asid: number
  readonly pcid: number
  readonly linear: bigint
  /** gPA; equal to the sPA without nested paging. */
  readonly guestAddress: number
  /** sPA. */
  readonly address: number
  /** Of the entry's page: the smaller of the guest's and the nested one. */
  readonly pageBytes: number
  /** Accesses at CPL 3 are allowed. */
  readonly user: boolean
  /** The guest's tables allow stores. */
  readonly writable: boolean
  readonly executable: boolean
  readonly global: boolean
  /** A store needs no walk: D is set in the guest's leaf, and with nested paging in the nested leaf too, which allows stores. */
  readonly dirty: boolean
  readonly memoryType: EntryType
}

/**
 * The translation of a linear address as the TLB has it, without walking and without side effects: for the current ASID and
 * PCID, or for `asid` and any PCID. Undefined when it has none.
 */
export function heldTranslation(state: Vcpu, linear: bigint, asid?: number): HeldTranslation | undefined {
  const entry = asid === undefined ? currentEntry(state, linear) : entryOfAsid(state, linear, asid)
  if (entry === undefined) return undefined
  const { attributes } = entry
  const offset = Number(linear - entry.linear)
  const readyForStores = ENTRY.dirty | ENTRY.nestedWritable
  return {
    asid: entry.asid,
    pcid: entry.pcid,
    linear,
    guestAddress: entry.guestAddress + offset,
    address: entry.address + offset,
    pageBytes: entry.bytes,
    user: (attributes & ENTRY.user) !== 0,
    writable: (attributes & ENTRY.writable) !== 0,
    executable: (attributes & (ENTRY.noExecute | ENTRY.nestedNoExecute)) === 0,
    global: (attributes & ENTRY.global) !== 0,
    dirty: (attributes & readyForStores) === readyForStores,
    memoryType: entry.memoryType,
  }
}

function currentEntry(state: Vcpu, linear: bigint): TlbEntry | undefined {
  whole[0] = linear
  const at = findEntry(state, halves[0], halves[1])
  return at < 0 ? undefined : readEntry(state, at)
}

function entryOfAsid(state: Vcpu, linear: bigint, asid: number): TlbEntry | undefined {
  return tlbEntries(state).find(
    (entry) => entry.asid === asid && linear >= entry.linear && linear < entry.linear + BigInt(entry.bytes),
  )
}
