/** Reading an author's YAML by a schema, with every problem named by file, line and rule. */
import { isNode, LineCounter, parseDocument, visit, type Document } from 'yaml'
import type * as z from 'zod'
import type { Diagnostic } from '../isa/index.ts'

/** Our texts are small; a larger one is a mistake or an attack. */
const MAX_YAML = 256 * 1024

/** What a YAML text says. */
export interface YamlResult<T> {
  /** Absent when there are diagnostics. */
  readonly value?: T
  readonly diagnostics: readonly Diagnostic[]
  /** An error at the deepest node that exists on a path, for rules that the schema cannot express. */
  readonly errorAt: (
    path: readonly (string | number)[],
    code: string,
    message: string,
    hint?: string,
  ) => Diagnostic
}

/** Reads `text` as YAML of the given schema. Integers reach the schema as BigInts. Never throws. */
export function readYaml<T>(file: string, text: string, schema: z.ZodType<T>): YamlResult<T> {
  const lines = new LineCounter()
  const errorFrom = (at: number, width: number, code: string, message: string, hint = ''): Diagnostic => {
    const { line, col } = at === 0 ? { line: 1, col: 1 } : lines.linePos(at)
    const endColumn = col + Math.max(1, width)
    return { file, line, column: col, endColumn, severity: 'error', code, message, hint }
  }
  const nowhere: YamlResult<T>['errorAt'] = (_, ...problem) => errorFrom(0, 1, ...problem)
  if (text.length > MAX_YAML) {
    const message = `the file has ${text.length} characters; at most ${MAX_YAML} are read`
    return { diagnostics: [errorFrom(0, 1, 'too-large', message)], errorAt: nowhere }
  }
  const document = parseDocument(text, {
    lineCounter: lines,
    intAsBigInt: true,
    prettyErrors: false,
    logLevel: 'error',
  })
  const errorAt: YamlResult<T>['errorAt'] = (path, code, message, hint) =>
    errorFrom(nodeStart(document, path), 1, code, message, hint)
  if (document.errors.length > 0) {
    const diagnostics = document.errors.map(({ pos, message }) =>
      errorFrom(pos[0], pos[1] - pos[0], 'yaml', message.split('\n')[0]),
    )
    return { diagnostics, errorAt }
  }
  const cut = cutTexts(document)
  if (cut.length > 0) {
    const diagnostics = cut.map(({ at, comment }) =>
      errorFrom(
        at,
        1,
        'cut-text',
        `"#${comment}" is taken for a comment, and the text ends before it`,
        'put the text in quotes',
      ),
    )
    return { diagnostics, errorAt }
  }
  let written: unknown
  try {
    // Aliases are off: a few lines of them can stand for gigabytes.
    written = document.toJS({ maxAliasCount: 0 })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { diagnostics: [errorFrom(0, 1, 'yaml', message, 'aliases cannot be used here')], errorAt }
  }
  const result = schema.safeParse(written)
  if (result.success) return { value: result.data, diagnostics: [], errorAt }
  const diagnostics = result.error.issues.map((issue) => {
    const path = issue.path as (string | number)[]
    const where = path.length === 0 ? 'the file' : path.join('.')
    return errorAt(path, 'schema', `${where}: ${issue.message}`)
  })
  return { diagnostics, errorAt }
}

/** Texts without quotes that end where they name #VMEXIT or an exception: behind a space, # begins a comment. */
function cutTexts(document: Document): readonly { readonly at: number; readonly comment: string }[] {
  const found: { at: number; comment: string }[] = []
  visit(document, {
    Scalar(_, { comment, range }) {
      if (comment && range && /^(VMEXIT|[A-Z]{2})\b/.test(comment)) found.push({ at: range[0], comment })
    },
  })
  return found
}

/** Character position of the deepest node on a path that exists. */
function nodeStart(document: Document, path: readonly (string | number)[]): number {
  for (let depth = path.length; depth >= 0; depth--) {
    const node = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}
