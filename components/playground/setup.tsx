/** What stands above the playground's workbench: where it begins, what the machine is like, its files, and what is opened and saved. */
import { download } from '../workbench/download.ts'
import { FilePicker } from '../workbench/file-picker.tsx'
import { ImageFields, OptionFields } from './fields.tsx'
import { FileList } from './file-list.tsx'
import type { Playground } from './playground.ts'
import type { Project } from './project.ts'

interface SetupProps {
  readonly playground: Playground
  readonly project: Project
}

export function Setup({ playground, project }: SetupProps) {
  const { text, isProblem } = playground.message.value
  return (
    <section class="pg-setup" aria-label="Machine and files">
      <Beginnings playground={playground} />
      <div class="pg-fields">
        <OptionFields playground={playground} project={project} />
        {project.image === undefined ? (
          <FileList playground={playground} files={project.files} />
        ) : (
          <ImageFields playground={playground} image={project.image} />
        )}
      </div>
      <p class={isProblem ? 'pg-message is-problem' : 'pg-message'} role="status">
        {text}
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
        Begin with{' '}
        <select
          value=""
          onChange={({ currentTarget }) => {
            void playground.choose(currentTarget.value)
            currentTarget.value = ''
          }}
        >
          <option value="">a template …</option>
          {playground.templates.map(({ id, title }) => (
            <option key={id} value={id}>
              {title}
            </option>
          ))}
        </select>
      </label>
      <FilePicker
        text="Open files …"
        label="Assembly, a flat binary, a multiboot kernel, or a saved machine"
        class="wb-button"
        multiple
        onPick={(files) => void playground.openFiles(files)}
      />
      <button type="button" class="wb-button" onClick={() => void save()}>
        Save the machine
      </button>
      {playground.aside.value !== undefined && (
        <button type="button" class="wb-button" onClick={() => void playground.bringBack()}>
          Bring back what was here
        </button>
      )}
      <span class="pg-drop-hint">
        Files can be dropped here, too: assembly, flat binaries, multiboot kernels.
      </span>
    </div>
  )
}
