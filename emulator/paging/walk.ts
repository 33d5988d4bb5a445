/**
 * Page walks: the guest's tables, the nested tables, and the two together (APM vol 2 §5.4, §15.25).
 *
 * With nested paging every guest-physical address, those of table entries and gCR3 included, goes through the nested tables:
 * a walk of n guest levels over m nested levels reads up to (n + 1)(m + 1) - 1 entries.
 *
 * Walks are the slow part of every TLB miss, so they allocate nothing: addresses are pairs of 32-bit halves, results go into
 * records that exist once, and why a walk failed is put aside for raiseWalkFault().
 */
import { AC } from '../isa/registers.ts'
import { ACCESS, type Access, type Cpu, type Observer } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { Exit, Fault, VECTOR } from '../state/faults.ts'
import { joinHalves } from '../state/halves.ts'
import { OFFSET } from '../state/layout.ts'
import { CR0, CR4 } from '../state/mode.ts'
import { selectFormat, PTE, type Format, type Level } from './formats.ts'
import { typeOfNewEntry } from './entry-type.ts'
import { patSlot } from './memory-types.ts'
import { NESTED_CONTROL } from './nested-control.ts'
import { ENTRY, GUEST_SIZE_SHIFT, PAGE_SHIFT, type Translation } from './tlb.ts'

/** #PF and #NPF error-code bits (APM vol 2 §8.4.2, §15.25.6). */
export const PF = { P: 1, RW: 2, US: 4, RSV: 8, ID: 16 } as const

/** Bits 63:32 of EXITINFO1 say which access of a nested walk failed: 32 that to the final address, 33 that to a guest table. */
const NPF = { final: 1, table: 2 } as const

/** Word indexes in the vCPU block of the registers that a walk depends on. */
const WORD = {
  cr0: OFFSET.cr0 >> 2,
  cr3: OFFSET.cr3 >> 2,
  cr4: OFFSET.cr4 >> 2,
  efer: OFFSET.efer >> 2,
  nCr3: OFFSET.nCr3 >> 2,
  hostCr4: OFFSET.hostCr4 >> 2,
  hostEfer: OFFSET.hostEfer >> 2,
  guestMode: OFFSET.guestMode >> 2,
  nestedPaging: OFFSET.nestedPaging >> 2,
  flagsOther: OFFSET.flagsOther >> 2,
} as const

/** What a walk uses of a processor; explain-walk.ts walks with memory that keeps nothing. */
export interface Walker extends Pick<Cpu, 'state' | 'model'> {
  readonly memory: Pick<Cpu['memory'], 'read32' | 'write32'>
  readonly observer: Pick<Observer, 'walkStep'>
}

const PG = Number(CR0.PG)
const WP = Number(CR0.WP)
const PGE = Number(CR4.PGE)
const SMEP = Number(CR4.SMEP)
const SMAP = Number(CR4.SMAP)

/** What a walk found. */
interface Leaf {
  /** Halves of the physical address of the byte that was asked for, its page offset included. */
  low: number
  high: number
  /** log2 of the page size. */
  shift: number
  /** Bits of ENTRY: `user`, `writable` and `noExecute` over all levels; `global` and `dirty` of the leaf. */
  attributes: number
  /** The PAT slot that the leaf selects, 0..7; -1 where paging is off. */
  patSlot: number
  /** The leaf's entry: its low word, where it lies, and for a guest's its gPA in halves. */
  entry: number
  entryAt: number
  entryGuestLow: number
  entryGuestHigh: number
}

function emptyLeaf(): Leaf {
  return {
    low: 0,
    high: 0,
    shift: 0,
    attributes: 0,
    patSlot: 0,
    entry: 0,
    entryAt: 0,
    entryGuestLow: 0,
    entryGuestHigh: 0,
  }
}

const guestLeaf = emptyLeaf()
const nestedLeaf = emptyLeaf()
const result = { attributes: 0, address: 0, guestAddress: 0, memoryType: 0 }

/** Why the last walk failed. `which` is a value of NPF and the address a gPA when the nested tables are the reason, else 0. */
const failure = { error: 0, which: 0, low: 0, high: 0 }

function fail(error: number): false {
  failure.error = error
  failure.which = 0
  return false
}

/** What the last walk failed with: Fault (#PF) for the linear address, or Exit (#NPF). */
export function walkFault(low: number, high: number, access: Access): Fault | Exit {
  const { error, which } = failure
  const fetch = access === ACCESS.execute
  if (which === 0) return new Fault(VECTOR.PF, error, joinHalves(low, high), 0, fetch)
  return new Exit(EXIT.NPF, joinHalves(error, which), joinHalves(failure.low, failure.high), fetch)
}

export function raiseWalkFault(low: number, high: number, access: Access): never {
  throw walkFault(low, high, access)
}

function asNumber(low: number, high: number): number {
  return high === 0 ? low >>> 0 : (high >>> 0) * 2 ** 32 + (low >>> 0)
}

/** Index of an address into the table at a level. */
function tableIndex(low: number, high: number, { shift, bits }: Level): number {
  const shifted = shift >= 32 ? high >>> (shift - 32) : (low >>> shift) | (high << (32 - shift))
  return shifted & ((1 << bits) - 1)
}

/**
 * Walks one set of tables, whose root is in the register at word `root` of the vCPU block, and fills `leaf`. Sets A on the way;
 * the caller sets A and D of the leaf once permissions are known to hold. `nested`: the tables lie at guest-physical addresses.
 * False: an entry is not present (error 0) or has a reserved bit set (P and RSV), or the nested tables forbid to go on.
 */
function walkTables(
  cpu: Walker,
  format: Format,
  root: number,
  low: number,
  high: number,
  nested: boolean,
  leaf: Leaf,
): boolean {
  const { memory } = cpu
  const { words } = cpu.state
  const { levels, entryBytes } = format
  let tableLow = words[root] & format.rootLow
  let tableHigh = words[root + 1] & format.rootHigh
  let permissions = PTE.US | PTE.RW
  let noExecute = 0
  for (let i = 0; ; i++) {
    const level = levels[i]
    const guestLow = tableLow + tableIndex(low, high, level) * entryBytes
    const guestHigh = tableHigh
    if (nested && !walkToTable(cpu, guestLow, guestHigh, tableReadAccess(words))) return false
    const at = nested ? asNumber(nestedLeaf.low, nestedLeaf.high) : asNumber(guestLow, guestHigh)
    const entry = memory.read32(at)
    const entryHigh = entryBytes === 8 ? memory.read32(at + 4) : 0
    cpu.observer.walkStep?.(root === WORD.nCr3, levels.length - i, at, joinHalves(entry, entryHigh))
    if (!(entry & PTE.P)) return fail(0)
    const isLeaf = level.leaf === 'always' || (level.leaf === 'with PS' && (entry & PTE.PS) !== 0)
    const reserved = entry & (isLeaf ? level.reservedLeaf : level.reservedTable)
    if (reserved | (entryHigh & level.reservedHigh)) return fail(PF.P | PF.RSV)
    if (!level.noPermissions) {
      permissions &= entry
      noExecute |= entryHigh
    }
    leaf.entry = entry
    leaf.entryAt = at
    leaf.entryGuestLow = guestLow
    leaf.entryGuestHigh = guestHigh
    if (isLeaf) {
      const { shift } = level
      const offset = (1 << shift) - 1
      leaf.low = (entry & 0xffff_f000 & ~offset) | (low & offset)
      // A 4 MB leaf has physical-address bits 39:32 in bits 20:13.
      leaf.high = shift === 22 ? (entry >>> 13) & 0xff : entryHigh & 0xf_ffff
      leaf.shift = shift
      leaf.attributes =
        (permissions & PTE.US ? ENTRY.user : 0) |
        (permissions & PTE.RW ? ENTRY.writable : 0) |
        (noExecute & PTE.NX ? ENTRY.noExecute : 0) |
        (entry & PTE.G ? ENTRY.global : 0) |
        (entry & PTE.D ? ENTRY.dirty : 0)
      leaf.patSlot = patSlot(entry, shift > 12)
      return true
    }
    if (!level.noPermissions && !setInEntry(cpu, leaf, PTE.A, nested)) return false
    tableLow = entry & 0xffff_f000
    tableHigh = entryHigh & 0xf_ffff
  }
}

/** Sets A or D in the entry that `leaf` names. False: it is a guest's and the nested tables forbid the store. */
function setInEntry(cpu: Walker, leaf: Leaf, bits: number, nested: boolean): boolean {
  const { entry, entryAt, entryGuestLow, entryGuestHigh } = leaf
  if ((entry & bits) === bits) return true
  if (
    nested &&
    tableReadAccess(cpu.state.words) === ACCESS.read &&
    !walkToTable(cpu, entryGuestLow, entryGuestHigh, ACCESS.write)
  )
    return false
  cpu.memory.write32(entryAt, entry | bits)
  return true
}

/** Sets A, and D for a write, in a leaf whose permissions allow the access. False as setInEntry(). */
function markUsed(cpu: Walker, leaf: Leaf, access: Access, nested: boolean): boolean {
  if (access !== ACCESS.write) return setInEntry(cpu, leaf, PTE.A, nested)
  leaf.attributes |= ENTRY.dirty
  return setInEntry(cpu, leaf, PTE.A | PTE.D, nested)
}

/**
 * How the walker's reads of guest tables count in the nested tables: as writes, because it may set A and D; with read-only guest
 * page tables as reads, and only setting A and D as writes (APM vol 2 §15.25.5).
 */
function tableReadAccess(words: Uint32Array): Access {
  return words[WORD.nestedPaging] & NESTED_CONTROL.readOnlyTables ? ACCESS.read : ACCESS.write
}

function walkToTable(cpu: Walker, low: number, high: number, access: Access): boolean {
  return walkNested(cpu, low, high, access, true, NPF.table)
}

/**
 * gPA to sPA through the nested tables, into nestedLeaf. Every access is a user access, that of a guest at CPL 0 too, and needs
 * U/S = 1. The guest mode execute trap changes that: then U/S restricts nothing but fetches, and those of supervisors where it
 * is 1 (APM vol 2 §15.25.5, §15.25.13). hCR0.WP, hCR4.SMEP and hCR4.SMAP forbid nothing. False: #NPF (§15.25.6).
 */
function walkNested(
  cpu: Walker,
  low: number,
  high: number,
  access: Access,
  user: boolean,
  which: number,
): boolean {
  const { words } = cpu.state
  const hostCr4 = words[WORD.hostCr4]
  const format = selectFormat(cpu.model, hostCr4, words[WORD.hostEfer])
  const trap = (words[WORD.nestedPaging] & NESTED_CONTROL.executeTrap) !== 0
  // The tables of a host outside long mode end at 4 GB: nothing is present beyond.
  const isReached = high >>> format.highBits === 0
  if (!isReached) fail(0)
  else if (walkTables(cpu, format, WORD.nCr3, low, high, false, nestedLeaf)) {
    if (nestedAllows(nestedLeaf.attributes, access, user, trap)) {
      return markUsed(cpu, nestedLeaf, access, false)
    }
    fail(PF.P)
  }
  failure.error |= accessBits(access, user || !trap, format, hostCr4)
  failure.which = which
  failure.low = low
  failure.high = high
  return false
}

function nestedAllows(attributes: number, access: Access, user: boolean, trap: boolean): boolean {
  if (!trap && !(attributes & ENTRY.user)) return false
  if (access === ACCESS.write) return (attributes & ENTRY.writable) !== 0
  if (access === ACCESS.read) return true
  return !(attributes & ENTRY.noExecute) && !(trap && !user && attributes & ENTRY.user)
}

/** The error-code bits that tell of the access. ID is reported only where NX or SMEP is on. */
function accessBits(access: Access, user: boolean, { noExecute }: Format, cr4: number): number {
  const bits = user ? PF.US : 0
  if (access === ACCESS.write) return bits | PF.RW
  return access === ACCESS.execute && (noExecute || cr4 & SMEP) ? bits | PF.ID : bits
}

/** The sPA of a guest-physical address that the running guest names itself, at CPL 0. Throws Exit (#NPF). */
export function translateGuestPhysical(cpu: Cpu, address: number, access: Access): number {
  if (!walkNested(cpu, address >>> 0, (address / 2 ** 32) >>> 0, access, false, NPF.final))
    raiseWalkFault(0, 0, access)
  return asNumber(nestedLeaf.low, nestedLeaf.high)
}

/** True when linear addresses are translated at all: by the guest's tables, by nested ones, or both. */
export function isTranslated(cpu: Cpu): boolean {
  return (cpu.state.words[WORD.cr0] & PG) !== 0 || isNested(cpu.state.words)
}

function isNested(words: Uint32Array): boolean {
  return words[WORD.guestMode] !== 0 && words[WORD.nestedPaging] !== 0
}

/** Whether the combined permissions of the guest's tables, as bits of ENTRY, allow an access (APM vol 2 §5.6). */
function guestAllows(words: Uint32Array, attributes: number, access: Access, user: boolean): boolean {
  if (user) {
    if (!(attributes & ENTRY.user)) return false
    if (access === ACCESS.write) return (attributes & ENTRY.writable) !== 0
    return access === ACCESS.read || !(attributes & ENTRY.noExecute)
  }
  const cr4 = words[WORD.cr4]
  const userPage = (attributes & ENTRY.user) !== 0
  if (access === ACCESS.execute) return !(attributes & ENTRY.noExecute) && !(userPage && cr4 & SMEP)
  if (userPage && cr4 & SMAP && !(words[WORD.flagsOther] & AC)) return false
  return access === ACCESS.read || (attributes & ENTRY.writable) !== 0 || !(words[WORD.cr0] & WP)
}

/** Whether a TLB entry serves an access. One that does not is walked again: permissions may have been raised meanwhile. */
export function entryAllows(cpu: Cpu, attributes: number, access: Access, user: boolean): boolean {
  const { words } = cpu.state
  const stores = ENTRY.dirty | ENTRY.nestedWritable
  if (access === ACCESS.write && (attributes & stores) !== stores) return false
  if (access === ACCESS.execute) {
    if (attributes & ENTRY.nestedNoExecute) return false
    if (attributes & ENTRY.nestedUser && !user && words[WORD.nestedPaging] & NESTED_CONTROL.executeTrap)
      return false
  }
  return guestAllows(words, attributes, access, user)
}

/**
 * The full walk for one access. `low` and `high` are the halves of the linear address. The result is overwritten by the next
 * walk; undefined: raiseWalkFault() throws why.
 */
export function walk(
  cpu: Walker,
  low: number,
  high: number,
  access: Access,
  user: boolean,
): Translation | undefined {
  const nested = isNested(cpu.state.words)
  if (!walkGuest(cpu, low, high, access, user, nested)) return undefined
  const guest = guestLeaf
  if (!nested) return translation(cpu, guest, -1, ENTRY.nestedWritable)
  if (!walkNested(cpu, guest.low, guest.high, access, user, NPF.final)) return undefined
  const { attributes } = nestedLeaf
  // D of the nested leaf must be set by the first store, so until then the entry does not allow one.
  const ready = ENTRY.writable | ENTRY.dirty
  return translation(
    cpu,
    nestedLeaf,
    nestedLeaf.patSlot,
    ((attributes & ready) === ready ? ENTRY.nestedWritable : 0) |
      (attributes & ENTRY.noExecute ? ENTRY.nestedNoExecute : 0) |
      (attributes & ENTRY.user ? ENTRY.nestedUser : 0),
  )
}

/** Index into PAGE_SHIFT by log2 of a page size. */
const SIZE_INDEX = new Uint8Array(32)
PAGE_SHIFT.forEach((shift, index) => (SIZE_INDEX[shift] = index))

/** The TLB entry of a finished walk: its page is the smaller of the guest's and that of `last`, which has the sPA. */
function translation(cpu: Walker, last: Leaf, nestedSlot: number, nestedAttributes: number): Translation {
  const shift = Math.min(guestLeaf.shift, last.shift)
  const page = asNumber(last.low & -(1 << shift), last.high)
  result.attributes =
    guestLeaf.attributes |
    nestedAttributes |
    SIZE_INDEX[shift] |
    (SIZE_INDEX[guestLeaf.shift] << GUEST_SIZE_SHIFT)
  result.address = asNumber(last.low, last.high)
  result.guestAddress = asNumber(guestLeaf.low, guestLeaf.high)
  result.memoryType = typeOfNewEntry(cpu.state, guestLeaf.patSlot, nestedSlot, page)
  return result
}

/** gVA to gPA, into guestLeaf. Without nested paging that is the sPA. */
function walkGuest(
  cpu: Walker,
  low: number,
  high: number,
  access: Access,
  user: boolean,
  nested: boolean,
): boolean {
  const { words } = cpu.state
  if (!(words[WORD.cr0] & PG)) {
    unpaged(low, high)
    return true
  }
  const cr4 = words[WORD.cr4]
  const format = selectFormat(cpu.model, cr4, words[WORD.efer])
  if (!walkTables(cpu, format, WORD.cr3, low, high, nested, guestLeaf)) {
    if (failure.which === 0) failure.error |= accessBits(access, user, format, cr4)
    return false
  }
  if (!guestAllows(words, guestLeaf.attributes, access, user))
    return fail(PF.P | accessBits(access, user, format, cr4))
  if (!(cr4 & PGE)) guestLeaf.attributes &= ~ENTRY.global
  return markUsed(cpu, guestLeaf, access, nested)
}

/** The identity mapping of paging turned off. */
function unpaged(low: number, high: number): void {
  guestLeaf.low = low
  guestLeaf.high = high
  guestLeaf.shift = 12
  guestLeaf.attributes = ENTRY.user | ENTRY.writable | ENTRY.dirty
  guestLeaf.patSlot = -1
}
