// The designs of the case study: what L0 decides about G_PAT, in the order in which the book tells them.
import { parseDecisions, type Decisions } from '../emulator/hypervisor/index.ts'
import { judgeGoals, type GoalResult } from '../emulator/lab/index.ts'
import { writeLink } from '../components/workbench/shared-lab.ts'
import { labPath } from '../components/paths.ts'
import { payloadOf } from './labs.ts'
import { readTexts, runLab } from './runs.ts'

const texts = import.meta.glob<string>('/content/designs/*.yaml', {
  query: '?raw',
  import: 'default',
  eager: true,
})

/** Those about G_PAT. */
const ORDER = [
  'before-the-series',
  'control-cache',
  'save-cache-with-controls',
  'own-field',
  'as-merged',
  'live-page',
]

export interface Design {
  /** The name of its file in content/designs. */
  readonly name: string
  readonly text: string
  readonly decisions: Decisions
}

/** A design by its name; what is wrong with it is an error of the build. */
export function readDesign(name: string): Design {
  const text = texts[`/content/designs/${name}.yaml`]
  if (text === undefined) throw new Error(`there is no design "${name}" in content/designs`)
  const { decisions, diagnostics } = parseDecisions(`${name}.yaml`, text)
  if (decisions === undefined) throw new Error(`content/designs/${name}.yaml: ${diagnostics[0].message}`)
  return { name, text, decisions }
}

/** A design under a setting of its quirk, as a row of a table. */
export interface DesignSetting {
  readonly design: Design
  /** Undefined for a design without one. */
  readonly quirk: boolean | undefined
  readonly title: string
}

/** The designs, those with a quirk once for each setting of it. */
export function designSettings(): DesignSetting[] {
  return ORDER.map(readDesign).flatMap((design): DesignSetting[] => {
    const { title, shared_pat_quirk } = design.decisions
    if (shared_pat_quirk === 'absent') return [{ design, quirk: undefined, title }]
    return [true, false].map((quirk) => ({
      design,
      quirk,
      title: `${title}, quirk ${quirk ? 'on' : 'off'}`,
    }))
  })
}

/** The designs about G_PAT, each with the goals of a lab as a run with it in the place of l0.yaml meets them. */
export function designsInLab(
  slug: string,
): { readonly design: Design; readonly goals: readonly GoalResult[] }[] {
  const { lab, start } = readTexts(slug)
  return ORDER.map(readDesign).map((design) => {
    const session = runLab(lab, new Map([...start, ['l0.yaml', design.text]]))
    return { design, goals: judgeGoals(lab.goals, session.outcome()) }
  })
}

/** The address of a lab with a design in the place of its l0.yaml. */
export async function linkToDesign({ name, text }: Design, slug: string): Promise<string> {
  const { key, lab } = payloadOf(slug)
  const file = 'l0.yaml'
  if (!lab.files.some((one) => one.name === file && one.editable))
    throw new Error(`the design ${name} cannot be put into the lab ${slug}: it has no l0.yaml to edit`)
  return labPath(slug) + (await writeLink({ slug, key, texts: { [file]: text }, stops: [], file }))
}
