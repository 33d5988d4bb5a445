/** Handing a lab on: as a link, as a file, as an image that other machines boot. */
import { useState } from 'preact/hooks'
import { download } from './download.ts'
import { FilePicker } from './file-picker.tsx'
import { count } from './format.ts'
import type { Exported } from './protocol.ts'
import { LONG_LINK, readFile, writeFile, writeLink } from './shared-lab.ts'
import { adoptShared, stateToShare } from './sharing.ts'
import { landmark } from './landmark.ts'
import type { LabStore } from './store.ts'

/** What the last action came to. */
type Outcome =
  | { readonly kind: 'message'; readonly text: string }
  /** A text that could not be put on the clipboard: to be copied by hand. */
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'image'; readonly exported: Exported & { readonly ok: true } }

export function Share({ store, slug }: { readonly store: LabStore; readonly slug: string }) {
  const [outcome, setOutcome] = useState<Outcome>()
  const say = (text: string): void => setOutcome({ kind: 'message', text })
  const copy = async (text: string, done: string): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text)
      say(done)
    } catch {
      setOutcome({ kind: 'text', text })
    }
  }
  const copyLink = async (): Promise<void> => {
    const link = await linkTo(store, slug)
    const size =
      link.length > LONG_LINK
        ? ` It has ${count(link.length)} characters; some programs cut links that long. A file is safer.`
        : ''
    await copy(link, `The link is copied.${size}`)
  }
  const open = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return
    const result =
      file.size > LARGEST_FILE
        ? ({ ok: false, message: 'it is too large' } as const)
        : readFile(slug, await file.text())
    if (!result.ok) {
      say(`${file.name} could not be opened: ${result.message}.`)
      return
    }
    await adoptShared(store, result.shared, 'file')
    say(`${file.name} is open.`)
  }
  const exportImage = async (): Promise<void> => {
    const file = `${slug}.elf`
    say('The image is being built …')
    const exported = await store.exportImage(file)
    if (exported === undefined) {
      say('The image could not be built: the machine stopped working. Restart it above, and try again.')
      return
    }
    if (!exported.ok) {
      say(`This lab cannot be exported: ${exported.message}.`)
      return
    }
    download(file, new Blob([exported.image]))
    setOutcome({ kind: 'image', exported })
  }
  return (
    <section class="wb-share" aria-label={landmark(store, 'Share')}>
      <h3>Share</h3>
      <p class="wb-help-actions">
        <button type="button" class="wb-button" onClick={() => void copyLink()}>
          Copy a link
        </button>
        <button
          type="button"
          class="wb-button"
          onClick={() =>
            void stateToShare(store, true).then((shared) => copy(writeFile(shared), 'The file is copied.'))
          }
        >
          Copy as file
        </button>
        <button
          type="button"
          class="wb-button"
          onClick={() =>
            void stateToShare(store, true).then((shared) =>
              download(`${slug}.json`, new Blob([writeFile(shared)])),
            )
          }
        >
          Save as file
        </button>
        <FilePicker
          text="Open a file …"
          label="A lab that was saved as a file"
          class="wb-button"
          accept=".json,application/json"
          onPick={([file]) => void open(file)}
        />
        <button type="button" class="wb-button" onClick={() => void exportImage()}>
          Export as an image
        </button>
      </p>
      <div role="status">{outcome !== undefined && <Report outcome={outcome} />}</div>
    </section>
  )
}

/** A link to the lab as it stands. */
export async function linkTo(store: LabStore, slug: string): Promise<string> {
  return `${location.origin}${pageOf(slug)}${await writeLink(await stateToShare(store, false))}`
}

/** The path of the page that a link leads to: this one, but for an embedded lab its own. */
function pageOf(slug: string): string {
  return location.pathname.replace(/\/embed\/[^/]+\/?$/, `/lab/${slug}/`)
}

/** Bytes. */
const LARGEST_FILE = 8_000_000

function Report({ outcome }: { readonly outcome: Outcome }) {
  switch (outcome.kind) {
    case 'message':
      return <p>{outcome.text}</p>
    case 'text':
      return (
        <label>
          The browser refuses the clipboard. Copy it from here:
          <textarea class="wb-copy" readOnly rows={3} value={outcome.text} />
        </label>
      )
    case 'image':
      return (
        <>
          <p>A multiboot image of the texts as they stand. It begins as this lab does, and is run by:</p>
          <dl class="wb-commands">
            {outcome.exported.commands.map(({ where, command }) => (
              <div key={where}>
                <dt>{where}</dt>
                <dd>
                  <code>{command}</code>
                </dd>
              </div>
            ))}
          </dl>
        </>
      )
  }
}
