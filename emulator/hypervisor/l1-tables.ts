/**
 * A walk of L1's nested page tables, for a guest-physical address of L2 (APM vol 2 §15.25). L0 reads and writes them in L1's
 * memory, entry by entry. Their format is that of L1's own paging when it executed VMRUN. A and D are set once the walk has
 * succeeded, as KVM does it. An entry:
 *
 *   63 NX   PAE and long mode      12:51 address   7 PS, a large page   6 D   5 A   2 U/S   1 R/W   0 P
 */
import { CR4, EFER } from '../svm/index.ts'
import { read, write, type Handler } from './effects.ts'
import type { Context } from './context.ts'
import { get, littleEndian } from './vmcb-image.ts'

/** An access to L2's memory. What L2's page walk does counts as a user's (§15.25.5). */
export interface NestedAccess {
  readonly write: boolean
  readonly fetch: boolean
}

/** Where the address lies in L1's memory and what L2 may do there; or the low bits of EXITINFO1 of the fault. */
export type NestedTranslation =
  | {
      readonly kind: 'page'
      readonly address: number
      readonly writable: boolean
      readonly executable: boolean
      /** What the walk read, as it is now. */
      readonly entries: readonly TableEntry[]
    }
  | { readonly kind: 'fault'; readonly error: bigint }

/** An entry of L1's tables, and where it lies. */
export interface TableEntry {
  readonly at: number
  readonly entry: bigint
}

/** EXITINFO1 (§15.25.6): 4 ID, 3 RSV, 2 US, 1 RW, 0 P. Nested accesses are always a user's. */
const ERROR = { present: 1n, write: 2n, user: 4n, reserved: 8n, fetch: 16n } as const

const ENTRY = {
  present: 1n,
  writable: 2n,
  user: 4n,
  accessed: 0x20n,
  dirty: 0x40n,
  large: 0x80n,
  global: 0x100n,
  nx: 1n << 63n,
} as const

export const ACCESSED_OR_DIRTY = ENTRY.accessed | ENTRY.dirty

interface Level {
  /** The entry's index is `bits` bits of the address from bit `shift` on. */
  readonly shift: number
  readonly bits: number
  /** PS makes the entry a page: never, always (there is no PS), or when it is 1. */
  readonly leaf: 'never' | 'always' | 'ps'
  /** The four entries of a PAE guest's top table have neither permissions nor A. */
  readonly isPdpe?: boolean
}

interface Format {
  readonly levels: readonly Level[]
  readonly entryBytes: 4 | 8
  readonly addressBits: number
}

const LONG: Format = {
  levels: [
    { shift: 39, bits: 9, leaf: 'never' },
    { shift: 30, bits: 9, leaf: 'ps' },
    { shift: 21, bits: 9, leaf: 'ps' },
    { shift: 12, bits: 9, leaf: 'always' },
  ],
  entryBytes: 8,
  addressBits: 48,
}

const LONG_5: Format = {
  levels: [{ shift: 48, bits: 9, leaf: 'never' }, ...LONG.levels],
  entryBytes: 8,
  addressBits: 57,
}

const PAE: Format = {
  levels: [{ shift: 30, bits: 2, leaf: 'never', isPdpe: true }, ...LONG.levels.slice(2)],
  entryBytes: 8,
  addressBits: 32,
}

const LEGACY: Format = {
  levels: [
    { shift: 22, bits: 10, leaf: 'ps' },
    { shift: 12, bits: 10, leaf: 'always' },
  ],
  entryBytes: 4,
  addressBits: 32,
}

function formatOf(vmcb01: DataView): Format {
  const cr4 = get(vmcb01, 'save.cr4')
  if (get(vmcb01, 'save.efer') & EFER.LMA) return cr4 & CR4.LA57 ? LONG_5 : LONG
  return cr4 & CR4.PAE ? PAE : LEGACY
}

function bytesOfEntry(entry: bigint, bytes: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(entry).buffer, 0, bytes)
}

/** Bits that must be 0: addresses beyond MAXPHYADDR, NX while L1 has not turned it on, and low address bits of large pages. */
function reservedBits(
  entry: bigint,
  level: Level,
  isLeaf: boolean,
  { addressLimit, nx, isPae }: Rules,
  bytes: number,
): bigint {
  if (bytes === 4) return isLeaf && level.shift > 12 ? entry & 0x0020_0000n : 0n
  let reserved = (1n << 52n) - addressLimit
  if (!nx) reserved |= ENTRY.nx
  if (isPae) reserved |= 0x7ffn << 52n
  if (level.isPdpe) reserved |= 0x1e6n | (0xfffn << 52n)
  else if (isLeaf && level.shift > 12) reserved |= (1n << BigInt(level.shift)) - 0x2000n
  else if (level.leaf === 'never') reserved |= ENTRY.large | ENTRY.global
  return entry & reserved
}

interface Rules {
  readonly addressLimit: bigint
  readonly nx: boolean
  /** Legacy PAE entries have no available bits 62:52 (APM vol 2 §5.2.3). */
  readonly isPae: boolean
}

/** Walks the tables at `nCr3` and sets A, and D for a write, as the processor would (§15.25.5). */
export function* walkL1(
  { facts }: Context,
  vmcb01: DataView,
  nCr3: bigint,
  gpa: number,
  access: NestedAccess,
): Handler<NestedTranslation> {
  const format = formatOf(vmcb01)
  const rules = {
    addressLimit: 1n << BigInt(facts.physicalAddressBits),
    nx: (get(vmcb01, 'save.efer') & EFER.NXE) !== 0n,
    isPae: format === PAE,
  }
  const fault = (present: bigint): NestedTranslation => ({
    kind: 'fault',
    error: present | ERROR.user | (access.write ? ERROR.write : 0n) | fetchBit(vmcb01, rules, access),
  })
  if (gpa >= 2 ** format.addressBits) return fault(0n)
  let table = Number(nCr3 & (format === PAE ? 0xffff_ffe0n : 0x000f_ffff_ffff_f000n))
  let [writable, executable, user] = [true, true, true]
  const pdpes: TableEntry[] = []
  const visited: TableEntry[] = []
  for (const level of format.levels) {
    const at = table + (Math.floor(gpa / 2 ** level.shift) % 2 ** level.bits) * format.entryBytes
    const entry = yield* readEntry(at, format.entryBytes)
    if (!(entry & ENTRY.present)) return fault(0n)
    const isLeaf = level.leaf === 'always' || (level.leaf === 'ps' && isLarge(entry, format, vmcb01))
    if (reservedBits(entry, level, isLeaf, rules, format.entryBytes))
      return fault(ERROR.present | ERROR.reserved)
    if (level.isPdpe) pdpes.push({ at, entry })
    else {
      writable &&= (entry & ENTRY.writable) !== 0n
      user &&= (entry & ENTRY.user) !== 0n
      executable &&= format.entryBytes === 4 || !(entry & ENTRY.nx)
      visited.push({ at, entry })
    }
    if (!isLeaf) {
      table = Number(entry & 0x000f_ffff_ffff_f000n)
      continue
    }
    if (!user || (access.write && !writable) || (access.fetch && !executable)) return fault(ERROR.present)
    const used = usedEntries(visited, access)
    for (const [i, { at, entry }] of used.entries())
      if (entry !== visited[i].entry)
        yield* write(at, bytesOfEntry(entry, format.entryBytes), 'nested table entry')
    const offset = gpa % 2 ** level.shift
    const base = leafBase(entry, level, format)
    const dirty = access.write || (entry & ENTRY.dirty) !== 0n
    // The first write through a clean entry must come back here, to set D.
    return {
      kind: 'page',
      address: base + offset - (offset % 4096),
      writable: writable && dirty,
      executable,
      entries: [...pdpes, ...used],
    }
  }
  return fault(0n)
}

/** ID is reported where fetches can be forbidden (§15.25.6). */
function fetchBit(vmcb01: DataView, { nx }: Rules, { fetch }: NestedAccess): bigint {
  return fetch && (nx || (get(vmcb01, 'save.cr4') & CR4.SMEP) !== 0n) ? ERROR.fetch : 0n
}

function isLarge(entry: bigint, { entryBytes }: Format, vmcb01: DataView): boolean {
  if (!(entry & ENTRY.large)) return false
  return entryBytes === 8 || (get(vmcb01, 'save.cr4') & CR4.PSE) !== 0n
}

/** A 4 MB page has address bits 39:32 in bits 20:13. */
function leafBase(entry: bigint, { shift }: Level, { entryBytes }: Format): number {
  const low = Number((entry & 0x000f_ffff_ffff_f000n) >> BigInt(shift)) * 2 ** shift
  return entryBytes === 4 && shift > 12 ? low + Number((entry >> 13n) & 0xffn) * 2 ** 32 : low
}

/** Memory that L1 does not have reads as ones. */
function* readEntry(at: number, bytes: 4 | 8): Handler<bigint> {
  const entry = yield* read(at, bytes, 'nested table entry')
  return entry === undefined ? (1n << BigInt(bytes * 8)) - 1n : littleEndian(entry)
}

/** With A in each, and D in the last one after a write. */
function usedEntries(visited: readonly TableEntry[], access: NestedAccess): TableEntry[] {
  return visited.map(({ at, entry }, i) => {
    const isLeaf = i === visited.length - 1
    return { at, entry: entry | ENTRY.accessed | (isLeaf && access.write ? ENTRY.dirty : 0n) }
  })
}
