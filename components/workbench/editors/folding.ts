/** Parts of a text that can be folded away. */
import { tokenize } from '../../../emulator/isa/assembler/index.ts'
import { definitionsIn } from './definitions.ts'

/** From the line that stays to the last one that is hidden, 1-based. */
export interface Fold {
  readonly start: number
  readonly end: number
}

/** Blocks of the preprocessor: what opens and what closes them. */
const BLOCKS: readonly (readonly [opens: RegExp, closes: RegExp])[] = [
  [/^%i?macro$/, /^%endmacro$/],
  [/^%rep$/, /^%endrep$/],
  [/^%if/, /^%endif$/],
]

/** The last of the lines from `from` to before `to` that has more than a comment; 1-based. */
function lastStatement(lines: readonly string[], from: number, to: number): number {
  let last = to - 1
  while (last > from && /^\s*(;|align\b|$)/.test(lines[last - 1])) last--
  return last
}

/** What stands under each label, and blocks of the preprocessor. */
export function foldAssembly(text: string): Fold[] {
  const lines = text.split('\n')
  const labels = definitionsIn(text).filter(
    ({ name, line }) => !name.includes('.') && !/^\s*%|\bequ\b/.test(lines[line - 1]),
  )
  const folds = labels.map(({ line }, index) => ({
    start: line,
    end: lastStatement(lines, line, labels[index + 1]?.line ?? lines.length + 1),
  }))
  const open: { readonly closes: RegExp; readonly start: number }[] = []
  lines.forEach((content, index) => {
    const [first] = tokenize(content)
    if (first?.kind !== 'directive') return
    const block = BLOCKS.find(([opens]) => opens.test(first.lower))
    if (block !== undefined) open.push({ closes: block[1], start: index + 1 })
    else if (open.at(-1)?.closes.test(first.lower) === true)
      folds.push({ start: open.pop()!.start, end: index + 1 })
  })
  return folds.filter(({ start, end }) => end > start).sort((a, b) => a.start - b.start)
}

/** Paragraphs: lines without an empty one between them. */
export function foldVmcb(text: string): Fold[] {
  const folds: Fold[] = []
  let start = 0
  const lines = text.split('\n')
  lines.forEach((line, index) => {
    if (line.trim() !== '') return
    if (index - start > 1) folds.push({ start: start + 1, end: index })
    start = index + 1
  })
  if (lines.length - start > 1) folds.push({ start: start + 1, end: lines.length })
  return folds
}
