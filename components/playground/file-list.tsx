/** The files of the project: adding, renaming, removing, and where a VMCB is placed. */
import { useState } from 'preact/hooks'
import * as text from '../strings.ts'
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
      <input
        type="text"
        class="pg-name"
        aria-label={text.nameOfFile(name)}
        spellcheck={false}
        value={name}
        onChange={({ currentTarget }) => {
          void playground.renameFile(name, currentTarget.value.trim())
          currentTarget.value = name
        }}
      />
      {isProgram && <span class="pg-note">{text.theProgram}</span>}
      {name === 'l0.yaml' && <span class="pg-note">{text.whatL0Decides}</span>}
      {name.endsWith('.vmcb') && (
        <label class="pg-note">
          {text.placedAt}{' '}
          <input
            type="text"
            class="pg-symbol"
            aria-label={text.symbolOfFile(name)}
            spellcheck={false}
            value={symbol}
            onChange={({ currentTarget }) => {
              void playground.setSymbol(name, currentTarget.value.trim())
              currentTarget.value = symbol
            }}
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
  return (
    <form
      class="pg-new-file"
      onSubmit={(event) => {
        event.preventDefault()
        void playground.addFile(name.trim())
        setName('')
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
