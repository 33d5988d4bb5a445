/**
 * The VMCB state cache (APM vol 2 §15.15): a processor may keep what it loaded from a VMCB and what it wrote back, and use its
 * copy in the next VMRUN for every group of fields whose clean bit is 1. The tag is the VMCB's physical address.
 *
 * The copy is made of the VMCB's own words and lies in the vCPU block, so that snapshots and digests have it.
 */
import type { Cpu } from '../state/cpu.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { CLEAN_BITS, type CleanGroup } from './bits.ts'
import { controlMasks } from './control-masks.ts'
import { fieldValue } from './checks.ts'
import { LBR_VIRTUALIZATION } from './last-branches.ts'
import { offsetOf, VMCB_BYTES, VMCB_FIELDS, type VmcbField } from './fields.ts'
import type { VmcbPage } from './vmcb-page.ts'

const CACHED_FIELDS = VMCB_FIELDS.filter(({ clean, moved }) => clean !== undefined && moved.includes('vmrun'))

/** A word of the VMCB that the cache keeps, or the part of it that belongs to a group. */
interface CachedWord {
  readonly offset: number
  readonly group: number
  readonly mask: number
  /** #VMEXIT stores it: the cache takes what is then in memory. */
  readonly writtenBack: boolean
}

/** The number of a group's clean bit. */
function cleanBit(group: CleanGroup): number {
  return CLEAN_BITS.bits.find(({ key }) => key === group)!.low
}

/** The bits of the 32 at `offset` that a field occupies. */
function maskWithin(field: VmcbField, offset: number): number {
  let mask = 0
  for (let byte = 0; byte < 4; byte++) {
    const at = offset + byte - field.offset
    if (at >= 0 && at < field.bytes) mask |= 0xff << (byte * 8)
  }
  return mask
}

/** V_IRQ and V_TPR change in the processor, which holds the rest of their word as it was loaded: see keepStored(). */
const VIRTUAL_INTERRUPT = offsetOf('control.virtual_interrupt')

function cachedWords(): CachedWord[] {
  const words = new Map<number, CachedWord>()
  for (const field of CACHED_FIELDS) {
    for (let offset = field.offset & ~3; offset < field.offset + field.bytes; offset += 4) {
      words.set(offset, {
        offset,
        group: cleanBit(field.clean!),
        mask: maskWithin(field, offset) | (words.get(offset)?.mask ?? 0),
        writtenBack: field.moved.includes('vmexit') && field.offset !== VIRTUAL_INTERRUPT,
      })
    }
  }
  return [...words.values()]
}

/** Word n of the cache is CACHED_WORDS[n]. No word has two groups (state-cache.test.ts). */
export const CACHED_WORDS: readonly CachedWord[] = cachedWords()
const VIRTUAL_INTERRUPT_INDEX = CACHED_WORDS.findIndex(({ offset }) => offset === VIRTUAL_INTERRUPT)

const CLEAN_FIELD = offsetOf('control.clean_bits')
const NP_GROUP = 1 << cleanBit('np')
const LBR_GROUP = 1 << cleanBit('lbr')
const ALL_GROUPS = CACHED_WORDS.reduce((groups, { group }) => groups | (1 << group), 0)

/** Bits that `seed` and the time give: the same in every repetition of a run. */
function randomBits(seed: number, instructions: number): number {
  let bits = Math.imul(seed ^ instructions, 0x9e37_79b1)
  bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35)
  return bits ^ (bits >>> 16)
}

/** The groups, as clean bits, that a VMRUN of this VMCB takes from the cache. */
function groupsFromCache({ state, stateCache, model }: Cpu, vmcb: VmcbPage, address: number): number {
  if (stateCache === undefined || state.vmcbCacheTag !== address) return 0
  const usable = vmcb.word(CLEAN_FIELD) & controlMasks(model).clean & state.vmcbCacheGroups
  return stateCache.policy === 'random' ? usable & randomBits(stateCache.seed, state.instructions) : usable
}

const merged = new Uint32Array(VMCB_BYTES / 4)

/**
 * Turns the view of a VMCB into what VMRUN checks and loads: memory, except for the groups that the cache holds and the policy
 * uses. Returns these, as clean bits.
 */
export function mergeCache(cpu: Cpu, vmcb: VmcbPage, address: number): number {
  const fromCache = groupsFromCache(cpu, vmcb, address)
  if (fromCache === 0) return 0
  for (let word = 0; word < merged.length; word++) merged[word] = vmcb.word(word * 4)
  const cache = cpu.state.vmcbCache
  CACHED_WORDS.forEach(({ offset, group, mask }, n) => {
    if ((fromCache >>> group) & 1) merged[offset >> 2] = (merged[offset >> 2] & ~mask) | (cache[n] & mask)
  })
  vmcb.readFrom(merged)
  return fromCache
}

/** Keeps what VMRUN has loaded; that depends on nested paging and LBR virtualization. */
export function keepLoaded({ state, stateCache }: Cpu, vmcb: VmcbPage, address: number): void {
  if (stateCache === undefined) return
  const cache = state.vmcbCache
  CACHED_WORDS.forEach(({ offset }, n) => {
    cache[n] = vmcb.word(offset)
  })
  state.vmcbCacheTag = address
  state.vmcbCacheGroups = ALL_GROUPS
  if (!state.nestedPaging) state.vmcbCacheGroups &= ~NP_GROUP
  if (!(state.virtualizationExtensions & LBR_VIRTUALIZATION)) state.vmcbCacheGroups &= ~LBR_GROUP
}

/** Keeps what #VMEXIT has just written to the VMCB in memory. To be called before the host's state is reloaded. */
export function keepStored({ state, stateCache }: Cpu, vmcb: VmcbPage): void {
  if (stateCache === undefined) return
  const cache = state.vmcbCache
  CACHED_WORDS.forEach(({ offset, writtenBack }, n) => {
    if (writtenBack) cache[n] = vmcb.word(offset)
  })
  cache[VIRTUAL_INTERRUPT_INDEX] = state.virtualInterrupt
}

/** One group of the cache, for views. */
export interface CachedGroup {
  readonly group: CleanGroup
  /** The processor holds a copy of the group and may use it. */
  readonly valid: boolean
  /** The copy, by the keys of VMCB fields; empty when there is none. */
  readonly values: readonly { readonly field: string; readonly value: bigint }[]
}

export interface StateCache {
  /** Physical address of the VMCB that the cache belongs to; undefined while it is empty. */
  readonly vmcb: number | undefined
  readonly groups: readonly CachedGroup[]
}

/** The names of groups given as clean bits. */
export function groupNames(groups: number): CleanGroup[] {
  return CLEAN_BITS.bits.filter(({ low }) => (groups >>> low) & 1).map(({ key }) => key as CleanGroup)
}

/** What the cache holds. */
export function inspectStateCache(state: Vcpu): StateCache {
  const image = new Uint32Array(VMCB_BYTES / 4)
  CACHED_WORDS.forEach(({ offset }, n) => (image[offset >> 2] = state.vmcbCache[n]))
  const view = { word: (offset: number) => image[offset >> 2] }
  const groups = groupNames(ALL_GROUPS).map((group): CachedGroup => {
    const valid = ((state.vmcbCacheGroups >>> cleanBit(group)) & 1) !== 0
    const fields = valid ? CACHED_FIELDS.filter(({ clean }) => clean === group) : []
    return { group, valid, values: fields.map(({ key }) => ({ field: key, value: fieldValue(view, key) })) }
  })
  return { vmcb: state.vmcbCacheGroups === 0 ? undefined : state.vmcbCacheTag, groups }
}
