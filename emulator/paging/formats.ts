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
interface LevelShape {
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
  /** The entry has neither permission bits nor A: a legacy PDPE. */
  readonly noPermissions: boolean
}

interface FormatShape {
  readonly name: string
  readonly entryBytes: 4 | 8
  readonly levels: readonly LevelShape[]
  /** Bits of CR3, by halves, that name the top-level table (APM vol 2 §3.1.2, §5.4.1). */
  readonly rootLow: number
  readonly rootHigh: number
  /** Width of the linear addresses that the tables translate, less 32. */
  readonly highBits: number
}

/** A level with what the processor and EFER.NXE add. */
export interface Level extends LevelShape {
  /** High-word bits that must be zero: address bits from MAXPHYADDR to 51, NX while it is off. */
  readonly reservedHigh: number
}

export interface Format extends FormatShape {
  readonly levels: readonly Level[]
  /** Entries have an NX bit and EFER.NXE is set. */
  readonly noExecute: boolean
}

/** Address bits below the page size, above the PAT bit 12. */
const BELOW_2M = 0x1f_e000
const BELOW_1G = 0x3fff_e000
/** Bits 20:13 of a 4 MB leaf: physical-address bits 39:32 where the processor has PSE-36 (APM vol 2 §5.2.2). */
const PSE_36 = 0x1f_e000

function level(
  shift: number,
  bits: number,
  leaf: LevelShape['leaf'],
  { reservedTable = 0, reservedLeaf = 0, noPermissions = false } = {},
): LevelShape {
  return { shift, bits, leaf, reservedTable, reservedLeaf, noPermissions }
}

/** A legacy PDPE: bits 2:1 and 8:5 must be zero (APM vol 2 figure 5-11). */
export const LEGACY_PDP = level(30, 2, 'never', { reservedTable: 0x1e6, noPermissions: true })

const LEGACY_PT = level(12, 10, 'always')
const PT = level(12, 9, 'always')
const PD = level(21, 9, 'with PS', { reservedLeaf: BELOW_2M })
const PML4 = level(39, 9, 'never', { reservedTable: PTE.PS | PTE.G })
const PML5 = { ...PML4, shift: 48 }

/** The formats of a processor in the order of selectFormat(), without what EFER.NXE decides. */
function formatShapes(model: CpuModel): readonly FormatShape[] {
  const pse36 = model.has('pse36') ? 0 : PSE_36
  const pdp = model.has('page1gb')
    ? level(30, 9, 'with PS', { reservedLeaf: BELOW_1G })
    : level(30, 9, 'never', { reservedTable: PTE.PS })
  const legacy = { entryBytes: 4, rootLow: 0xffff_f000, rootHigh: 0, highBits: 0 } as const
  const long = { entryBytes: 8, rootLow: 0xffff_f000, rootHigh: 0xf_ffff } as const
  return [
    { ...legacy, name: '32-bit', levels: [level(22, 10, 'never'), LEGACY_PT] },
    {
      ...legacy,
      name: '32-bit with PSE',
      levels: [level(22, 10, 'with PS', { reservedLeaf: (1 << 21) | pse36 }), LEGACY_PT],
    },
    { ...legacy, name: 'PAE', entryBytes: 8, rootLow: 0xffff_ffe0, levels: [LEGACY_PDP, PD, PT] },
    { ...long, name: '4-level', highBits: 16, levels: [PML4, pdp, PD, PT] },
    { ...long, name: '5-level', highBits: 25, levels: [PML5, PML4, pdp, PD, PT] },
  ]
}

/** Bits of an entry's high word that must be zero. */
function reservedHigh(model: CpuModel, { name }: FormatShape, level: LevelShape, noExecute: boolean): number {
  const implemented = model.physicalAddressBits - 32
  let mask = implemented >= 20 ? 0 : 0xf_ffff & ~((1 << implemented) - 1)
  if (!noExecute) mask |= PTE.NX
  // Legacy PAE entries have no available bits 62:52; a PDPE has no NX either (APM vol 2 §5.2.3).
  if (name === 'PAE') mask |= level.noPermissions ? 0xfff0_0000 : 0x7ff0_0000
  return mask
}

/** For each shape two formats: with EFER.NXE = 0 and 1. */
function createFormats(model: CpuModel): Format[] {
  return formatShapes(model).flatMap((shape) =>
    [false, true].map((enabled) => {
      const noExecute = enabled && shape.entryBytes === 8
      const levels = shape.levels.map((level) => ({
        ...level,
        reservedHigh: reservedHigh(model, shape, level, noExecute),
      }))
      return { ...shape, levels, noExecute }
    }),
  )
}

const LMA = Number(EFER.LMA)
const NXE = Number(EFER.NXE)
const LA57 = Number(CR4.LA57)
const PAE = Number(CR4.PAE)
const PSE = Number(CR4.PSE)

/** The formats of the model that walked last. */
let formats: Format[] = []
let formatsModel: CpuModel | undefined

/** The format that CR4 and EFER select on a processor; `cr4` and `efer` are the low words. */
export function selectFormat(model: CpuModel, cr4: number, efer: number): Format {
  if (model !== formatsModel) {
    formats = createFormats(model)
    formatsModel = model
  }
  const noExecute = efer & NXE ? 1 : 0
  if (efer & LMA) return formats[(cr4 & LA57 ? 8 : 6) + noExecute]
  if (cr4 & PAE) return formats[4 + noExecute]
  return formats[(cr4 & PSE ? 2 : 0) + noExecute]
}
