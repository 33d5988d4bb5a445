/**
 * Where L0's pages lie, and what L1 finds at its guest-physical addresses. L1's RAM and devices are where the machine has them:
 * gPA = sPA. Above L1's RAM comes L0's area, which L1's nested tables do not map; to L1 it is memory that nobody backs:
 *
 *   l1Bytes       nested tables of L1: PML5, PML4 for 0..256 TB, PML4 for the rest; PDPT for 0..512 GB, PDPT for
 *                 the rest; four page directories, two page tables
 *   + IOPM        three pages of ones
 *   + MSRPM       two pages for L1, two for L2
 *   + 1 MiB * n   vCPU n: vmcb01, vmcb02, the merged MSRPM of L2, and the pool of its shadow nested tables
 */
const PAGE = 4096
const MIB = 0x10_0000
const [TWO_MIB, GIB, PML4_ENTRY_BYTES] = [0x20_0000, 0x4000_0000, 2 ** 39]

/** System-physical memory, 1 GB, that neither RAM nor a device backs: what L1 must not reach is mapped there. */
const UNBACKED = PML4_ENTRY_BYTES - GIB

/** Entries of L0's nested tables: 7 PS, 2 U/S, 1 R/W, 0 P. */
const TABLE = 7n
const LARGE = 0x87n

export interface VcpuPages {
  readonly vmcb01: number
  readonly vmcb02: number
  readonly msrpm: number
  /** First page of the shadow nested tables, their root, and how many pages there are. */
  readonly shadow: number
  readonly shadowPages: number
}

export interface MemoryMap {
  /** L1's RAM lies below this address. */
  readonly l1Bytes: number
  /** L0's area ends here. */
  readonly end: number
  /** The nested tables that L1 runs on. */
  readonly nCr3: number
  readonly iopm: number
  /** MSRs that L0 intercepts in L1, and in L2. */
  readonly msrpm01: number
  readonly msrpm02: number
  readonly vcpus: readonly VcpuPages[]
}

/** What L0 needs for so many vCPUs, in bytes. */
export function hostBytes(vcpus: number): number {
  return (1 + vcpus) * MIB
}

const TABLE_PAGES = { pml5: 0, pml4: 1, farPml4: 2, pdpt: 3, farPdpt: 4, directories: 5, tables: 9 } as const
const IOPM_PAGE = 16
const MSRPM_PAGE = 20
const SHADOW_PAGE = 4

export function createMemoryMap(l1Bytes: number, vcpus: number): MemoryMap {
  const page = (n: number): number => l1Bytes + n * PAGE
  return {
    l1Bytes,
    end: l1Bytes + hostBytes(vcpus),
    nCr3: page(TABLE_PAGES.pml5),
    iopm: page(IOPM_PAGE),
    msrpm01: page(MSRPM_PAGE),
    msrpm02: page(MSRPM_PAGE + 2),
    vcpus: Array.from({ length: vcpus }, (_, n) => {
      const base = l1Bytes + (1 + n) * MIB
      return {
        vmcb01: base,
        vmcb02: base + PAGE,
        msrpm: base + 2 * PAGE,
        shadow: base + SHADOW_PAGE * PAGE,
        shadowPages: MIB / PAGE - SHADOW_PAGE,
      }
    }),
  }
}

/** Whether L1 has RAM for all of `bytes` bytes at `address`. */
export function isL1Ram({ l1Bytes }: MemoryMap, address: number, bytes: number): boolean {
  return address >= 0 && address + bytes <= l1Bytes
}

/** Whether any of `bytes` bytes at `address` belongs to L0. */
export function overlapsL0({ l1Bytes, end }: MemoryMap, address: number, bytes: number): boolean {
  return address < end && address + bytes > l1Bytes
}

/** The system-physical address of an L1 guest-physical one: the same, unless it is L0's or above 512 GB. */
export function systemPhysical(map: MemoryMap, address: number): number {
  const isLost = overlapsL0(map, address, 1) || address >= PML4_ENTRY_BYTES
  return isLost ? UNBACKED + (address % GIB) : address
}

/** The nested tables of L1, by page: address and 512 entries. */
export function nestedTables(map: MemoryMap): { address: number; entries: BigUint64Array }[] {
  const at = (n: number): number => map.nCr3 + n * PAGE
  const table = (n: number, entry: (i: number) => bigint): { address: number; entries: BigUint64Array } => ({
    address: at(n),
    entries: BigUint64Array.from({ length: 512 }, (_, i) => entry(i)),
  })
  const pageTables: ReturnType<typeof table>[] = []
  /** A 2 MB page, or a page table where only a part of it is L0's. */
  const twoMib = (address: number): bigint => {
    const [first, last] = [address, address + TWO_MIB - PAGE].map((a) => overlapsL0(map, a, PAGE))
    const isSplit = first !== last || (!first && overlapsL0(map, address, TWO_MIB))
    if (!isSplit) return BigInt(systemPhysical(map, address)) | LARGE
    const n = TABLE_PAGES.tables + pageTables.length
    pageTables.push(table(n, (i) => BigInt(systemPhysical(map, address + i * PAGE)) | TABLE))
    return BigInt(at(n)) | TABLE
  }
  const directories = [0, 1, 2, 3].map((n) =>
    table(TABLE_PAGES.directories + n, (i) => twoMib(n * GIB + i * TWO_MIB)),
  )
  return [
    table(TABLE_PAGES.pml5, (i) => BigInt(at(i === 0 ? TABLE_PAGES.pml4 : TABLE_PAGES.farPml4)) | TABLE),
    table(TABLE_PAGES.farPml4, () => BigInt(at(TABLE_PAGES.farPdpt)) | TABLE),
    table(TABLE_PAGES.pml4, (i) => BigInt(at(i === 0 ? TABLE_PAGES.pdpt : TABLE_PAGES.farPdpt)) | TABLE),
    table(TABLE_PAGES.pdpt, (i) =>
      i < 4 ? BigInt(at(TABLE_PAGES.directories + i)) | TABLE : BigInt(i * GIB) | LARGE,
    ),
    table(TABLE_PAGES.farPdpt, () => BigInt(UNBACKED) | LARGE),
    ...directories,
    ...pageTables,
  ]
}
