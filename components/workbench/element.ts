/**
 * <ws-lab>: mounts the workbench in the place of a lab's static listing, once the lab comes near the view or gets the focus.
 * Nearly everything is loaded then.
 */
import * as text from '../strings.ts'
import './styles/index.css'
import { connect } from './client.ts'
import { fragmentOf } from './fragment.ts'
import type { Mounted } from './mount.tsx'
import { parsePayload } from './payload.ts'

/** How far outside the view a lab is when loading begins. */
const NEAR = '400px'

export class LabElement extends HTMLElement {
  #observer: IntersectionObserver | undefined
  #mounted: Mounted | undefined
  #isWanted = false

  connectedCallback(): void {
    this.#observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) void this.#mount()
      },
      { rootMargin: NEAR },
    )
    this.#observer.observe(this)
    this.addEventListener('focusin', this.#onFocus)
    // A link to the state of this lab: the browser knows no such place.
    if (location.hash.startsWith(fragmentOf(this.dataset['slug'] ?? ''))) this.scrollIntoView()
  }

  disconnectedCallback(): void {
    this.#observer?.disconnect()
    this.removeEventListener('focusin', this.#onFocus)
    this.#mounted?.unmount()
    this.#mounted = undefined
    this.#isWanted = false
  }

  /** The fragment of a link to the lab as it stands, "#" included; before it is mounted, that of the page's address. */
  fragment(): Promise<string> {
    return this.#mounted?.fragment() ?? Promise.resolve(location.hash)
  }

  readonly #onFocus = (): void => void this.#mount()

  async #mount(): Promise<void> {
    if (this.#isWanted) return
    this.#isWanted = true
    this.#observer?.disconnect()
    const parsed = parsePayload(this.querySelector('script[type="application/json"]')?.textContent ?? '')
    if (!parsed.ok) {
      this.#explain(text.labDataUnreadable(parsed.message))
      return
    }
    // The machine loads while the rest does.
    const client = connect()
    try {
      const { mount } = await import('./mount.tsx')
      if (this.isConnected) this.#mounted = mount(this, parsed.payload, client)
      else client.close()
    } catch (error) {
      client.close()
      const reason = error instanceof Error ? error.message : String(error)
      this.#explain(text.workbenchNotLoaded(reason))
    }
  }

  /** Says above the listing, which stays, why there is no workbench. */
  #explain(message: string): void {
    const note = document.createElement('p')
    note.className = 'wb-problem'
    note.setAttribute('role', 'alert')
    note.textContent = message
    this.prepend(note)
    this.dataset['state'] = 'failed'
  }
}

customElements.define('ws-lab', LabElement)
