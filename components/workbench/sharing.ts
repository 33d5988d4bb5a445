/** Handing on the state of a lab, and taking one over: from a link in the address, or from a file. */
import { batch } from '@preact/signals'
import * as text from '../strings.ts'
import type { LabPayload } from './protocol.ts'
import { fragmentOf } from './fragment.ts'
import type { SharedLab, SharedResult } from './shared-lab.ts'
import type { LabStore } from './store.ts'
import type { SharedTexts } from './work.ts'

/** Beyond this a page does not run by itself when it is opened. Instructions. */
const FARTHEST_POSITION = 5_000_000

/** What the page's address says of a lab. What reads it is loaded only if it says something. */
export async function linkInAddress(slug: string): Promise<SharedResult | undefined> {
  if (!location.hash.startsWith(fragmentOf(slug))) return undefined
  return (await import('./shared-lab.ts')).readLink(slug, location.hash)
}

/** The fragment of a link to a lab as it stands, "#" included. */
export async function fragmentFor(store: LabStore): Promise<string> {
  const { writeLink } = await import('./shared-lab.ts')
  return writeLink(await stateToShare(store, false))
}

/** The state of an opened lab to hand on. Of texts, with `all` every one, else those that are not as in the start. */
export async function stateToShare(store: LabStore, all: boolean): Promise<SharedLab> {
  const { slug, key, start } = store.opened.value!
  const texts = Object.entries(store.work.texts.value).filter(([name, text]) => all || start[name] !== text)
  const timeline = store.isStale.value ? undefined : await store.ask((client) => client.timeline())
  // A position means the same elsewhere only if nobody has changed the machine on the way.
  const isEdited = timeline?.marks.some(({ kind, at }) => kind === 'edit' && at <= timeline.position)
  return {
    slug,
    key,
    texts: Object.fromEntries(texts),
    stops: store.stops.saved(),
    position: isEdited === true || timeline?.position === 0 ? undefined : timeline?.position,
    file: store.activeFile.value,
    panel: store.panel.value,
    panels: store.morePanels.value,
  }
}

/**
 * Puts the state of a file or a link in the place of the reader's, which is put aside; a run ends for it. Returns why it cannot, and
 * otherwise nothing.
 */
export async function adoptShared(
  store: LabStore,
  shared: SharedLab,
  from: 'link' | 'file',
): Promise<string | undefined> {
  await store.rest()
  const opened = store.opened.value
  if (opened === undefined || store.activity.value !== 'idle') return text.machineIsGone
  // None of the reader's own goes with the lines of a text that is not the reader's.
  store.stops.lend([])
  store.work.adopt(sharedTexts(opened, shared, from))
  store.stops.lend(shared.stops)
  if (from === 'file') store.stops.keep()
  showPanels(store, shared)
  await store.reset()
  await goToShared(store, shared)
  return undefined
}

/** The address has changed to a link to a state of this lab, perhaps a damaged one. */
export async function followLink(store: LabStore, link: SharedResult): Promise<void> {
  store.linkProblem.value = link.ok ? '' : link.message
  const problem = link.ok ? await adoptShared(store, link.shared, 'link') : undefined
  if (problem !== undefined) store.linkProblem.value = problem
}

/** What a shared state makes of the lab's texts. */
export function sharedTexts(
  { key, start }: LabPayload,
  shared: SharedLab,
  from: SharedTexts['from'],
): SharedTexts {
  return { texts: { ...start, ...shared.texts }, from, isCurrent: shared.key === key }
}

/** Panels of a shared state; without one, or where it names none, they stay as they are. */
export function showPanels(store: LabStore, shared: SharedLab | undefined): void {
  batch(() => {
    store.panel.value = shared?.panel ?? store.panel.value
    store.morePanels.value = shared?.panels ?? store.morePanels.value
  })
}

/** Runs to the position of a shared state, if that is not too far, and shows its file. */
export async function goToShared(store: LabStore, { position, file }: SharedLab): Promise<void> {
  if (position !== undefined && position <= FARTHEST_POSITION) await store.goTo(position)
  else if (position !== undefined) store.linkProblem.value = text.leadsTooFar(position)
  if (file !== undefined && Object.hasOwn(store.work.texts.value, file)) store.activeFile.value = file
}
