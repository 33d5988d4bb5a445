// The variants of a lab: texts that must not pass, each with the goals that it fails, which `lab check` proves.
import { parseLab, type Goal, type Variant } from '../emulator/lab/index.ts'
import { readLab } from './labs.ts'

const texts = import.meta.glob<string>('/content/labs/*/variants.yaml', {
  query: '?raw',
  import: 'default',
  eager: true,
})

export interface GoalsAndVariants {
  readonly goals: readonly Goal[]
  readonly variants: readonly Variant[]
}

export function readVariants(slug: string): GoalsAndVariants {
  const { lab, files } = readLab(slug)
  const text = texts[`/content/labs/${slug}/variants.yaml`]
  const { variants } = parseLab(slug, new Map([...Object.entries(files), ['variants.yaml', text]]))
  return { goals: lab.goals, variants }
}
