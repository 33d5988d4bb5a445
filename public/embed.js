/*
 * <world-switch-lab lab="smallest-vmcb">: a lab of World Switch in a page of another site.
 *
 *   <script src="https://the.book/embed.js" async></script>
 *   <world-switch-lab lab="smallest-vmcb" theme="dark" state="1.q1Yq..." title="The smallest VMCB"></world-switch-lab>
 *
 * The book lies where this script does. Its source: public/embed.js; what it is for: docs/embedding.md.
 */
{
  const book = new URL('.', document.currentScript.src)

  /** What the attributes may be. Anything else is left out of the frame's address. */
  const LAB = /^[a-z0-9-]{1,100}$/
  const THEME = /^(light|dark)$/
  const STATE = /^\d+\.[\w-]{1,200000}$/

  /** CSS pixels: before the lab has told its height, and the most that it may have. */
  const FIRST_HEIGHT = 900
  const MOST_HEIGHT = 10_000

  /** Milliseconds that a loaded frame has for its first message: what is no lab sends none. */
  const FIRST_MESSAGE = 5000

  /** The height that a message of a lab tells; undefined for any other message. */
  const heightIn = (data) => {
    if (typeof data !== 'object' || data === null) return undefined
    const { type, version, height } = data
    if (type !== 'world-switch:resize' || version !== 1) return undefined
    return Number.isFinite(height) && height > 0 ? Math.min(height, MOST_HEIGHT) : undefined
  }

  class WorldSwitchLab extends HTMLElement {
    static observedAttributes = ['lab', 'theme', 'state', 'title']

    #frame = document.createElement('iframe')
    #note = document.createElement('p')
    #waiting = 0

    constructor() {
      super()
      const frame = this.#frame
      frame.loading = 'lazy'
      frame.allow = 'clipboard-write'
      Object.assign(frame.style, {
        display: 'block',
        width: '100%',
        border: '0',
        height: `${FIRST_HEIGHT}px`,
      })
      // Also for the page that a browser puts in the place of one that refuses to be framed.
      frame.addEventListener('load', () => this.#wait())
    }

    connectedCallback() {
      if (this.style.display === '') this.style.display = 'block'
      window.addEventListener('message', this.#onMessage)
      this.#show()
    }

    disconnectedCallback() {
      window.removeEventListener('message', this.#onMessage)
      clearTimeout(this.#waiting)
    }

    attributeChangedCallback() {
      if (this.isConnected) this.#show()
    }

    #show() {
      const lab = this.getAttribute('lab') ?? ''
      if (!LAB.test(lab)) {
        this.textContent = `There is no lab "${lab}".`
        return
      }
      const address = new URL(`embed/${lab}/`, book)
      const theme = this.getAttribute('theme') ?? ''
      const state = this.getAttribute('state') ?? ''
      if (THEME.test(theme)) address.searchParams.set('theme', theme)
      if (STATE.test(state)) address.hash = `lab-${lab}=${state}`
      this.#frame.title = this.getAttribute('title') ?? `Lab of World Switch: ${lab}`
      if (this.#frame.src !== address.href) {
        clearTimeout(this.#waiting)
        this.#frame.style.height = `${FIRST_HEIGHT}px`
        this.#frame.src = address.href
        this.#note.remove()
      }
      if (this.#frame.parentNode !== this) this.replaceChildren(this.#frame)
    }

    #wait() {
      clearTimeout(this.#waiting)
      this.#waiting = setTimeout(() => this.#sayMissing(), FIRST_MESSAGE)
    }

    /** The frame stays, in case that its lab is only slow. */
    #sayMissing() {
      const link = document.createElement('a')
      link.href = link.textContent = this.#frame.src
      this.#note.replaceChildren(
        `The lab "${this.getAttribute('lab')}" has not been loaded. Look whether it is there: `,
        link,
      )
      this.#frame.style.height = '0'
      // A frame that is moved is loaded again.
      this.prepend(this.#note)
    }

    // Whoever has this window can send it messages: only those of the frame count, and of them only the book's.
    #onMessage = ({ source, origin, data }) => {
      if (source !== this.#frame.contentWindow || origin !== book.origin) return
      const height = heightIn(data)
      if (height === undefined) return
      clearTimeout(this.#waiting)
      this.#frame.style.height = `${height}px`
      this.#note.remove()
    }
  }

  if (customElements.get('world-switch-lab') === undefined)
    customElements.define('world-switch-lab', WorldSwitchLab)
}
