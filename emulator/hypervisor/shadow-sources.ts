/**
 * What a shadow was made of: the entries of L1's tables that its walks have read. While L1's memory still holds all of them, and L1's
 * own paging gives them the same meaning, walking again would come to the same shadow. They lie in an image, 16 bytes each:
 *
 *   000h nCR3 of L1     008h what decides about the format     then, for each entry:  0 address   8 value
 */
import { CR4, EFER } from '../svm/index.ts'
import { compare, type Handler, type Word } from './effects.ts'
import { ACCESSED_OR_DIRTY, type TableEntry } from './l1-tables.ts'
import type { NestedState, VcpuState } from './state.ts'
import { get } from './vmcb-image.ts'

const FIRST = 16
const BYTES = 16
const MOST = (4096 - FIRST) / BYTES
/** A count that says: too many entries, or one that changed while L2 ran. The shadow will not be kept. */
const UNKNOWN = -1

function formatBits(vmcb01: DataView): bigint {
  const efer = get(vmcb01, 'save.efer') & (EFER.LMA | EFER.NXE)
  return efer | (get(vmcb01, 'save.cr4') & (CR4.LA57 | CR4.PAE | CR4.PSE))
}

/** The shadow is empty, and will be one of the tables that L1's controls name. */
export function forgetSources({ nested, vmcb01 }: VcpuState): void {
  nested.sourceCount = 0
  nested.sources.setBigUint64(0, get(nested.controls, 'control.n_cr3'), true)
  nested.sources.setBigUint64(8, formatBits(vmcb01), true)
}

/** The shadow has got a page from a walk that read these entries, or set A or D in them. */
export function addSources(nested: NestedState, entries: readonly TableEntry[]): void {
  for (const { at, entry } of entries) {
    if (nested.sourceCount === UNKNOWN) return
    nested.sourceCount = addSource(nested, BigInt(at), entry)
  }
}

/** The count afterwards. */
function addSource({ sources, sourceCount }: NestedState, address: bigint, entry: bigint): number {
  for (let i = 0; i < sourceCount; i++) {
    const at = FIRST + i * BYTES
    if (sources.getBigUint64(at, true) !== address) continue
    const changed = sources.getBigUint64(at + 8, true) ^ entry
    sources.setBigUint64(at + 8, entry, true)
    return changed & ~ACCESSED_OR_DIRTY ? UNKNOWN : sourceCount
  }
  if (sourceCount === MOST) return UNKNOWN
  sources.setBigUint64(FIRST + sourceCount * BYTES, address, true)
  sources.setBigUint64(FIRST + sourceCount * BYTES + 8, entry, true)
  return sourceCount + 1
}

/** Whether the shadow that there is still is one of L1's tables. A scheduling point: one look at all entries. */
export function* isUpToDate({ nested, vmcb01 }: VcpuState): Handler<boolean> {
  const { sources, sourceCount } = nested
  if (!(nested.shadowPages >= 1 && sourceCount >= 0 && sourceCount <= MOST)) return false
  if (sources.getBigUint64(0, true) !== get(nested.controls, 'control.n_cr3')) return false
  if (sources.getBigUint64(8, true) !== formatBits(vmcb01)) return false
  if (sourceCount === 0) return true
  const bytes = formatBits(vmcb01) & (EFER.LMA | CR4.PAE) ? 8 : 4
  const entries = Array.from({ length: sourceCount }, (_, i): Word => ({
    address: Number(sources.getBigUint64(FIRST + i * BYTES, true)),
    bytes,
    value: sources.getBigUint64(FIRST + i * BYTES + 8, true),
  }))
  return yield* compare(entries, 'nested table entries')
}
