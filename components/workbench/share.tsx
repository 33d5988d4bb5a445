/** Handing a lab on: as a link, as a file, as an image that other machines boot. */
import { useState } from 'preact/hooks'
import * as text from '../strings.ts'
import { download } from './download.ts'
import { FilePicker } from './file-picker.tsx'
import type { Exported } from './protocol.ts'
import { adoptShared, fragmentFor, stateToShare } from './sharing.ts'
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
  const say = (message: string): void => setOutcome({ kind: 'message', text: message })
  const copy = async (content: string, done: string): Promise<void> => {
    try {
      await navigator.clipboard.writeText(content)
      say(done)
    } catch {
      setOutcome({ kind: 'text', text: content })
    }
  }
  const copyLink = async (): Promise<void> => {
    const link = await linkTo(store, slug)
    await copy(link, text.linkIsCopied(link.length) + (link.length > LONG_LINK ? text.longLinksAreCut : ''))
  }
  const open = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return
    const result = await (await import('./shared-lab.ts')).openFile(slug, file)
    if (!result.ok) {
      say(text.fileNotOpened(file.name, result.message))
      return
    }
    const problem = await adoptShared(store, result.shared, 'file')
    say(problem === undefined ? text.fileIsOpen(file.name) : text.fileNotOpened(file.name, problem))
  }
  const exportImage = async (): Promise<void> => {
    const file = `${slug}.elf`
    say(text.imageIsBeingBuilt)
    const exported = await store.exportImage(file)
    if (exported === undefined) {
      say(text.imageNotBuilt)
      return
    }
    if (!exported.ok) {
      say(text.labNotExported(exported.message))
      return
    }
    download(file, new Blob([exported.image]))
    setOutcome({ kind: 'image', exported })
  }
  return (
    <section class="wb-share" aria-label={landmark(store, text.share)}>
      <h3>{text.share}</h3>
      <p class="wb-help-actions">
        <button type="button" class="wb-button" onClick={() => void copyLink()}>
          {text.copyLink}
        </button>
        <button
          type="button"
          class="wb-button"
          onClick={() => void textOfFile(store).then((content) => copy(content, text.fileIsCopied))}
        >
          {text.copyAsFile}
        </button>
        <button
          type="button"
          class="wb-button"
          onClick={() =>
            void textOfFile(store).then((content) => download(`${slug}.json`, new Blob([content])))
          }
        >
          {text.saveLabAsFile}
        </button>
        <FilePicker
          text={text.openFile}
          label={text.labAsFile}
          class="wb-button"
          accept=".json,application/json"
          onPick={([file]) => void open(file)}
        />
        <button type="button" class="wb-button" onClick={() => void exportImage()}>
          {text.exportAsImage}
        </button>
      </p>
      <div role="status">{outcome !== undefined && <Report outcome={outcome} />}</div>
    </section>
  )
}

/** Links longer than this may be cut by what they are sent through. Characters. */
const LONG_LINK = 2000

/** The lab as it stands as the text of a file. */
async function textOfFile(store: LabStore): Promise<string> {
  const { writeFile } = await import('./shared-lab.ts')
  return writeFile(await stateToShare(store, true))
}

/** A link to the lab as it stands. */
export async function linkTo(store: LabStore, slug: string): Promise<string> {
  return `${location.origin}${pageOf(slug)}${await fragmentFor(store)}`
}

/** The path of the page that a link leads to: this one, but for an embedded lab its own. */
function pageOf(slug: string): string {
  return location.pathname.replace(/\/embed\/[^/]+\/?$/, `/lab/${slug}/`)
}

function Report({ outcome }: { readonly outcome: Outcome }) {
  switch (outcome.kind) {
    case 'message':
      return <p>{outcome.text}</p>
    case 'text':
      return (
        <label>
          {text.copyFromHere}
          <textarea class="wb-copy" readOnly rows={3} value={outcome.text} />
        </label>
      )
    case 'image':
      return (
        <>
          <p>{text.aboutExportedImage}</p>
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
