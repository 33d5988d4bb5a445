/** A TLB as it is drawn: its entries by ASID and PCID, with what each allows and where its memory type comes from. */
import { ENTRY, type TlbEntry } from '../../emulator/machine/index.ts'
import * as text from '../strings.ts'
import { hex } from '../workbench/format.ts'
import { derivationView } from './memory-types-view.ts'
import type { TlbRecord } from './tlb-data.ts'
import { pageSize } from './walk-view.ts'

export interface TlbRow {
  readonly key: string
  readonly linear: string
  /** Equal to `address` without nested paging. */
  readonly guestAddress: string
  readonly address: string
  readonly size: string
  readonly user: boolean
  /** The guest's tables allow stores. */
  readonly writable: boolean
  readonly executable: boolean
  readonly global: boolean
  /** Stores need no walk. */
  readonly dirty: boolean
  readonly type: string
  /** Step by step. */
  readonly derivation: string
  /** The last instruction brought it. */
  readonly isNew: boolean
  readonly entry: TlbEntry
}

export interface TlbGroup {
  readonly asid: number
  readonly pcid: number
  /** "ASID 0 (host)", "ASID 1, PCID 5" */
  readonly name: string
  readonly rows: readonly TlbRow[]
}

export interface TlbView {
  readonly groups: readonly TlbGroup[]
  readonly total: number
  readonly added: number
  readonly removed: number
}

function identity({ asid, pcid, linear, bytes, address, attributes }: TlbEntry): string {
  return [asid, pcid, linear, bytes, address, attributes & ~ENTRY.fetched].join()
}

function rowOf(entry: TlbEntry, isNew: boolean): TlbRow {
  const { attributes, memoryType } = entry
  const stores = ENTRY.dirty | ENTRY.nestedWritable
  return {
    key: identity(entry),
    linear: hex(entry.linear),
    guestAddress: hex(entry.guestAddress),
    address: hex(entry.address),
    size: pageSize(entry.bytes),
    user: (attributes & ENTRY.user) !== 0,
    writable: (attributes & ENTRY.writable) !== 0,
    executable: (attributes & (ENTRY.noExecute | ENTRY.nestedNoExecute)) === 0,
    global: (attributes & ENTRY.global) !== 0,
    dirty: (attributes & stores) === stores,
    type: memoryType.effective,
    derivation: derivationView(memoryType).steps.join('; '),
    isNew,
    entry,
  }
}

/** `filter`: part of an address, as hexadecimal digits; `asid`: only its entries. */
export function tlbView({ entries, before }: TlbRecord, filter = '', asid?: number): TlbView {
  const old = new Set(before?.map(identity))
  const now = new Set(entries.map(identity))
  const isNew = (entry: TlbEntry): boolean => before !== undefined && !old.has(identity(entry))
  const sought = filter.trim().toUpperCase().replace(/H$/, '').replaceAll('_', '')
  const groups = new Map<string, TlbEntry[]>()
  for (const entry of entries) {
    if (asid !== undefined && entry.asid !== asid) continue
    if (![entry.linear, entry.guestAddress, entry.address].some((address) => hex(address).includes(sought)))
      continue
    const key = `${entry.asid},${entry.pcid}`
    groups.set(key, [...(groups.get(key) ?? []), entry])
  }
  return {
    groups: [...groups.values()]
      .map((own) => ({
        asid: own[0].asid,
        pcid: own[0].pcid,
        name: groupName(own[0]),
        rows: own
          .sort((one, other) => (one.linear < other.linear ? -1 : Number(one.linear > other.linear)))
          .map((entry) => rowOf(entry, isNew(entry))),
      }))
      .sort((one, other) => one.asid - other.asid || one.pcid - other.pcid),
    total: entries.length,
    added: entries.filter(isNew).length,
    removed: before?.filter((entry) => !now.has(identity(entry))).length ?? 0,
  }
}

function groupName({ asid, pcid }: TlbEntry): string {
  return text.asidAndPcid(asid, pcid === 0 ? undefined : hex(pcid))
}
