/** Focus that a control takes along when it goes stays near where it was; else a reader with a keyboard starts over at the top of the page. */

/** Does so within `root`. Returns what ends that. */
export function keepFocus(root: HTMLElement): () => void {
  let focused: HTMLElement | undefined
  let around: readonly HTMLElement[] = []

  const onFocusIn = ({ target }: FocusEvent): void => {
    focused = target as HTMLElement
    around = ancestors(focused, root)
  }
  const onFocusOut = (): void => {
    // Some browsers report this before a control goes, too: whether it did is known when everything has been drawn.
    queueMicrotask(() => {
      if (focused !== undefined && isThere(focused) && document.activeElement !== focused) focused = undefined
    })
  }
  const onChange = (): void => {
    if (focused === undefined || isThere(focused)) return
    const active = document.activeElement
    const isLost = active === null || active === document.body || active === focused
    focused = undefined
    if (!isLost) return
    const place = around.find(isThere) ?? root
    if (!place.hasAttribute('tabindex')) place.tabIndex = -1
    place.focus({ preventScroll: true })
  }

  const observer = new MutationObserver(onChange)
  observer.observe(root, { subtree: true, childList: true, attributeFilter: ['disabled', 'hidden'] })
  root.addEventListener('focusin', onFocusIn)
  root.addEventListener('focusout', onFocusOut)
  return () => {
    observer.disconnect()
    root.removeEventListener('focusin', onFocusIn)
    root.removeEventListener('focusout', onFocusOut)
  }
}

/** From the inside out, without `root`. */
function ancestors(element: HTMLElement, root: HTMLElement): HTMLElement[] {
  const found: HTMLElement[] = []
  for (let parent = element.parentElement; parent !== null && parent !== root; parent = parent.parentElement)
    found.push(parent)
  return found
}

/** It can have the focus, as far as being in the page and being enabled goes. */
function isThere(element: HTMLElement): boolean {
  return element.isConnected && !element.matches(':disabled, [hidden] *, [hidden]')
}
