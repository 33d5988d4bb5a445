/** Assembly, .vmcb and l0.yaml as languages of Monaco: highlighting, completion, hover and folding. One registration serves all labs of a page. */
import type { LabStore } from '../store.ts'
import { completeAssembly, completeVmcb, type Suggestion } from './completion.ts'
import { foldAssembly, foldVmcb, type Fold } from './folding.ts'
import { hoverAssembly, hoverVmcb } from './hover.ts'
import { monaco } from './monaco.ts'
import { classifyAssembly, classifyVmcb, type ClassifiedToken } from './tokens.ts'

export const ASSEMBLY = 'assembly'
export const VMCB = 'vmcb'
export const L0 = 'l0'

/** The stores behind the models: providers belong to a language, not to an editor. */
const stores = new WeakMap<monaco.editor.ITextModel, LabStore>()

/** Tells the providers which lab a model belongs to. */
export function registerModel(model: monaco.editor.ITextModel, store: LabStore): void {
  stores.set(model, store)
}

/** Every line stands for itself. */
const LINE_STATE: monaco.languages.IState = {
  clone: () => LINE_STATE,
  equals: () => true,
}

export function highlight(id: string, classify: (line: string) => ClassifiedToken[]): void {
  monaco.languages.setTokensProvider(id, {
    getInitialState: () => LINE_STATE,
    tokenize: (line) => ({
      tokens: classify(line).flatMap(({ start, end, class: scopes }) => [
        { startIndex: start, scopes },
        { startIndex: end, scopes: 'text' },
      ]),
      endState: LINE_STATE,
    }),
  })
}

const KINDS: Readonly<Record<Suggestion['kind'], monaco.languages.CompletionItemKind>> = {
  mnemonic: monaco.languages.CompletionItemKind.Keyword,
  directive: monaco.languages.CompletionItemKind.Module,
  register: monaco.languages.CompletionItemKind.Variable,
  symbol: monaco.languages.CompletionItemKind.Reference,
  field: monaco.languages.CompletionItemKind.Field,
  value: monaco.languages.CompletionItemKind.Value,
}

/** `suggest` is given the line up to the cursor, and the lines above it; `word` ends at the cursor. */
export function complete(
  id: string,
  suggest: (before: string, store: LabStore, above: readonly string[]) => Suggestion[],
  word = /[\w.%$]*$/,
): void {
  monaco.languages.registerCompletionItemProvider(id, {
    triggerCharacters: ['.', '%', '=', ':', '{', ','],
    provideCompletionItems(model, position) {
      const store = stores.get(model)
      if (store === undefined) return { suggestions: [] }
      const before = model.getLineContent(position.lineNumber).slice(0, position.column - 1)
      const written = word.exec(before)?.[0] ?? ''
      const above = model.getLinesContent().slice(0, position.lineNumber - 1)
      const range = new monaco.Range(
        position.lineNumber,
        position.column - written.length,
        position.lineNumber,
        position.column,
      )
      return {
        suggestions: suggest(before, store, above).map(({ label, kind, detail, documentation }) => ({
          label,
          kind: KINDS[kind],
          detail,
          documentation,
          insertText: label,
          filterText: label,
          range,
        })),
      }
    },
  })
}

interface Syntax {
  readonly word: RegExp
  /** Begins a comment. */
  readonly comment: string
}

const SYNTAX: Syntax = { word: /[\w.$%]+/g, comment: ';' }

/** A word under the pointer. */
interface Hovered {
  readonly word: string
  readonly line: string
  /** The part of the line before the word, and the lines above. */
  readonly before: string
  readonly above: readonly string[]
}

export function hover(
  id: string,
  { word: pattern, comment: mark }: Syntax,
  describe: (hovered: Hovered, store: LabStore) => string[] | undefined,
): void {
  monaco.languages.registerHoverProvider(id, {
    provideHover(model, position) {
      const store = stores.get(model)
      const line = model.getLineContent(position.lineNumber)
      const match = [...line.matchAll(pattern)].find(
        ({ 0: word, index }) => index < position.column && position.column <= index + word.length + 1,
      )
      const comment = line.indexOf(mark)
      if (store === undefined || match === undefined || (comment >= 0 && match.index > comment)) return null
      const above = model.getLinesContent().slice(0, position.lineNumber - 1)
      const before = line.slice(0, match.index)
      const contents = describe({ word: match[0], line, before, above }, store)
      if (contents === undefined) return null
      return {
        range: new monaco.Range(
          position.lineNumber,
          match.index + 1,
          position.lineNumber,
          match.index + match[0].length + 1,
        ),
        contents: contents.map((value) => ({ value })),
      }
    },
  })
}

function fold(id: string, foldsOf: (text: string) => Fold[]): void {
  monaco.languages.registerFoldingRangeProvider(id, {
    provideFoldingRanges: (model) => foldsOf(model.getValue(monaco.editor.EndOfLinePreference.LF)),
  })
}

let isRegistered = false

export function registerLanguages(): void {
  if (isRegistered) return
  isRegistered = true
  for (const id of [ASSEMBLY, VMCB]) {
    monaco.languages.register({ id })
    monaco.languages.setLanguageConfiguration(id, {
      comments: { lineComment: ';' },
      brackets: [
        ['[', ']'],
        ['(', ')'],
      ],
      wordPattern: /[\w.$%]+/,
    })
  }
  highlight(ASSEMBLY, classifyAssembly)
  highlight(VMCB, classifyVmcb)
  complete(ASSEMBLY, completeAssembly)
  complete(VMCB, completeVmcb)
  hover(ASSEMBLY, SYNTAX, ({ word, line }, store) => hoverAssembly(word, line, store))
  hover(VMCB, SYNTAX, ({ word, line }, store) => hoverVmcb(word, line, store))
  fold(ASSEMBLY, foldAssembly)
  fold(VMCB, foldVmcb)
}

let isL0Registered = false

/** For labs with an l0.yaml; until it has loaded the text is plain. */
export async function registerL0(): Promise<void> {
  if (isL0Registered) return
  isL0Registered = true
  monaco.languages.register({ id: L0 })
  const { registerL0Language } = await import('./l0-language.ts')
  registerL0Language(L0)
}
