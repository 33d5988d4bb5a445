// How many orders of L0's steps and another processor's stores there are, and what the losing ones lose: found by trying all of
// them while the book is built.
import type { Lab } from '../emulator/lab/index.ts'
import { beginLab, readTexts } from './runs.ts'

type Race = Lab['races'][number]

export interface RaceEdit {
  /** Lines under `fields` of l0.yaml. Absent: those of the lab's start. */
  readonly fields?: readonly string[] | undefined
  /** Stores to fields of the VMCB at the label vmcb, one after the other. */
  readonly stores: readonly { readonly field: string; readonly value: bigint }[]
}

export interface RaceAnswer {
  readonly orders: number
  readonly losing: number
  /** One sentence for each thing that is lost. */
  readonly lost: readonly string[]
}

const PROPERTIES: Race['properties'] = [
  'used-as-checked',
  'one-value-used',
  'vmrun-succeeds',
  'vmrun-intercepted',
]

/** Explores a race for the first VMRUN of a lab, with other decisions and other stores than the lab's own. */
export function raceAnswer(slug: string, { fields, stores }: RaceEdit): RaceAnswer {
  const { lab, start } = readTexts(slug)
  const texts = new Map(start)
  if (fields !== undefined)
    texts.set(
      'l0.yaml',
      ['format: 1', 'title: Edited', 'fields:', ...fields.map((line) => `  ${line}`)].join('\n'),
    )
  const race: Race = {
    id: 'asked',
    title: 'The race that is asked about',
    vmrun: 0,
    stores: stores.map(({ field, value }) => ({ by: 1, at: 'vmcb', field, value })),
    properties: PROPERTIES,
    executions: 20_000,
  }
  const [{ report }] = beginLab({ ...lab, races: [race] }, texts).races()
  if (!report?.isComplete) throw new Error(`lab ${slug}: the race has no end`)
  const lost = new Set(report.losses.map(({ finding }) => finding.text))
  return { orders: report.tried, losing: report.losing, lost: [...lost] }
}
