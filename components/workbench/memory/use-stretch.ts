/** A stretch of memory as it is now, and as it was before the last command. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { RunView } from '../protocol.ts'
import type { MemoryRequest, MemoryStretch } from '../state-protocol.ts'
import type { LabStore } from '../store.ts'

export interface ShownStretch {
  readonly stretch: MemoryStretch
  /** What lay there at the view before; undefined if that was not looked at. */
  readonly before: Uint8Array | undefined
}

export function useStretch(store: LabStore, view: RunView, request: MemoryRequest): ShownStretch | undefined {
  const { expression, length, space, processor } = request
  const [shown, setShown] = useState<ShownStretch>()
  const isIdle = store.activity.value === 'idle'
  const last = useRef<{ readonly view: RunView; readonly bytes: Uint8Array; readonly place: string }>()
  const earlier = useRef<typeof last.current>()

  useEffect(() => {
    let isCurrent = true
    void store
      .ask((client) => client.lookAt({ expression, length, space, processor }))
      .then((stretch) => {
        if (!isCurrent || stretch === undefined) return
        if (stretch.ok) {
          const place = `${space} ${processor} ${stretch.address} ${length}`
          // Several looks at one view are compared with the same earlier one.
          if (last.current?.view !== view) earlier.current = last.current
          last.current = { view, bytes: stretch.bytes, place }
          const before = earlier.current?.place === place ? earlier.current.bytes : undefined
          setShown({ stretch, before })
        } else {
          setShown({ stretch, before: undefined })
        }
      })
    return () => (isCurrent = false)
  }, [store, view, expression, length, space, processor, isIdle])
  return shown
}
