/**
 * What an embedded lab says to the page around it: how tall it is, so that the frame can be made as tall. Any site may frame a lab, so
 * the message goes to every origin and holds nothing else. `public/embed.js` is the other end; docs/embedding.md describes the shape.
 */
export interface ResizeMessage {
  readonly type: 'world-switch:resize'
  readonly version: 1
  /** CSS pixels. */
  readonly height: number
}

/** Tells the page around this one, now and after each change, how tall this one is. Nothing happens outside of a frame. */
export function tellHeight(): void {
  if (window.parent === window) return
  const root = document.documentElement
  const tell = (): void => {
    const height = Math.ceil(root.getBoundingClientRect().height)
    const message: ResizeMessage = { type: 'world-switch:resize', version: 1, height }
    window.parent.postMessage(message, '*')
  }
  new ResizeObserver(tell).observe(root)
}
