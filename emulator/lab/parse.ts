/** Reading a lab's folder: lab.yaml, variants.yaml and the text files, with every problem named by file, line and rule. */
import type * as z from 'zod'
import type { Diagnostic } from '../isa/index.ts'
import { readYaml } from '../yaml/index.ts'
import { errorAt } from './diagnostics.ts'
import { labSchema, variantsSchema, type Lab, type Variant } from './schema.ts'

/** A lab's folder as text: paths relative to it ("lab.yaml", "start/main.asm"). */
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
  const lab: Lab = { ...read, slug }
  diagnostics.push(...crossCheck(lab, variants, start))
  return diagnostics.length > 0
    ? { variants, start, solution, diagnostics }
    : { lab, variants, start, solution, diagnostics }
}
