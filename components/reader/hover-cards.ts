// The cards of the glossary and the sources beside the links that they describe (WCAG 2.2, 1.4.13): shown while the
// link or the card is pointed at or the link has the focus, closed by Escape. Without this script the links are plain.

/** Milliseconds until a card opens, so that a pointer passing over opens none, and until it closes. */
const OPENS_AFTER = 150
const CLOSES_AFTER = 250

/** Pixels between link and card, and between card and the window's edge. */
const GAP = 6
const EDGE = 8

function cardOf(link: Element): HTMLElement | null {
  return document.getElementById(link.getAttribute('aria-describedby') ?? '')
}

/** Puts the card under the link, or over it where there is more room; it scrolls with the text. */
function place(card: HTMLElement, link: Element): void {
  const { left, top, bottom } = link.getClientRects()[0] ?? link.getBoundingClientRect()
  const { width, height } = card.getBoundingClientRect()
  const below = bottom + GAP + height <= window.innerHeight || top < window.innerHeight - bottom
  const x = Math.max(EDGE, Math.min(left, document.documentElement.clientWidth - width - EDGE))
  card.style.left = `${x + window.scrollX}px`
  card.style.top = `${(below ? bottom + GAP : top - GAP - height) + window.scrollY}px`
}

/** Watches the page for pointers and focus on links that have a card. */
export function watchHoverCards(): void {
  let open: HTMLElement | null = null
  let timer: number | undefined

  function close() {
    window.clearTimeout(timer)
    open?.hidePopover()
    open = null
  }

  function show(link: Element) {
    const card = cardOf(link)
    window.clearTimeout(timer)
    if (card === null || card === open) return
    close()
    card.showPopover()
    place(card, link)
    open = card
  }

  const later = (what: () => void, after: number) => {
    window.clearTimeout(timer)
    timer = window.setTimeout(what, after)
  }

  const linkOf = ({ target }: Event) => (target instanceof Element ? target.closest('a.term, a.cite') : null)

  document.addEventListener('pointerover', (event) => {
    const link = linkOf(event)
    if (link !== null) later(() => show(link), OPENS_AFTER)
    else if (event.target instanceof Node && open?.contains(event.target)) window.clearTimeout(timer)
    else if (open !== null && !document.activeElement?.matches('a.term, a.cite')) later(close, CLOSES_AFTER)
    else window.clearTimeout(timer)
  })
  document.addEventListener('focusin', (event) => {
    const link = linkOf(event)
    if (link?.matches(':focus-visible')) show(link)
  })
  document.addEventListener('focusout', (event) => {
    if (linkOf(event) !== null) close()
  })
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') close()
  })
}
