/** A panel whose code is loaded when it is opened for the first time. */
import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import * as text from '../../strings.ts'
import type { PanelProps } from './registry.tsx'

type Panel = ComponentType<PanelProps>

export function lazyPanel(load: () => Promise<Panel>): Panel {
  let loaded: Panel | undefined
  return function LazyPanel(props: PanelProps) {
    const [Shown, show] = useState<Panel | undefined>(() => loaded)
    const [hasFailed, setFailed] = useState(false)
    useEffect(() => {
      // Another lab's panel may have loaded it since this one was drawn: that is to be shown, too.
      if (Shown !== undefined) return
      load().then(
        (panel) => {
          loaded = panel
          show(() => panel)
        },
        () => setFailed(true),
      )
    }, [])
    if (Shown !== undefined) return <Shown {...props} />
    return hasFailed ? <p class="wb-error">{text.panelNotLoaded}</p> : <p class="wb-soft">{text.loading}</p>
  }
}
