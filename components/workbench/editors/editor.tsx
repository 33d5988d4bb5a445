/** One editor for all texts: a plain text area until Monaco has loaded, and for good on touch devices or if it cannot load. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Lab } from '../../../emulator/lab/index.ts'
import * as text from '../../strings.ts'
import type { LabStore } from '../store.ts'
import type { CodeEditor } from './code-editor.ts'
import { PlainEditor } from './plain-editor.tsx'

interface EditorProps {
  readonly store: LabStore
  readonly file: Lab['files'][number]
}

export function Editor({ store, file }: EditorProps) {
  const host = useRef<HTMLDivElement>(null)
  const area = useRef<HTMLTextAreaElement>(null)
  const [editor, setEditor] = useState<CodeEditor>()

  useEffect(() => {
    // Monaco does not support touch devices.
    if (matchMedia('(pointer: coarse)').matches) return undefined
    let created: CodeEditor | undefined
    let isGone = false
    import('./code-editor.ts').then(
      ({ createCodeEditor }) => {
        if (isGone || host.current === null) return
        created = createCodeEditor(host.current, store, area.current ?? undefined)
        setEditor(created)
      },
      // The text area goes on serving.
      () => undefined,
    )
    return () => {
      isGone = true
      created?.dispose()
    }
  }, [store])

  return (
    <>
      <div ref={host} class="wb-monaco" hidden={editor === undefined} />
      {editor === undefined ? (
        <PlainEditor store={store} file={file} area={area} />
      ) : (
        <p class="wb-editor-hint">{file.editable ? text.aboutTab : text.fileIsReadOnly}</p>
      )}
    </>
  )
}
