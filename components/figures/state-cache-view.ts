/** The memory copy of a VMCB beside the processor's own, by clean-bit group: what the next VMRUN would take from where (§15.15). */
import {
  CLEAN_BITS,
  imageView,
  fieldValue,
  VMCB_FIELDS,
  vmcbField,
  type CleanGroup,
} from '../../emulator/svm/index.ts'
import * as text from '../strings.ts'
import { hex, hexWide } from '../workbench/format.ts'
import type { StateCacheRecord } from './state-cache-data.ts'

export interface CachedFieldRow {
  readonly key: string
  readonly name: string
  readonly inMemory: string
  /** Undefined where the processor keeps nothing. */
  readonly inCache: string | undefined
  readonly differs: boolean
}

/** Where VMRUN would take a group from; `either`: chance decides, at the VMRUN. */
export type GroupUse = 'memory' | 'cache' | 'either'

export interface CachedGroupRow {
  readonly group: CleanGroup
  /** The manual's name of the clean bit, and its number. */
  readonly name: string
  readonly bit: number
  readonly description: string
  /** The clean bit in memory: 1 says that software changed nothing. */
  readonly isClean: boolean
  /** The processor keeps a copy of the group. */
  readonly isKept: boolean
  readonly use: GroupUse
  /** Why. */
  readonly reason: string
  /** The copy would be used, or may be, and differs from memory: the change in memory goes unnoticed. */
  readonly isStale: boolean
  readonly fields: readonly CachedFieldRow[]
}

export interface StateCacheView {
  readonly vmcb: string
  /** Physical address of the VMCB that the copies are of; undefined while the processor has none. */
  readonly tag: string | undefined
  readonly tagMatches: boolean
  readonly policyText: string
  readonly groups: readonly CachedGroupRow[]
  readonly stale: number
}

const POLICIES: Readonly<Record<StateCacheRecord['policy'], string>> = {
  lazy: text.policyLazy,
  aggressive: text.policyAggressive,
  random: text.policyRandom,
}

export function stateCacheView({ policy, vmcb, image, cache }: StateCacheRecord): StateCacheView {
  const memory = imageView(new DataView(image.buffer, image.byteOffset))
  const clean = fieldValue(memory, 'control.clean_bits')
  const tagMatches = cache.vmcb === vmcb
  const groups = cache.groups.map(({ group, valid, values }): CachedGroupRow => {
    const { name, low: bit, description } = CLEAN_BITS.bits.find(({ key }) => key === group)!
    const isClean = ((clean >> BigInt(bit)) & 1n) !== 0n
    const kept = new Map(values.map(({ field, value }) => [field, value]))
    const fields = fieldsOf(group).map((key): CachedFieldRow => {
      const field = vmcbField(key)
      const inMemory = fieldValue(memory, key)
      const inCache = kept.get(key)
      return {
        key,
        name: field.name,
        inMemory: hexWide(inMemory, field.bytes),
        inCache: inCache === undefined ? undefined : hexWide(inCache, field.bytes),
        differs: tagMatches && inCache !== undefined && inCache !== inMemory,
      }
    })
    const [use, reason] = useOf(policy, { tagMatches, isClean, isKept: valid })
    const isStale = use !== 'memory' && fields.some(({ differs }) => differs)
    return { group, name, bit, description, isClean, isKept: valid, use, reason, isStale, fields }
  })
  return {
    vmcb: hex(vmcb),
    tag: cache.vmcb === undefined ? undefined : hex(cache.vmcb),
    tagMatches,
    policyText: POLICIES[policy],
    groups,
    stale: groups.filter(({ isStale }) => isStale).length,
  }
}

function fieldsOf(group: CleanGroup): string[] {
  return VMCB_FIELDS.filter(({ clean, moved }) => clean === group && moved.includes('vmrun')).map(
    ({ key }) => key,
  )
}

/** What a VMRUN needs in order to use a copy: a tag that matches, a copy of the group, and its clean bit. */
function useOf(
  policy: StateCacheRecord['policy'],
  { tagMatches, isClean, isKept }: { tagMatches: boolean; isClean: boolean; isKept: boolean },
): [GroupUse, string] {
  if (policy === 'lazy') return ['memory', text.keepsNoCopies]
  if (!tagMatches) return ['memory', text.copiesOfAnother]
  if (!isKept) return ['memory', text.noCopyOfGroup]
  if (!isClean) return ['memory', text.bitIsZero]
  if (policy === 'random') return ['either', text.chanceDecides]
  return ['cache', text.bitIsOneWithCopy]
}
