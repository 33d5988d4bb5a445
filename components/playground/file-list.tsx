/** The files of the project: adding, renaming, removing, and where a VMCB is placed. */
import { useState } from 'preact/hooks'
import * as text from '../strings.ts'
import { DraftInput } from '../workbench/draft-input.tsx'
import type { Playground } from './playground.ts'
import { programOf, type ProjectFile } from './project.ts'

interface FileListProps {
  readonly playground: Playground
  readonly files: readonly ProjectFile[]
}

export function FileList({ playground, files }: FileListProps) {
  const program = programOf(files)
  return (
    <fieldset class="pg-files">
      <legend>{text.files}</legend>
      <ul>
        {files.map((file) => (
          <FileRow key={file.name} playground={playground} file={file} isProgram={file.name === program} />
        ))}
      </ul>
      <NewFile playground={playground} />
    </fieldset>
  )
}

interface FileRowProps {
  readonly playground: Playground
  readonly file: ProjectFile
  readonly isProgram: boolean
}

function FileRow({ playground, file, isProgram }: FileRowProps) {
  const { name, symbol } = file
  return (
    <li>
      <DraftInput
        class="pg-name"
        aria-label={text.nameOfFile(name)}
        value={name}
        onEnter={(typed) => playground.renameFile(name, typed.trim())}
      />
      {isProgram && <span class="pg-note">{text.theProgram}</span>}
      {name === 'l0.yaml' && <span class="pg-note">{text.whatL0Decides}</span>}
      {name.endsWith('.vmcb') && (
        <label class="pg-note">
          {text.placedAt}{' '}
          <DraftInput
            class="pg-symbol"
            aria-label={text.symbolOfFile(name)}
            value={symbol}
            onEnter={(typed) => playground.setSymbol(name, typed.trim())}
          />
        </label>
      )}
      <button
        type="button"
        class="wb-link"
        aria-label={text.removeNamed(name)}
        onClick={() => void playground.removeFile(name)}
      >
        {text.remove}
      </button>
    </li>
  )
}

function NewFile({ playground }: { readonly playground: Playground }) {
  const [name, setName] = useState('')
  const add = async (): Promise<void> => {
    if (await playground.addFile(name.trim())) setName('')
  }
  return (
    <form
      class="pg-new-file"
      onSubmit={(event) => {
        event.preventDefault()
        void add()
      }}
    >
      <input
        type="text"
        class="pg-name"
        aria-label={text.nameOfNewFile}
        placeholder={text.exampleFileName}
        spellcheck={false}
        value={name}
        onInput={({ currentTarget }) => setName(currentTarget.value)}
      />
      <button type="submit" class="wb-button">
        {text.addFile}
      </button>
    </form>
  )
}
