/** What stands in the place of the texts where the machine runs an image: what it is, what is wrong with it, and its console. */
import type { Image } from '../../emulator/lab/index.ts'
import * as text from '../strings.ts'
import { Problems } from './editors/problems.tsx'
import { hex } from './format.ts'
import { ConsolePanel } from './panels/console.tsx'
import { landmark } from './landmark.ts'
import type { LabStore } from './store.ts'

export function ImagePane({ store, image }: { readonly store: LabStore; readonly image: Image }) {
  return (
    <section class="wb-image-pane" aria-label={landmark(store, text.image)}>
      <p class="wb-image">
        <b>{image.name}</b> {describe(image)}
      </p>
      <div
        class="wb-image-console"
        role="region"
        aria-label={landmark(store, text.serialConsole)}
        tabIndex={0}
      >
        <ConsolePanel store={store} />
      </div>
      <Problems store={store} />
    </section>
  )
}

function describe(image: Image): string {
  const size = image.bytes.length
  if (image.kind === 'flat') return text.flatBinary(size, hex(BigInt(image.address)))
  return text.multibootKernel(size, image.commandLine)
}
