/** Puts the workbench into a <ws-lab> element and connects it to the page: storage, leaving, coming back. */
import { effect } from '@preact/signals'
import { render } from 'preact'
import { connect } from './client.ts'
import { Lab } from './lab.tsx'
import type { LabPayload } from './protocol.ts'
import { savedWorkStore } from './saved-work.ts'
import { LabStore } from './store.ts'

/** Returns what takes it away again. */
export function mount(element: HTMLElement, payload: LabPayload): () => void {
  const store = new LabStore({
    payload,
    connect,
    storage: savedWorkStore,
    fresh: new URLSearchParams(location.search).has('fresh'),
    now: Date.now,
  })
  const save = (): void => void store.save()
  window.addEventListener('pagehide', save)
  document.addEventListener('visibilitychange', save)

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
  void store.open()

  return () => {
    save()
    stopShowing()
    window.removeEventListener('pagehide', save)
    document.removeEventListener('visibilitychange', save)
    render(null, root)
    root.remove()
    listing?.removeAttribute('hidden')
    delete element.dataset['state']
    store.dispose()
  }
}
