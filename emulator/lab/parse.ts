/** Reading a lab's folder: lab.yaml, variants.yaml and the text files, with every problem named by file, line and rule. */
import type * as z from 'zod'
import type { Diagnostic } from '../isa/index.ts'
import { readYaml } from '../yaml/index.ts'
import { didYouMean } from '../isa/index.ts'
import { DESIGN_FILE, designOf } from './build.ts'
import { errorAt } from './diagnostics.ts'
import { labSchema, variantsSchema, type Lab, type Variant } from './schema.ts'

/**
 * A lab's folder as text: paths relative to it ("lab.yaml", "start/main.asm"). Beside them the designs that a lab can name, as
 * "designs/as-merged.yaml".
 */
export type LabFiles = ReadonlyMap<string, string>

export interface ParsedLab {
  /** Absent when lab.yaml has errors. */
  readonly lab?: Lab
  readonly variants: readonly Variant[]
  /** Texts by file name. */
  readonly start: ReadonlyMap<string, string>
  readonly solution: ReadonlyMap<string, string>
  readonly diagnostics: readonly Diagnostic[]
}

/** What a YAML file of a lab says; problems are added to `diagnostics`. */
function readPart<T>(
  file: string,
  text: string,
  schema: z.ZodType<T>,
  diagnostics: Diagnostic[],
): T | undefined {
  const result = readYaml(file, text, schema)
  diagnostics.push(...result.diagnostics)
  return result.value
}

function textsIn(folder: string, files: LabFiles): Map<string, string> {
  const prefix = `${folder}/`
  return new Map(
    [...files]
      .filter(([path]) => path.startsWith(prefix))
      .map(([path, text]) => [path.slice(prefix.length), text]),
  )
}

/** The texts of the designs that a lab and its scenarios name. */
function designsOf(
  { machine, scenarios }: z.output<typeof labSchema>,
  files: LabFiles,
  diagnostics: Diagnostic[],
): Record<string, string> {
  const given = textsIn('designs', files)
  const known = [...given.keys()].map((path) => path.replace(/\.yaml$/, ''))
  const place = { file: 'lab.yaml', line: 1, column: 1, endColumn: 2 }
  const all = known.length > 0 ? `there are ${known.join(', ')}` : 'no designs are given'
  const named = [machine.l0, ...scenarios.map(({ l0 }) => l0)].flatMap((l0) => l0?.design ?? [])
  const designs: Record<string, string> = {}
  for (const name of new Set(named)) {
    const text = given.get(`${name}.yaml`)
    if (text !== undefined) designs[name] = text
    else
      diagnostics.push(
        errorAt(place, 'unknown-design', `there is no design ${name}`, didYouMean(name, known, all)),
      )
  }
  return designs
}

/** What goals name of L0's: it is there, and so are the races and scenarios. */
function crossCheckL0(lab: Lab, start: ReadonlyMap<string, string>): Diagnostic[] {
  const problems: Diagnostic[] = []
  const report = (code: string, message: string): void => {
    problems.push(errorAt({ file: 'lab.yaml', line: 1, column: 1, endColumn: 2 }, code, message))
  }
  const { machine, races, scenarios, files, goals } = lab
  if (machine.l0 === undefined) {
    if (races.length > 0 || files.some(({ name }) => name === DESIGN_FILE) || scenarios.some(({ l0 }) => l0))
      report('no-l0', 'races, l0.yaml and the l0 of a scenario need machine.l0')
  } else if (machine.l0.design === undefined && !start.has(DESIGN_FILE))
    report('no-design', 'machine.l0 names no design, and start/l0.yaml does not exist')
  for (const [what, all] of [
    ['race', races],
    ['scenario', scenarios],
  ] as const) {
    const ids = all.map(({ id }) => id)
    for (const [i, id] of ids.entries())
      if (ids.indexOf(id) !== i) report(`${what}-twice`, `two ${what}s are called ${id}`)
  }
  for (const { id, edits } of scenarios)
    for (const { file, replace } of edits) {
      const listed = files.find(({ name }) => name === file)
      if (listed === undefined)
        report('scenario-edit', `scenario ${id} edits ${file}, which is no file of the lab`)
      else if (listed.editable)
        report('scenario-edit', `scenario ${id} edits ${file}, which the reader can edit, too`)
      else if (start.get(file)?.split(replace).length !== 2)
        report('scenario-edit', `scenario ${id}: "${replace}" must occur once in ${file}`)
    }
  const conditions = [...goals, ...scenarios].flatMap(({ when }) => when)
  for (const condition of conditions) {
    if ('race' in condition && !races.some(({ id }) => id === condition.race.of))
      report('unknown-race', `there is no race ${condition.race.of}`)
    if ('scenario' in condition && !scenarios.some(({ id }) => id === condition.scenario))
      report('unknown-scenario', `there is no scenario ${condition.scenario}`)
  }
  if (scenarios.some(({ when }) => when.some((condition) => 'scenario' in condition)))
    report('nested-scenario', 'a scenario cannot ask for another')
  return problems
}

/** Rules that span several parts of a lab. */
function crossCheck(
  lab: Lab,
  variants: readonly Variant[],
  start: ReadonlyMap<string, string>,
): Diagnostic[] {
  const problems: Diagnostic[] = []
  const report = (file: string, code: string, message: string, hint = ''): void => {
    problems.push(errorAt({ file, line: 1, column: 1, endColumn: 2 }, code, message, hint))
  }
  for (const file of lab.files) {
    if (!start.has(file.name))
      report(
        'lab.yaml',
        'missing-file',
        `start/${file.name} does not exist`,
        'every file that lab.yaml lists begins in start/',
      )
    if (file.name.endsWith('.vmcb') !== (file.symbol !== undefined))
      report(
        'lab.yaml',
        'vmcb-symbol',
        `${file.name}: a .vmcb file, and only that, names the symbol at which it is placed`,
      )
  }
  if (!lab.files.some((file) => file.name.endsWith('.asm')))
    report('lab.yaml', 'no-program', 'no file of the lab ends in .asm', 'the first .asm file is the program')
  const goals = lab.goals.map((goal) => goal.id)
  for (const [i, goal] of goals.entries()) {
    if (goals.indexOf(goal) !== i) report('lab.yaml', 'goal-twice', `two goals are called ${goal}`)
  }
  for (const variant of variants) {
    const unknown = variant.fails.filter((goal) => !goals.includes(goal))
    if (unknown.length > 0)
      report(
        'variants.yaml',
        'unknown-goal',
        `variant ${variant.id} fails "${unknown[0]}", which is no goal of the lab`,
        `its goals: ${goals.join(', ')}`,
      )
  }
  return problems
}

/** Reads a lab. Never throws; problems are in `diagnostics`, and `lab` is absent when it cannot be used. */
export function parseLab(slug: string, files: LabFiles): ParsedLab {
  const diagnostics: Diagnostic[] = []
  const start = textsIn('start', files)
  const solution = new Map([...start, ...textsIn('solution', files)])
  const text = files.get('lab.yaml')
  if (text === undefined) {
    diagnostics.push(
      errorAt(
        { file: 'lab.yaml', line: 1, column: 1, endColumn: 2 },
        'missing-file',
        'the lab has no lab.yaml',
      ),
    )
    return { variants: [], start, solution, diagnostics }
  }
  const read = readPart('lab.yaml', text, labSchema, diagnostics)
  const variantsText = files.get('variants.yaml')
  const variants =
    variantsText === undefined
      ? []
      : (readPart('variants.yaml', variantsText, variantsSchema, diagnostics) ?? [])
  if (read === undefined) return { variants, start, solution, diagnostics }
  const designs = designsOf(read, files, diagnostics)
  const lab: Lab = { ...read, slug, designs }
  const design = designOf(lab)
  // An l0.yaml that the reader sees begins as the design that the lab names.
  if (design !== undefined && lab.files.some(({ name }) => name === DESIGN_FILE))
    for (const texts of [start, solution]) if (!texts.has(DESIGN_FILE)) texts.set(DESIGN_FILE, design)
  diagnostics.push(...crossCheck(lab, variants, start), ...crossCheckL0(lab, start))
  return diagnostics.length > 0
    ? { variants, start, solution, diagnostics }
    : { lab, variants, start, solution, diagnostics }
}
