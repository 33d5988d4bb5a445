/** vmcb01, vmcb02 and vmcb12 side by side, in groups, with what changed since the last step. */
import type { TriptychRow, Vmcb02Source } from '../../emulator/hypervisor/index.ts'
import { vmcbField, type VmcbField } from '../../emulator/svm/index.ts'
import * as text from '../strings.ts'
import { hexWide } from '../workbench/format.ts'

export const TRIPTYCH_COLUMNS = ['vmcb01', 'vmcb02', 'vmcb12'] as const
export type TriptychColumn = (typeof TRIPTYCH_COLUMNS)[number]

/** From which sides the value of vmcb02 comes, as the columns stand: arrows from the left, from the right, or none. */
export const SOURCES: Readonly<
  Record<Vmcb02Source, { readonly name: string; readonly from: readonly TriptychColumn[] }>
> = {
  vmcb01: { name: 'vmcb01', from: ['vmcb01'] },
  vmcb12: { name: text.copyOfVmcb12, from: ['vmcb12'] },
  live: { name: text.liveVmcb12, from: ['vmcb12'] },
  merged: { name: text.mergedField, from: ['vmcb01', 'vmcb12'] },
  constant: { name: text.l0sOwn, from: [] },
}

export interface TriptychCell {
  /** Undefined where L0 has no copy. */
  readonly value: bigint | undefined
  readonly text: string
  /** Since the last step. */
  readonly isChanged: boolean
}

export interface TriptychField {
  readonly field: VmcbField
  readonly cells: Readonly<Record<TriptychColumn, TriptychCell>>
  readonly source: Vmcb02Source
  readonly reason: string
  readonly isChanged: boolean
  /** Not all three have the same value. */
  readonly differs: boolean
}

export interface TriptychGroup {
  readonly title: string
  readonly fields: readonly TriptychField[]
}

export interface TriptychView {
  /** Groups with something to show. */
  readonly groups: readonly TriptychGroup[]
  readonly shown: number
  readonly total: number
}

export interface TriptychFilter {
  readonly show: 'differing' | 'changed' | 'all'
  /** Undefined: any. */
  readonly source?: Vmcb02Source | undefined
  /** Part of a field's name. */
  readonly text?: string
}

/** Groups by the names of fields: the first pattern that fits. */
const GROUPS: readonly (readonly [title: string, fits: RegExp])[] = [
  [text.interceptFields, /^control\.(intercept|pause)/],
  [text.mapsAndNestedPaging, /^control\.(iopm|msrpm|nested|n_cr3)|^save\.g_pat/],
  [text.eventFields, /^control\.(virtual_interrupt|interrupt_shadow|event_inj|n_rip)/],
  [text.otherControls, /^control\./],
  [text.segments, /^save\.(.s\.|gdtr|idtr|ldtr|tr\.|cpl)/],
  [text.registers, /^save\./],
]

/** `previous`: the rows before the last step, undefined when L2 did not run then. */
export function triptychView(
  rows: readonly TriptychRow[],
  previous: readonly TriptychRow[] | undefined,
  filter: TriptychFilter,
): TriptychView {
  const before = new Map(previous?.map((row) => [row.field, row]))
  const shown = rows
    .map((row) => fieldOf(row, before.get(row.field)))
    .filter((field) => isShown(field, filter))
  const groups = GROUPS.map(([title]) => ({
    title,
    fields: shown.filter(({ field }) => groupOf(field.key) === title),
  }))
  return { groups: groups.filter(({ fields }) => fields.length > 0), shown: shown.length, total: rows.length }
}

function groupOf(key: string): string {
  return GROUPS.find(([, fits]) => fits.test(key))![0]
}

function fieldOf(row: TriptychRow, before: TriptychRow | undefined): TriptychField {
  const field = vmcbField(row.field)
  const cell = (column: TriptychColumn): TriptychCell => {
    const value = row[column]
    return {
      value,
      text: value === undefined ? '' : hexWide(value, field.bytes),
      isChanged: before !== undefined && before[column] !== value,
    }
  }
  const cells = { vmcb01: cell('vmcb01'), vmcb02: cell('vmcb02'), vmcb12: cell('vmcb12') }
  const values = TRIPTYCH_COLUMNS.map((column) => row[column]).filter((value) => value !== undefined)
  return {
    field,
    cells,
    source: row.source,
    reason: row.reason,
    isChanged: TRIPTYCH_COLUMNS.some((column) => cells[column].isChanged),
    differs: values.some((value) => value !== values[0]),
  }
}

function isShown(row: TriptychField, { show, source, text: part = '' }: TriptychFilter): boolean {
  if (source !== undefined && row.source !== source) return false
  const name = `${row.field.key} ${row.field.name}`.toLowerCase()
  if (!name.includes(part.trim().toLowerCase())) return false
  if (show === 'changed') return row.isChanged
  return show === 'all' || row.differs || row.isChanged
}
