/** Handing a lab on: as a link, as a file, as an image that other machines boot. */
import { useState } from 'preact/hooks'
import * as text from '../strings.ts'
import { download } from './download.ts'
import { FilePicker } from './file-picker.tsx'
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
    await copy(link, link.length > LONG_LINK ? text.longLinkIsCopied(link.length) : text.linkIsCopied)
  }
  const open = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return
    const result =
      file.size > LARGEST_FILE
        ? ({ ok: false, message: text.isTooLarge } as const)
        : readFile(slug, await file.text())
    if (!result.ok) {
      say(text.fileNotOpened(file.name, result.message))
      return
    }
    await adoptShared(store, result.shared, 'file')
    say(text.fileIsOpen(file.name))
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
          onClick={() =>
            void stateToShare(store, true).then((shared) => copy(writeFile(shared), text.fileIsCopied))
          }
        >
          {text.copyAsFile}
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
