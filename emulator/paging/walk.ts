/**
 * Page walks: the guest's tables, the nested tables, and the two together (APM vol 2 §5.4, §15.25).
 *
 * With nested paging every guest-physical address, those of table entries and gCR3 included, goes through the nested tables:
 * a walk of n guest levels over m nested levels reads up to (n + 1)(m + 1) - 1 entries.
 */
import { AC } from '../isa/registers.ts'
import { ACCESS, type Access, type Cpu } from '../state/cpu.ts'
import { Exit, Fault, VECTOR } from '../state/faults.ts'
import { OFFSET } from '../state/layout.ts'
import { CR0, CR4, EFER } from '../state/mode.ts'
import { selectFormat, PTE, type Format, type Level } from './formats.ts'
import { typeOfNewEntry } from './entry-type.ts'
import { patSlot } from './memory-types.ts'
import { ENTRY, GUEST_SIZE_SHIFT, PAGE_SHIFT, type Translation } from './tlb.ts'

/** #PF and #NPF error-code bits (APM vol 2 §8.4.2, §15.25.6). */
export const PF = { P: 1, RW: 2, US: 4, RSV: 8, ID: 16 } as const

/** EXITINFO1 bits that say which access of a nested walk failed. */
const NPF_FINAL = 1n << 32n
const NPF_TABLE = 1n << 33n
const EXIT_NPF = 0x400

/** A leaf, with the permissions of all levels combined. */
interface Leaf {
  /** Physical address of the byte that was asked for, its page offset included. */
  address: number
  shift: number
  user: boolean
  writable: boolean
  noExecute: boolean
  global: boolean
  dirty: boolean
  /** The PAT slot that the leaf selects, 0..7; -1 where paging is off. */
  patSlot: number
}

/** Reads and updates entries for a walk: the guest's go through the nested tables, nested and plain ones do not. */
type EntryAddress = (guestAddress: number) => number

interface WalkFailure {
  /** Error-code bits P and RSV. */
  readonly error: number
}

interface WalkRequest {
  readonly root: number
  readonly format: Format
  readonly noExecuteEnabled: boolean
  readonly linearLow: number
  readonly linearHigh: number
  readonly entryAddress: EntryAddress
}

/** Bits of an entry's high word that must be zero: the address bits from MAXPHYADDR to 51, and NX when it is off. */
function reservedHigh(cpu: Cpu, format: Format, level: Level, noExecuteEnabled: boolean): number {
  const implemented = cpu.model.physicalAddressBits - 32
  let mask = implemented >= 20 ? 0 : 0xf_ffff & ~((1 << implemented) - 1)
  if (!noExecuteEnabled) mask |= PTE.NX
  // Legacy PAE entries have no available bits 62:52; a PDPE has no NX either (APM vol 2 §5.2.3).
  if (format.levels.length === 3) mask |= level.noPermissions ? 0xfff0_0000 : 0x7ff0_0000
  return mask >>> 0
}

/** Index of a linear address into the table at a level. */
function tableIndex(low: number, high: number, level: Level): number {
  const shifted =
    level.shift >= 32 ? high >>> (level.shift - 32) : (low >>> level.shift) | shiftedHigh(high, level.shift)
  return shifted & ((1 << level.bits) - 1)
}

function shiftedHigh(high: number, shift: number): number {
  return shift === 0 ? 0 : high << (32 - shift)
}

/**
 * Walks one set of tables. Sets A on the way; the caller sets A and D of the leaf through `commit` once permissions are known
 * to hold. Returns the leaf, or the error-code bits of a not-present or reserved-bit fault.
 */
function walkTables(cpu: Cpu, request: WalkRequest): (Leaf & { commit(write: boolean): void }) | WalkFailure {
  const { format, linearLow, linearHigh } = request
  const memory = cpu.memory
  let table = request.root
  let user = true
  let writable = true
  let noExecute = false
  for (const level of format.levels) {
    const at = request.entryAddress(table + tableIndex(linearLow, linearHigh, level) * format.entryBytes)
    const low = memory.read32(at)
    const high = format.entryBytes === 8 ? memory.read32(at + 4) : 0
    if (!(low & PTE.P)) return { error: 0 }
    const isLeaf = level.leaf === 'always' || (level.leaf === 'with PS' && (low & PTE.PS) !== 0)
    const reservedLow = isLeaf ? level.reservedLeaf : level.reservedTable
    const reserved =
      low & reservedLow ||
      (format.entryBytes === 8 && high & reservedHigh(cpu, format, level, request.noExecuteEnabled))
    if (reserved) return { error: PF.P | PF.RSV }
    if (!level.noPermissions) {
      user &&= (low & PTE.US) !== 0
      writable &&= (low & PTE.RW) !== 0
      noExecute ||= (high & PTE.NX) !== 0
    }
    if (!isLeaf) {
      if (!(low & PTE.A) && !level.noPermissions) memory.write32(at, low | PTE.A)
      table = (high & 0xf_ffff) * 0x1_0000_0000 + ((low & 0xffff_f000) >>> 0)
      continue
    }
    const pageBytes = 1 << level.shift
    // A 4 MB PSE leaf has physical-address bits 39:32 in bits 20:13.
    const above = level.shift === 22 ? (low >>> 13) & 0xff : high & 0xf_ffff
    const frame = above * 0x1_0000_0000 + ((low & ~(pageBytes - 1) & 0xffff_f000) >>> 0)
    return {
      address: frame + (linearLow & (pageBytes - 1)),
      shift: level.shift,
      user,
      writable,
      noExecute,
      global: (low & PTE.G) !== 0,
      dirty: (low & PTE.D) !== 0,
      patSlot: patSlot(low, level.shift > 12),
      commit(write) {
        const bits = PTE.A | (write ? PTE.D : 0)
        if ((low & bits) !== bits) memory.write32(at, low | bits)
      },
    }
  }
  throw new RangeError(`format ${format.name} has no leaf level`)
}

/** Low words of the registers that a walk depends on. */
function lowWord(cpu: Cpu, field: 'cr0' | 'cr3' | 'cr4' | 'efer' | 'nCr3' | 'hostCr4' | 'hostEfer'): number {
  return cpu.state.words[OFFSET[field] >> 2]
}

/** Physical address of the top-level table that a CR3 value names (APM vol 2 §3.1.2, §5.4.1). */
function tableRoot(low: number, high: number, format: Format): number {
  const mask = format.levels.length === 3 ? 0xffff_ffe0 : 0xffff_f000
  const above = format.levels.length >= 4 ? high & 0xf_ffff : 0
  return above * 0x1_0000_0000 + ((low & mask) >>> 0)
}

/**
 * gPA to sPA through the nested tables. Every access is a user access; reads of guest tables count as writes because the walker
 * may set A and D (APM vol 2 §15.25.5). Throws Exit(#NPF) with EXITINFO1 of §15.25.6 and the gPA in EXITINFO2.
 */
function walkNested(cpu: Cpu, guestAddress: number, access: Access, which: bigint): Leaf {
  const hostCr4 = lowWord(cpu, 'hostCr4')
  const hostEfer = lowWord(cpu, 'hostEfer')
  const format = selectFormat(hostCr4, hostEfer, cpu.model)
  const noExecuteEnabled = (hostEfer & Number(EFER.NXE)) !== 0
  const high = cpu.state.words[(OFFSET.nCr3 >> 2) + 1]
  const leaf = walkTables(cpu, {
    root: tableRoot(lowWord(cpu, 'nCr3'), high, format),
    format,
    noExecuteEnabled,
    linearLow: guestAddress >>> 0,
    linearHigh: Math.floor(guestAddress / 0x1_0000_0000),
    entryAddress: (address) => address,
  })
  const fetchBit = access === ACCESS.execute && (noExecuteEnabled || hostCr4 & Number(CR4.SMEP)) ? PF.ID : 0
  const accessBits = PF.US | (access === ACCESS.write ? PF.RW : 0) | fetchBit
  if ('error' in leaf) return nestedFault(leaf.error | accessBits)
  const denied =
    !leaf.user || (access === ACCESS.write && !leaf.writable) || (access === ACCESS.execute && leaf.noExecute)
  if (denied) return nestedFault(PF.P | accessBits)
  leaf.commit(access === ACCESS.write)
  return leaf

  function nestedFault(error: number): never {
    throw new Exit(EXIT_NPF, which | BigInt(error), BigInt(guestAddress), access === ACCESS.execute)
  }
}

/** The sPA of a guest-physical address that the running guest names itself. Throws Exit (#NPF). */
export function translateGuestPhysical(cpu: Cpu, address: number, access: Access): number {
  return walkNested(cpu, address, access, NPF_FINAL).address
}

/** The identity mapping of paging turned off. */
function unpaged(low: number, high: number): Leaf {
  return {
    address: high * 0x1_0000_0000 + low,
    shift: 12,
    user: true,
    writable: true,
    noExecute: false,
    global: false,
    dirty: true,
    patSlot: -1,
  }
}

/** True when linear addresses are translated at all: by the guest's tables, by nested ones, or both. */
export function isTranslated(cpu: Cpu): boolean {
  return (lowWord(cpu, 'cr0') & Number(CR0.PG)) !== 0 || isNested(cpu)
}

function isNested(cpu: Cpu): boolean {
  return cpu.state.guestMode !== 0 && cpu.state.nestedPaging !== 0
}

/** Whether the combined permissions of the guest's tables allow an access (APM vol 2 §5.6). */
export function isAllowed(
  cpu: Cpu,
  access: Access,
  user: boolean,
  page: { user: boolean; writable: boolean; noExecute: boolean },
): boolean {
  const cr4 = lowWord(cpu, 'cr4')
  if (user) {
    if (!page.user) return false
    if (access === ACCESS.write) return page.writable
    return access === ACCESS.read || !page.noExecute
  }
  if (access === ACCESS.execute) return !page.noExecute && !(page.user && cr4 & Number(CR4.SMEP))
  if (page.user && cr4 & Number(CR4.SMAP) && !(cpu.state.flagsOther & AC)) return false
  return access === ACCESS.read || page.writable || !(lowWord(cpu, 'cr0') & Number(CR0.WP))
}

/**
 * The full walk for one access. `low` and `high` are the halves of the linear address.
 * Throws Fault (#PF with its error code) or Exit (#NPF).
 */
export function walk(cpu: Cpu, low: number, high: number, access: Access, user: boolean): Translation {
  const nested = isNested(cpu)
  const guest = walkGuest(cpu, low, high, access, user, nested)
  if (!nested) return translation(cpu, guest, guest.address, guest.shift, -1, true, false)
  const host = walkNested(cpu, guest.address, access, NPF_FINAL)
  return translation(
    cpu,
    guest,
    host.address,
    Math.min(guest.shift, host.shift),
    host.patSlot,
    // D of the nested leaf must be set by the first store, so until then the entry does not allow one.
    host.writable && (host.dirty || access === ACCESS.write),
    host.noExecute,
  )
}

function sizeIndex(shift: number): number {
  return PAGE_SHIFT.indexOf(shift as (typeof PAGE_SHIFT)[number])
}

function translation(
  cpu: Cpu,
  guest: Leaf,
  address: number,
  shift: number,
  nestedSlot: number,
  nestedWritable: boolean,
  nestedNoExecute: boolean,
): Translation {
  const attributes =
    sizeIndex(shift) |
    (sizeIndex(guest.shift) << GUEST_SIZE_SHIFT) |
    (guest.user ? ENTRY.user : 0) |
    (guest.writable ? ENTRY.writable : 0) |
    (guest.noExecute ? ENTRY.noExecute : 0) |
    (guest.global ? ENTRY.global : 0) |
    (guest.dirty ? ENTRY.dirty : 0) |
    (nestedWritable ? ENTRY.nestedWritable : 0) |
    (nestedNoExecute ? ENTRY.nestedNoExecute : 0)
  const page = address - (address & ((1 << shift) - 1))
  const memoryType = typeOfNewEntry(cpu.state, guest.patSlot, nestedSlot, page)
  return { attributes, address, guestAddress: guest.address, memoryType }
}

function walkGuest(
  cpu: Cpu,
  low: number,
  high: number,
  access: Access,
  user: boolean,
  nested: boolean,
): Leaf {
  if (!(lowWord(cpu, 'cr0') & Number(CR0.PG))) return unpaged(low, high)
  const cr4 = lowWord(cpu, 'cr4')
  const efer = lowWord(cpu, 'efer')
  const format = selectFormat(cr4, efer, cpu.model)
  const noExecuteEnabled = (efer & Number(EFER.NXE)) !== 0
  const leaf = walkTables(cpu, {
    root: tableRoot(lowWord(cpu, 'cr3'), cpu.state.words[(OFFSET.cr3 >> 2) + 1], format),
    format,
    noExecuteEnabled,
    linearLow: low,
    linearHigh: high,
    entryAddress: nested
      ? (address) => walkNested(cpu, address, ACCESS.write, NPF_TABLE).address
      : (address) => address,
  })
  const fetchReported = (noExecuteEnabled && format.entryBytes === 8) || cr4 & Number(CR4.SMEP)
  const accessBits =
    (user ? PF.US : 0) |
    (access === ACCESS.write ? PF.RW : 0) |
    (access === ACCESS.execute && fetchReported ? PF.ID : 0)
  if ('error' in leaf) return pageFault(leaf.error | accessBits)
  if (!isAllowed(cpu, access, user, leaf)) return pageFault(PF.P | accessBits)
  leaf.commit(access === ACCESS.write)
  leaf.dirty ||= access === ACCESS.write
  leaf.global &&= (cr4 & Number(CR4.PGE)) !== 0
  return leaf

  function pageFault(error: number): never {
    throw new Fault(VECTOR.PF, error, (BigInt(high) << 32n) | BigInt(low), 0, access === ACCESS.execute)
  }
}
