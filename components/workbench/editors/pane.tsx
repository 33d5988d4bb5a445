/** The texts of a lab as tabs over one editor, and the list of what is wrong with them. */
import type { Lab } from '../../../emulator/lab/index.ts'
import type { LabStore } from '../store.ts'
import { TabList } from '../tabs.tsx'
import { Editor } from './editor.tsx'
import { Problems } from './problems.tsx'

export function EditorPane({ store, lab }: { readonly store: LabStore; readonly lab: Lab }) {
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
      <TabList
        label="Files"
        prefix={prefix}
        tabs={tabs}
        active={file.name}
        onSelect={(name) => (store.activeFile.value = name)}
      />
      <div
        class="wb-editor"
        role="tabpanel"
        id={`${prefix}-panel`}
        aria-labelledby={`${prefix}-tab-${file.name}`}
      >
        <Editor store={store} file={file} />
      </div>
      <Problems store={store} />
    </div>
  )
}

function noteOf(store: LabStore, name: string, editable: boolean): { note?: string } {
  const problems = store.diagnostics.value.filter(({ file }) => file === name).length
  if (problems > 0) return { note: `${problems} ${problems === 1 ? 'problem' : 'problems'}` }
  return editable ? {} : { note: 'read-only' }
}
