/** Puts the workbench into a <ws-lab> element and connects it to the page: storage, leaving, coming back. */
import { effect } from '@preact/signals'
import { render } from 'preact'
import { keepFocus } from '../keep-focus.ts'
import { connect, type Client } from './client.ts'
import { createClaim } from '../reader/claim.ts'
import { saveOnLeaving } from '../reader/leaving.ts'
import { askForLastingStorage, readerStore } from '../reader/store.ts'
import { Lab } from './lab.tsx'
import type { LabPayload } from './protocol.ts'
import { browserSettings } from './settings.ts'
import { followLink, fragmentFor, linkInAddress } from './sharing.ts'
import { LabStore } from './store.ts'

export interface Mounted {
  /** Takes the workbench away again. */
  readonly unmount: () => void
  /** The fragment of a link to the lab as it stands, "#" included. */
  readonly fragment: () => Promise<string>
}

/** `client` is a worker that has been started already. */
export function mount(element: HTMLElement, payload: LabPayload, client: Client): Mounted {
  let started: Client | undefined = client
  const store = new LabStore({
    payload,
    connect() {
      const first = started
      started = undefined
      return first ?? connect()
    },
    storage: readerStore,
    fresh: new URLSearchParams(location.search).has('fresh'),
    now: Date.now,
    settings: browserSettings,
    // Outside of secure contexts there are no locks.
    claim: createClaim(navigator.locks),
    onSaved: askForLastingStorage,
    shared: () => linkInAddress(payload.slug),
  })
  const stopSaving = saveOnLeaving((isLeft) => store.work.save(isLeft))

  const follow = async (): Promise<void> => {
    const link = await linkInAddress(payload.slug)
    if (link === undefined) return
    element.scrollIntoView()
    await followLink(store, link)
  }
  const onHashChange = (): void => void follow()
  window.addEventListener('hashchange', onHashChange)

  const listing = element.querySelector<HTMLElement>('.lab-files')
  const root = document.createElement('div')
  root.className = 'wb'
  if (listing === null) element.append(root)
  else listing.before(root)
  const stopShowing = effect(() => {
    const hasOpened = store.opened.value !== undefined
    const hasFailed = store.failure.value !== ''
    listing?.toggleAttribute('hidden', hasOpened)
    if (hasOpened) element.dataset['state'] = 'mounted'
    else if (hasFailed) element.dataset['state'] = 'failed'
  })
  render(<Lab store={store} />, root)
  const stopKeepingFocus = keepFocus(root)
  void store.open()

  const unmount = (): void => {
    void store.work.save()
    stopSaving()
    stopShowing()
    stopKeepingFocus()
    window.removeEventListener('hashchange', onHashChange)
    render(null, root)
    root.remove()
    listing?.removeAttribute('hidden')
    delete element.dataset['state']
    store.dispose()
  }
  const fragment = async (): Promise<string> =>
    store.opened.value === undefined ? location.hash : fragmentFor(store)
  return { unmount, fragment }
}
