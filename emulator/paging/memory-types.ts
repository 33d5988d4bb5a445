/**
 * Memory types: how a PAT slot is chosen, and how guest PAT, nested PAT, MTRR and CR0.CD come to one type
 * (APM vol 2 §7.4, §7.7.5, §7.8, §15.25.8).
 */

/**
 * Types in the order of their encodings in PAT and MTRRs. The registers reserve 2 and 3; here they stand for the two types
 * that only arise by combination. UC- (7) exists in PAT alone: combination with an MTRR resolves it.
 */
export const MEMORY_TYPES = ['UC', 'WC', 'CD', 'WC+', 'WT', 'WP', 'WB', 'UC-'] as const

export type MemoryType = (typeof MEMORY_TYPES)[number]
export type PatType = 'UC' | 'UC-' | 'WC' | 'WP' | 'WT' | 'WB'
export type MtrrType = 'UC' | 'WC' | 'WP' | 'WT' | 'WB'
/** What an access can have in the end. */
export type EffectiveType = Exclude<MemoryType, 'UC-'>

/** Position in MEMORY_TYPES: the encoding of PAT and MTRRs. */
export const TYPE_CODE = Object.fromEntries(MEMORY_TYPES.map((name, code) => [name, code])) as Readonly<
  Record<MemoryType, number>
>

/**
 * Guest PAT (rows) and nested PAT (columns) to the combined type (APM vol 2 table 15-19). WC+ is write-combining that snoops
 * the caches: the guest asked for WC where the host's mapping is cacheable.
 */
// prettier-ignore
export const GUEST_WITH_NESTED: Readonly<Record<PatType, Readonly<Record<PatType, PatType | 'WC+'>>>> = {
  //       nested:   UC          UC-          WC          WP          WT          WB
  'UC':  { 'UC': 'UC', 'UC-': 'UC',  'WC': 'UC', 'WP': 'UC',  'WT': 'UC',  'WB': 'UC' },
  'UC-': { 'UC': 'UC', 'UC-': 'UC-', 'WC': 'WC', 'WP': 'UC',  'WT': 'UC',  'WB': 'UC' },
  'WC':  { 'UC': 'WC', 'UC-': 'WC',  'WC': 'WC', 'WP': 'WC+', 'WT': 'WC+', 'WB': 'WC+' },
  'WP':  { 'UC': 'UC', 'UC-': 'UC',  'WC': 'UC', 'WP': 'WP',  'WT': 'UC',  'WB': 'WP' },
  'WT':  { 'UC': 'UC', 'UC-': 'UC',  'WC': 'UC', 'WP': 'UC',  'WT': 'WT',  'WB': 'WT' },
  'WB':  { 'UC': 'UC', 'UC-': 'UC',  'WC': 'WC', 'WP': 'WP',  'WT': 'WT',  'WB': 'WB' },
}

/**
 * PAT or combined type (rows) and MTRR (columns) to the effective type (APM vol 2 table 7-11; with the row WC+, table 15-20).
 * CD is uncacheable like UC, but its accesses look into the caches.
 */
// prettier-ignore
export const PAT_WITH_MTRR: Readonly<Record<PatType | 'WC+', Readonly<Record<MtrrType, EffectiveType>>>> = {
  //       MTRR:     UC          WC          WP           WT           WB
  'UC':  { 'UC': 'UC', 'WC': 'CD', 'WP': 'CD',  'WT': 'CD',  'WB': 'CD' },
  'UC-': { 'UC': 'UC', 'WC': 'WC', 'WP': 'CD',  'WT': 'CD',  'WB': 'CD' },
  'WC':  { 'UC': 'WC', 'WC': 'WC', 'WP': 'WC',  'WT': 'WC',  'WB': 'WC' },
  'WC+': { 'UC': 'WC', 'WC': 'WC', 'WP': 'WC+', 'WT': 'WC+', 'WB': 'WC+' },
  'WP':  { 'UC': 'UC', 'WC': 'CD', 'WP': 'WP',  'WT': 'CD',  'WB': 'WP' },
  'WT':  { 'UC': 'UC', 'WC': 'CD', 'WP': 'CD',  'WT': 'WT',  'WB': 'WT' },
  'WB':  { 'UC': 'UC', 'WC': 'WC', 'WP': 'WP',  'WT': 'WT',  'WB': 'WB' },
}

/** CR0.CD turns caching off: what could be cached becomes CD (APM vol 2 §7.6.2). UC, WC and CD are not cached anyway. */
const CACHE_DISABLED: Readonly<Record<EffectiveType, EffectiveType>> = {
  UC: 'UC',
  WC: 'WC',
  CD: 'CD',
  'WC+': 'CD',
  WT: 'CD',
  WP: 'CD',
  WB: 'CD',
}

/** What decides the type of an access. */
export interface TypeSources {
  /** Type of the slot that the guest's leaf (or, without a guest, the only leaf) selects; WB where paging is off. */
  readonly guestPat: PatType
  /** Type of the slot that the nested leaf selects in the host's PAT; undefined without nested paging. */
  readonly nestedPat: PatType | undefined
  /** Type that the MTRRs give to the system-physical address. */
  readonly mtrr: MtrrType
  /** CR0.CD of whoever runs; with nested paging also that of its host (APM vol 2 §15.25.8). */
  readonly cacheDisable: boolean
}

/** Sources and every step from them to the effective type. */
export interface TypeDerivation extends TypeSources {
  /** After guest and nested PAT are combined; the guest's type without nested paging. */
  readonly combinedPat: PatType | 'WC+'
  readonly withMtrr: EffectiveType
  readonly effective: EffectiveType
}

/** The effective memory type of an access, step by step. */
export function deriveType(sources: TypeSources): TypeDerivation {
  const { guestPat, nestedPat, mtrr, cacheDisable } = sources
  const combinedPat = nestedPat === undefined ? guestPat : GUEST_WITH_NESTED[guestPat][nestedPat]
  const withMtrr = PAT_WITH_MTRR[combinedPat][mtrr]
  return {
    guestPat,
    nestedPat,
    mtrr,
    cacheDisable,
    combinedPat,
    withMtrr,
    effective: cacheDisable ? CACHE_DISABLED[withMtrr] : withMtrr,
  }
}

/**
 * The PAT slot, 0..7, that a leaf selects: PAT * 4 + PCD * 2 + PWT. `low` is the entry's low word. PAT is bit 7 in the entry
 * of a 4 KB page and bit 12 in larger leaves, where bit 7 is PS (APM vol 2 §7.8.2).
 */
export function patSlot(low: number, isLargePage: boolean): number {
  const pat = isLargePage ? (low >>> 12) & 1 : (low >>> 7) & 1
  return (pat << 2) | ((low >>> 3) & 3)
}

/** The type code, 0..7, in slot `slot` of a PAT whose halves are `low` and `high`. */
export function patTypeCode(low: number, high: number, slot: number): number {
  return ((slot < 4 ? low : high) >>> ((slot & 3) * 8)) & 7
}

/** The type in slot `slot`, 0..7, of a valid PAT value. */
export function patType(pat: bigint, slot: number): PatType {
  return MEMORY_TYPES[Number((pat >> BigInt(slot * 8)) & 7n)] as PatType
}
