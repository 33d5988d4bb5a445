/** The texts of a lab as tabs over one editor, what differs from the start or the solution, and the list of what is wrong. */
import { useState } from 'preact/hooks'
import type { Lab } from '../../../emulator/lab/index.ts'
import * as text from '../../strings.ts'
import { Differences } from '../differences.tsx'
import type { Texts } from '../protocol.ts'
import type { LabStore } from '../store.ts'
import { TabList } from '../tabs.tsx'
import { Editor } from './editor.tsx'
import { Problems } from './problems.tsx'

/** What the reader's text is shown beside; it stays as it is. */
type Comparison = 'none' | 'start' | 'solution'

export function EditorPane({ store, lab }: { readonly store: LabStore; readonly lab: Lab }) {
  const [comparison, compare] = useState<Comparison>('none')
  const active = store.activeFile.value
  const file = lab.files.find(({ name }) => name === active) ?? lab.files[0]
  const prefix = `wb-${lab.slug}-files`
  const tabs = lab.files.map(({ name, editable }) => ({
    id: name,
    label: name,
    ...noteOf(store, name, editable),
  }))
  return (
    <div class="wb-editor-pane">
      <div class="wb-tabs-bar">
        <TabList
          label={text.files}
          prefix={prefix}
          tabs={tabs}
          active={file.name}
          onSelect={(name) => (store.activeFile.value = name)}
        />
        <ComparisonChoice store={store} comparison={comparison} onChoose={compare} />
      </div>
      <div
        class="wb-editor"
        role="tabpanel"
        id={`${prefix}-panel`}
        aria-labelledby={`${prefix}-tab-${file.name}`}
      >
        {comparison !== 'none' && <Compared store={store} name={file.name} comparison={comparison} />}
        <div class="wb-editor-place" hidden={comparison !== 'none'}>
          <Editor store={store} file={file} />
        </div>
      </div>
      <Problems store={store} />
    </div>
  )
}

interface ComparisonChoiceProps {
  readonly store: LabStore
  readonly comparison: Comparison
  readonly onChoose: (comparison: Comparison) => void
}

function ComparisonChoice({ store, comparison, onChoose }: ComparisonChoiceProps) {
  const { start = {}, solution = {} } = store.opened.value ?? {}
  const hasSolution = Object.keys(solution).some((name) => solution[name] !== start[name])
  return (
    <select
      class="wb-compare"
      aria-label={text.chooseComparison}
      value={comparison}
      onChange={({ currentTarget }) => onChoose(currentTarget.value as Comparison)}
    >
      <option value="none">{text.textAlone}</option>
      <option value="start">{text.besideStart}</option>
      {hasSolution && <option value="solution">{text.besideSolution}</option>}
    </select>
  )
}

interface ComparedProps {
  readonly store: LabStore
  readonly name: string
  readonly comparison: 'start' | 'solution'
}

function Compared({ store, name, comparison }: ComparedProps) {
  const { start = {}, solution = {} } = store.opened.value ?? {}
  const other: Texts = comparison === 'start' ? start : { ...start, ...solution }
  return (
    <div class="wb-comparison">
      <Differences
        left={store.work.texts.value}
        right={other}
        titles={[text.yours, comparison === 'start' ? text.theStart : text.theSolution]}
        names={[name]}
      />
    </div>
  )
}

function noteOf(store: LabStore, name: string, editable: boolean): { note?: string } {
  const problems = store.diagnostics.value.filter(({ file }) => file === name).length
  if (problems > 0) return { note: text.problemsIn(problems) }
  return editable ? {} : { note: text.readOnly }
}
