/** The page-table formats, as data (APM vol 2 §5.2, §5.3). One walker serves them all. */
import type { CpuModel } from '../state/cpu.ts'
import { CR4, EFER } from '../state/mode.ts'

/**
 * A page-table entry, 64-bit formats:
 *
 *   63  62:52      51:12            11:9  8  7    6  5  4    3    2    1    0
 *   NX  available  physical address avail G  PS/  D  A  PCD  PWT  U/S  R/W  P
 *                                            PAT
 *
 * A legacy 32-bit entry has bits 31:0 only. In a leaf larger than 4 KB the PAT bit is bit 12.
 */
export const PTE = {
  P: 1,
  RW: 1 << 1,
  US: 1 << 2,
  PWT: 1 << 3,
  PCD: 1 << 4,
  A: 1 << 5,
  D: 1 << 6,
  PS: 1 << 7,
  G: 1 << 8,
  /** In the high word. */
  NX: 0x8000_0000,
} as const

/** Where an entry at this level may be a leaf, and which bits must be zero. */
export interface Level {
  /** Lowest linear-address bit that indexes this level's table. */
  readonly shift: number
  /** Index width in bits. */
  readonly bits: number
  /** PS = 1 makes the entry a leaf; 'always' for the last level. */
  readonly leaf: 'never' | 'with PS' | 'always'
  /** Low-word bits that must be zero in an entry that points to a table. */
  readonly reservedTable: number
  /** Low-word bits that must be zero in a leaf. */
  readonly reservedLeaf: number
  /** The entry has no permission bits: a legacy PDPE. */
  readonly noPermissions?: boolean
}

export interface Format {
  readonly name: string
  readonly entryBytes: 4 | 8
  readonly levels: readonly Level[]
}

const MBZ_PS_G = PTE.PS | PTE.G
/** Address bits below the page size, above the PAT bit 12. */
const BELOW_2M = 0x1f_e000
const BELOW_1G = 0x3fff_e000

const PT: Level = { shift: 12, bits: 9, leaf: 'always', reservedTable: 0, reservedLeaf: 0 }
const PD: Level = { shift: 21, bits: 9, leaf: 'with PS', reservedTable: 0, reservedLeaf: BELOW_2M }
const PDP: Level = { shift: 30, bits: 9, leaf: 'with PS', reservedTable: 0, reservedLeaf: BELOW_1G }
const PDP_NO_1G: Level = { ...PDP, leaf: 'never', reservedTable: PTE.PS }
const PML4: Level = { shift: 39, bits: 9, leaf: 'never', reservedTable: MBZ_PS_G, reservedLeaf: 0 }
const PML5: Level = { ...PML4, shift: 48 }
/** A legacy PDPE: bits 2:1 and 8:5 must be zero (APM vol 2 figure 5-11). */
export const LEGACY_PDP: Level = {
  shift: 30,
  bits: 2,
  leaf: 'never',
  reservedTable: 0x1e6,
  reservedLeaf: 0,
  noPermissions: true,
}

const FORMATS = {
  legacy: {
    name: '32-bit',
    entryBytes: 4,
    levels: [
      { shift: 22, bits: 10, leaf: 'never', reservedTable: 0, reservedLeaf: 0 },
      { shift: 12, bits: 10, leaf: 'always', reservedTable: 0, reservedLeaf: 0 },
    ],
  },
  pse: {
    name: '32-bit with PSE',
    entryBytes: 4,
    levels: [
      // Bits 20:13 of a 4 MB leaf are physical-address bits 39:32, bit 21 must be zero (APM vol 2 §5.2.2).
      { shift: 22, bits: 10, leaf: 'with PS', reservedTable: 0, reservedLeaf: 1 << 21 },
      { shift: 12, bits: 10, leaf: 'always', reservedTable: 0, reservedLeaf: 0 },
    ],
  },
  pae: { name: 'PAE', entryBytes: 8, levels: [LEGACY_PDP, PD, PT] },
  long4: { name: '4-level', entryBytes: 8, levels: [PML4, PDP, PD, PT] },
  long4NoGigabyte: { name: '4-level', entryBytes: 8, levels: [PML4, PDP_NO_1G, PD, PT] },
  long5: { name: '5-level', entryBytes: 8, levels: [PML5, PML4, PDP, PD, PT] },
  long5NoGigabyte: { name: '5-level', entryBytes: 8, levels: [PML5, PML4, PDP_NO_1G, PD, PT] },
} as const satisfies Record<string, Format>

/** The format that CR4 and EFER select; `cr4` and `efer` are the low words. */
export function selectFormat(cr4: number, efer: number, model: CpuModel): Format {
  if (efer & Number(EFER.LMA)) {
    const gigabyte = model.has('page1gb')
    if (cr4 & Number(CR4.LA57)) return gigabyte ? FORMATS.long5 : FORMATS.long5NoGigabyte
    return gigabyte ? FORMATS.long4 : FORMATS.long4NoGigabyte
  }
  if (cr4 & Number(CR4.PAE)) return FORMATS.pae
  return cr4 & Number(CR4.PSE) ? FORMATS.pse : FORMATS.legacy
}
