/** What stands in the place of the texts where the machine runs an image: what it is, what is wrong with it, and its console. */
import type { Image } from '../../emulator/lab/index.ts'
import { Problems } from './editors/problems.tsx'
import { hex, plural } from './format.ts'
import { ConsolePanel } from './panels/console.tsx'
import { landmark } from './landmark.ts'
import type { LabStore } from './store.ts'

export function ImagePane({ store, image }: { readonly store: LabStore; readonly image: Image }) {
  return (
    <section class="wb-image-pane" aria-label={landmark(store, 'Image')}>
      <p class="wb-image">
        <b>{image.name}</b> {describe(image)}
      </p>
      <div class="wb-image-console" role="region" aria-label={landmark(store, 'Console')} tabIndex={0}>
        <ConsolePanel store={store} />
      </div>
      <Problems store={store} />
    </section>
  )
}

function describe(image: Image): string {
  const size = plural(image.bytes.length, 'byte')
  if (image.kind === 'flat') return `flat binary, ${size}, at ${hex(BigInt(image.address))}`
  return `multiboot kernel, ${size}, started as “${image.commandLine}”`
}
