/** What stands above the playground's workbench: where it begins, what the machine is like, its files, and what is opened and saved. */
import { download } from '../workbench/download.ts'
import * as text from '../strings.ts'
import { FilePicker } from '../workbench/file-picker.tsx'
import { when } from '../workbench/format.ts'
import type { Keeping } from '../workbench/work.ts'
import { ImageFields, OptionFields } from './fields.tsx'
import { FileList } from './file-list.tsx'
import type { Playground } from './playground.ts'
import type { Project } from './project.ts'

/** What the reader should know where the project is not kept. */
const NOT_KEPT: Readonly<Partial<Record<Keeping, string>>> = {
  refused: text.workNotKept,
  full: text.noRoomForProject,
  elsewhere: text.playgroundInAnotherTab,
}

interface SetupProps {
  readonly playground: Playground
  readonly project: Project
}

export function Setup({ playground, project }: SetupProps) {
  const { text: message, isProblem } = playground.message.value
  return (
    <section class="pg-setup" aria-label={text.machineAndFiles}>
      <Beginnings playground={playground} />
      <div class="pg-fields">
        <OptionFields playground={playground} project={project} />
        {project.image === undefined ? (
          <FileList playground={playground} files={project.files} />
        ) : (
          <ImageFields playground={playground} image={project.image} />
        )}
      </div>
      {NOT_KEPT[playground.work.keeping.value] !== undefined && (
        <p class="pg-not-kept" role="status">
          {NOT_KEPT[playground.work.keeping.value]}
        </p>
      )}
      <p class={isProblem ? 'pg-message is-problem' : 'pg-message'} role="status">
        {message}
      </p>
    </section>
  )
}

/** Where a project comes from, and how it gets to disk. */
function Beginnings({ playground }: { readonly playground: Playground }) {
  const save = async (): Promise<void> => {
    const file = await playground.save()
    if (file !== undefined) download('machine.wsm', new Blob([file]))
  }
  return (
    <div class="pg-beginnings">
      <label>
        {text.beginWith}{' '}
        <select
          value=""
          onChange={({ currentTarget }) => {
            void playground.choose(currentTarget.value)
            currentTarget.value = ''
          }}
        >
          <option value="">{text.aTemplate}</option>
          {playground.templates.map(({ id, title }) => (
            <option key={id} value={id}>
              {title}
            </option>
          ))}
        </select>
      </label>
      <FilePicker
        text={text.openFiles}
        label={text.filesToOpen}
        class="wb-button"
        multiple
        onPick={(files) => void playground.openFiles(files)}
      />
      <button type="button" class="wb-button" onClick={() => void save()}>
        {text.saveMachine}
      </button>
      <EarlierProjects playground={playground} />
      <span class="pg-drop-hint">{text.dropHint}</span>
    </div>
  )
}

/** The newest has a button; the others are a choice. */
function EarlierProjects({ playground }: { readonly playground: Playground }) {
  const [newest, ...others] = playground.earlier.value
  if (newest === undefined) return null
  return (
    <>
      <button type="button" class="wb-button" onClick={() => void playground.bringBack()}>
        {text.bringBack}
      </button>
      {others.length > 0 && (
        <label>
          {text.orBringBack}{' '}
          <select
            value=""
            onChange={({ currentTarget }) => {
              void playground.bringBack(Number(currentTarget.value))
              currentTarget.value = ''
            }}
          >
            <option value="">{text.somethingEarlier}</option>
            {others.map(({ version, savedAt, files }) => (
              <option key={version} value={version}>
                {when(savedAt)}: {files.map(({ name }) => name).join(', ')}
              </option>
            ))}
          </select>
        </label>
      )}
    </>
  )
}
