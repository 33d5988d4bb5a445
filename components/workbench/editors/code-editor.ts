/** Monaco as the editor of a lab: one editor, one model per text, kept in step with the store. */
import { effect } from '@preact/signals'
import type { Diagnostic } from '../../../emulator/lab/index.ts'
import * as text from '../../strings.ts'
import { lineEdits } from '../moved-lines.ts'
import { breakpointState, isCode, type StopEntry } from '../reader-stops.ts'
import type { LabStore } from '../store.ts'
import { ASSEMBLY, L0, registerL0, registerLanguages, registerModel, VMCB } from './languages.ts'
import { monaco } from './monaco.ts'
import { followTheme } from './theme.ts'

export interface CodeEditor {
  dispose(): void
}

interface OpenText {
  readonly model: monaco.editor.ITextModel
  readonly editable: boolean
  viewState: monaco.editor.ICodeEditorViewState | null
}

const SEVERITY = { error: monaco.MarkerSeverity.Error, warning: monaco.MarkerSeverity.Warning } as const

function toMarker({
  line,
  column,
  endColumn,
  severity,
  code,
  message,
  hint,
}: Diagnostic): monaco.editor.IMarkerData {
  return {
    startLineNumber: line,
    endLineNumber: line,
    startColumn: column,
    endColumn: Math.max(endColumn, column + 1),
    severity: SEVERITY[severity],
    code,
    message: hint === '' ? message : `${message}\n${hint}`,
  }
}

function languageOf(name: string): string {
  if (name.endsWith('.yaml')) return L0
  return name.endsWith('.vmcb') ? VMCB : ASSEMBLY
}

function openTexts(store: LabStore): Map<string, OpenText> {
  const files = store.opened.value?.lab.files ?? []
  return new Map(
    files.map(({ name, editable }) => {
      const model = monaco.editor.createModel(store.work.texts.value[name], languageOf(name))
      registerModel(model, store)
      model.onDidChangeContent(() => store.edit(name, model.getValue(monaco.editor.EndOfLinePreference.LF)))
      return [name, { model, editable, viewState: null }]
    }),
  )
}

function breakpointMark(entry: StopEntry, line: number): monaco.editor.IModelDeltaDecoration {
  const { isEnabled, resolved } = entry
  const message =
    resolved?.ok === false
      ? text.breakpointCannotBe(isEnabled, resolved.message)
      : isEnabled
        ? text.breakpointSet
        : text.breakpointOff
  return {
    range: new monaco.Range(line, 1, line, 1),
    options: {
      glyphMarginClassName: `wb-breakpoint is-${breakpointState(entry)}`,
      glyphMarginHoverMessage: { value: message },
    },
  }
}

/** Takes over from the text area `from`, with its focus and selection. */
export function createCodeEditor(
  host: HTMLElement,
  store: LabStore,
  from: HTMLTextAreaElement | undefined,
): CodeEditor {
  registerLanguages()
  // Without it the text can be written all the same.
  if ('l0.yaml' in store.work.texts.value) registerL0().catch(() => undefined)
  followTheme()
  host.hidden = false
  const editor = monaco.editor.create(host, {
    model: null,
    automaticLayout: true,
    // theme.ts knows what to do where colours are forced.
    autoDetectHighContrast: false,
    fontFamily: getComputedStyle(host).fontFamily,
    fontSize: 14,
    lineHeight: 21,
    fontLigatures: false,
    tabSize: 8,
    minimap: { enabled: false },
    scrollBeyondLastLine: false,
    overviewRulerLanes: 0,
    foldingHighlight: false,
    showFoldingControls: 'always',
    guides: { indentation: false },
    glyphMargin: true,
    lineNumbersMinChars: 3,
    lineDecorationsWidth: 6,
    renderLineHighlight: 'line',
    renderFinalNewline: 'on',
    wordBasedSuggestions: 'off',
    // Enter ends a line; Tab takes a suggestion.
    acceptSuggestionOnEnter: 'off',
    links: false,
    occurrencesHighlight: 'off',
    unicodeHighlight: { ambiguousCharacters: false, invisibleCharacters: false },
    fixedOverflowWidgets: true,
    padding: { top: 8, bottom: 8 },
    scrollbar: { alwaysConsumeMouseWheel: false, verticalScrollbarSize: 10, horizontalScrollbarSize: 10 },
  })
  const texts = openTexts(store)
  const currentLine = editor.createDecorationsCollection()
  const breakpoints = editor.createDecorationsCollection()
  let shown = ''

  const show = (name: string): void => {
    const opened = texts.get(name)
    if (name === shown || opened === undefined) return
    const before = texts.get(shown)
    if (before !== undefined) before.viewState = editor.saveViewState()
    shown = name
    editor.setModel(opened.model)
    editor.restoreViewState(opened.viewState)
    editor.updateOptions({
      readOnly: !opened.editable,
      ariaLabel: text.textInEditor(name, opened.editable),
    })
  }

  editor.onDidChangeCursorPosition(({ position }) => {
    store.cursor.value = { line: position.lineNumber, column: position.column }
  })
  editor.onMouseDown(({ target }) => {
    const { GUTTER_GLYPH_MARGIN, GUTTER_LINE_NUMBERS } = monaco.editor.MouseTargetType
    const file = store.activeFile.value
    if (isCode(file) && (target.type === GUTTER_GLYPH_MARGIN || target.type === GUTTER_LINE_NUMBERS))
      store.stops.toggleLine(file, target.position.lineNumber)
  })
  const stops = [
    effect(() => show(store.activeFile.value)),
    effect(() => {
      // Edits that the reader can undo in the editor as well.
      for (const [name, content] of Object.entries(store.work.texts.value)) {
        const model = texts.get(name)?.model
        if (model === undefined) continue
        const edits = lineEdits(model.getValue(monaco.editor.EndOfLinePreference.LF), content)
        if (edits.length === 0) continue
        model.pushEditOperations(
          [],
          edits.map(({ from, to, text: lines }) => ({
            range: new monaco.Range(from, 1, to, model.getLineMaxColumn(to)),
            text: lines,
          })),
          () => null,
        )
      }
    }),
    effect(() => {
      for (const [name, { model }] of texts)
        monaco.editor.setModelMarkers(
          model,
          'build',
          store.diagnostics.value.filter(({ file }) => file === name).map(toMarker),
        )
    }),
    effect(() => {
      const line = store.isStale.value ? undefined : store.view.value?.line
      const world = store.view.value?.cpu.guest === undefined ? 'host' : 'guest'
      const isShown = line !== undefined && line.file === store.activeFile.value
      currentLine.set(
        isShown
          ? [
              {
                range: new monaco.Range(line.line, 1, line.line, 1),
                options: {
                  isWholeLine: true,
                  className: `wb-current-line is-${world}`,
                  linesDecorationsClassName: `wb-current-mark is-${world}`,
                },
              },
            ]
          : [],
      )
    }),
    effect(() => {
      const file = store.activeFile.value
      breakpoints.set(
        store.stops.entries.value.flatMap((entry) =>
          entry.stop.kind === 'line' && entry.stop.file === file
            ? [breakpointMark(entry, entry.stop.line)]
            : [],
        ),
      )
    }),
    effect(() => {
      const target = store.target.value
      if (target === undefined) return
      show(target.file)
      if (target.moves !== 'view') editor.setPosition({ lineNumber: target.line, column: target.column ?? 1 })
      editor.revealLineInCenterIfOutsideViewport(target.line)
      if (target.moves === 'focus') editor.focus()
    }),
  ]

  if (from !== undefined && document.activeElement === from) {
    const model = editor.getModel()
    if (model !== null) {
      const start = model.getPositionAt(from.selectionStart)
      editor.setSelection(monaco.Range.fromPositions(start, model.getPositionAt(from.selectionEnd)))
    }
    editor.focus()
  }

  return {
    dispose() {
      for (const stop of stops) stop()
      for (const { model } of texts.values()) model.dispose()
      editor.dispose()
    },
  }
}
