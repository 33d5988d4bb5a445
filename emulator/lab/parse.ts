/** Reading a lab's folder: lab.yaml, variants.yaml and the text files, with every problem named by file, line and rule. */
import { isNode, LineCounter, parseDocument, type Document } from 'yaml'
import type * as z from 'zod'
import type { Diagnostic } from '../isa/index.ts'
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

/** Lab texts are small; a larger one is a mistake or an attack. */
const MAX_YAML = 256 * 1024

function readYaml<T>(
  file: string,
  text: string,
  schema: z.ZodType<T>,
  diagnostics: Diagnostic[],
): T | undefined {
  const report = (
    line: number,
    column: number,
    width: number,
    code: string,
    message: string,
    hint = '',
  ): void => {
    diagnostics.push(
      errorAt({ file, line, column, endColumn: column + Math.max(1, width) }, code, message, hint),
    )
  }
  if (text.length > MAX_YAML) {
    report(1, 1, 1, 'too-large', `the file has ${text.length} characters; at most ${MAX_YAML} are read`)
    return undefined
  }
  const lines = new LineCounter()
  // Aliases are off: a few lines of them can stand for gigabytes.
  const document = parseDocument(text, { lineCounter: lines, intAsBigInt: true, prettyErrors: false })
  for (const error of document.errors) {
    const at = lines.linePos(error.pos[0])
    report(at.line, at.col, error.pos[1] - error.pos[0], 'yaml', error.message.split('\n')[0])
  }
  if (document.errors.length > 0) return undefined
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 0 })
  } catch (error) {
    report(
      1,
      1,
      1,
      'yaml',
      error instanceof Error ? error.message : String(error),
      'aliases cannot be used in a lab',
    )
    return undefined
  }
  const result = schema.safeParse(value)
  if (result.success) return result.data
  for (const issue of result.error.issues) {
    const path = issue.path as (string | number)[]
    const at = lines.linePos(nodeStart(document, path))
    const where = path.length === 0 ? 'the file' : path.join('.')
    report(at.line, at.col, 1, 'schema', `${where}: ${issue.message}`)
  }
  return undefined
}

/** Character position of the deepest node on a path that exists. */
function nodeStart(document: Document, path: (string | number)[]): number {
  for (let depth = path.length; depth >= 0; depth--) {
    const node = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
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
  const read = readYaml('lab.yaml', text, labSchema, diagnostics)
  const variantsText = files.get('variants.yaml')
  const variants =
    variantsText === undefined
      ? []
      : (readYaml('variants.yaml', variantsText, variantsSchema, diagnostics) ?? [])
  if (read === undefined) return { variants, start, solution, diagnostics }
  const lab: Lab = { ...read, slug }
  diagnostics.push(...crossCheck(lab, variants, start))
  return diagnostics.length > 0
    ? { variants, start, solution, diagnostics }
    : { lab, variants, start, solution, diagnostics }
}
