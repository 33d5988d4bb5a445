/** A text area as editor, with line numbers, breakpoints and the current line: for touch devices, and until Monaco has loaded. */
import { effect } from '@preact/signals'
import { useEffect, useState } from 'preact/hooks'
import type { Lab } from '../../../emulator/lab/index.ts'
import * as text from '../../strings.ts'
import { breakpointState, isCode } from '../reader-stops.ts'
import type { LabStore } from '../store.ts'

interface PlainEditorProps {
  readonly store: LabStore
  readonly file: Lab['files'][number]
  readonly area: { current: HTMLTextAreaElement | null }
}

export function PlainEditor({ store, file, area }: PlainEditorProps) {
  const [scrolled, setScrolled] = useState(0)
  const content = store.work.texts.value[file.name]
  const current = store.isStale.value ? undefined : store.view.value?.line
  const currentLine = current?.file === file.name ? current.line : undefined
  const world = store.view.value?.cpu.guest === undefined ? 'host' : 'guest'
  useTarget(store, area, file.name)
  return (
    <div class="wb-plain-editor">
      <div class="wb-plain-under" style={{ '--wb-scrolled': `${scrolled}px` }}>
        {currentLine !== undefined && (
          <div class={`wb-current-line is-${world}`} style={{ '--wb-line': currentLine - 1 }} />
        )}
        <Gutter store={store} file={file.name} lines={content.split('\n').length} current={currentLine} />
      </div>
      <textarea
        ref={area}
        class="wb-plain"
        aria-label={text.textOf(file.name)}
        value={content}
        readOnly={!file.editable}
        spellcheck={false}
        autocapitalize="off"
        autocomplete="off"
        wrap="off"
        onInput={(event) => store.edit(file.name, event.currentTarget.value)}
        onScroll={({ currentTarget }) => setScrolled(currentTarget.scrollTop)}
        onSelect={({ currentTarget: { value, selectionStart } }) => {
          const before = value.slice(0, selectionStart).split('\n')
          store.cursor.value = { line: before.length, column: before.at(-1)!.length + 1 }
        }}
      />
    </div>
  )
}

/** Goes where the store wants the reader to look. */
function useTarget(store: LabStore, area: PlainEditorProps['area'], name: string): void {
  useEffect(
    () =>
      effect(() => {
        const target = store.target.value
        const element = area.current
        // The text of another file is shown when it is in the text area.
        if (target === undefined || element === null || target.file !== name) return
        const lines = element.value.split('\n')
        const lineHeight = parseFloat(getComputedStyle(element).lineHeight)
        const top = (target.line - 1) * lineHeight
        if (top < element.scrollTop || top + 2 * lineHeight > element.scrollTop + element.clientHeight)
          element.scrollTop = Math.max(0, top - element.clientHeight / 2)
        if (target.moves === 'view') return
        const start = lines.slice(0, target.line - 1).reduce((sum, line) => sum + line.length + 1, 0)
        element.setSelectionRange(start, start + (lines[target.line - 1]?.length ?? 0))
        if (target.moves === 'focus') element.focus()
      }),
    [store, area, name],
  )
}

interface GutterProps {
  readonly store: LabStore
  readonly file: string
  readonly lines: number
  readonly current: number | undefined
}

/** Ctrl+F8 does the same for the line of the cursor, so the buttons are not in the Tab order. */
function Gutter({ store, file, lines, current }: GutterProps) {
  const breakpoints = new Map(
    store.stops.entries.value.flatMap((entry) =>
      entry.stop.kind === 'line' && entry.stop.file === file
        ? [[entry.stop.line, breakpointState(entry)] as const]
        : [],
    ),
  )
  return (
    <ol class="wb-gutter">
      {Array.from({ length: lines }, (_, index) => {
        const line = index + 1
        const state = breakpoints.get(line)
        const number = line === current ? '▶' : line
        if (!isCode(file))
          return (
            <li key={line} aria-hidden="true">
              {number}
            </li>
          )
        return (
          <li key={line}>
            <button
              type="button"
              tabIndex={-1}
              aria-pressed={state !== undefined}
              aria-label={text.breakpointAtLine(line, line === current)}
              onClick={() => store.stops.toggleLine(file, line)}
            >
              {state !== undefined && <i class={`wb-breakpoint is-${state}`} />}
              {number}
            </button>
          </li>
        )
      })}
    </ol>
  )
}
