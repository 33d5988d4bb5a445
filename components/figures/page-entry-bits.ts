/** The bits of a page-table entry, for the dissector (APM vol 2 §5.2, §5.3). */
import type { WalkEntry, WalkLevel } from '../../emulator/machine/index.ts'
import type { BitField, BitList } from '../../emulator/svm/index.ts'

/** The names of tables by the lowest address bit that indexes them. */
const TABLE_NAMES: Readonly<Record<number, string>> = {
  12: 'PT',
  21: 'PD',
  22: 'PD',
  30: 'PDP',
  39: 'PML4',
  48: 'PML5',
}

/** "PML4", "PT" */
export function tableName({ shift }: Pick<WalkLevel, 'shift'>): string {
  return TABLE_NAMES[shift]
}

/** "PML4E", "PTE" */
export function entryName(level: Pick<WalkLevel, 'shift'>): string {
  return `${tableName(level)}E`
}

function bit(low: number, name: string, description: string, width = 1): BitField {
  return { key: name.toLowerCase(), name, low, width, description }
}

const CACHING = [
  bit(4, 'PCD', 'Page cache disable: bit 1 of the PAT index in a leaf'),
  bit(3, 'PWT', 'Page write-through: bit 0 of the PAT index in a leaf'),
]
const PERMISSIONS = [
  bit(2, 'U/S', 'CPL 3 may access where it is 1'),
  bit(1, 'R/W', 'Stores are allowed where it is 1'),
]
const PRESENT = bit(0, 'P', 'Present')

/** The fields of an entry from the highest bit down. `levels`: of the tables that it is part of. */
export function pageEntryBits(
  { shift, isLeaf, bytes }: Pick<WalkEntry, 'shift' | 'isLeaf' | 'bytes'>,
  levels: readonly WalkLevel[],
): BitList {
  const top = bytes === 8 ? 52 : 32
  const lowest = isLeaf ? shift : 12
  const address = bit(lowest, 'Address', isLeaf ? 'Of the page' : 'Of the next table', top - lowest)
  // The four PDPEs of legacy PAE have neither permissions nor A.
  if (shift === 30 && levels[0].shift === 30) return { prefix: 'PDPE', bits: [address, ...CACHING, PRESENT] }
  return {
    prefix: entryName({ shift }),
    bits: [
      ...(bytes === 8
        ? [bit(63, 'NX', 'No instruction fetches where it is 1'), bit(52, 'AVL2', 'For software', 11)]
        : []),
      address,
      ...(isLeaf && shift > 12 ? [bit(12, 'PAT', 'Bit 2 of the PAT index')] : []),
      bit(9, 'AVL', 'For software', 3),
      ...(isLeaf ? [bit(8, 'G', 'Global: serves every PCID of its ASID')] : []),
      ...(isLeaf && shift === 12 ? [bit(7, 'PAT', 'Bit 2 of the PAT index')] : []),
      ...(shift > 12 && shift < 39 ? [bit(7, 'PS', 'Maps a large page where it is 1')] : []),
      ...(isLeaf ? [bit(6, 'D', 'Dirty: a store went through')] : []),
      bit(5, 'A', 'Accessed: a walk went through'),
      ...CACHING,
      ...PERMISSIONS,
      PRESENT,
    ],
  }
}
