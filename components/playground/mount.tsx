/** Puts the playground into its page. */
import './playground.css'
import '../workbench/styles/index.css'
import { render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { keepFocus } from '../keep-focus.ts'
import { createClaim } from '../reader/claim.ts'
import { saveOnLeaving } from '../reader/leaving.ts'
import { askForLastingStorage, readerStore } from '../reader/store.ts'
import * as text from '../strings.ts'
import { connect } from '../workbench/client.ts'
import { Lab } from '../workbench/lab.tsx'
import { browserSettings } from '../workbench/settings.ts'
import { Playground } from './playground.ts'
import type { Template } from './project.ts'
import { Setup } from './setup.tsx'

export function mountPlayground(root: HTMLElement, templates: readonly Template[]): void {
  const playground = new Playground({
    templates,
    connect,
    storage: readerStore,
    settings: browserSettings,
    now: Date.now,
    claim: createClaim(navigator.locks),
    onSaved: askForLastingStorage,
  })
  saveOnLeaving((isLeft) => playground.keep(isLeft))
  root.replaceChildren()
  render(<Page playground={playground} />, root)
  keepFocus(root)
  void playground.open()
}

function Page({ playground }: { readonly playground: Playground }) {
  const [isOver, setOver] = useState(false)
  const project = playground.project.value
  const bench = playground.bench.value
  // A file that is dropped beside the place for it would be opened by the browser, in the place of this page.
  useEffect(() => {
    const onDragOver = (event: DragEvent): void => {
      if (event.dataTransfer?.types.includes('Files') !== true) return
      event.preventDefault()
      setOver(true)
    }
    const onLeave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setOver(false)
    }
    const onDrop = (event: DragEvent): void => {
      const files = [...(event.dataTransfer?.files ?? [])]
      if (files.length === 0) return
      event.preventDefault()
      setOver(false)
      void playground.openFiles(files)
    }
    const listeners = { dragover: onDragOver, dragleave: onLeave, drop: onDrop }
    for (const [name, listener] of Object.entries(listeners))
      window.addEventListener(name, listener as EventListener, { capture: true })
    return () => {
      for (const [name, listener] of Object.entries(listeners))
        window.removeEventListener(name, listener as EventListener, { capture: true })
    }
  }, [playground])
  return (
    <div class={isOver ? 'wb pg is-over' : 'wb pg'}>
      {project !== undefined && <Setup playground={playground} project={project} />}
      {bench !== undefined && <Bench key={numberOf(bench)} bench={bench} />}
    </div>
  )
}

const numbers = new WeakMap<object, number>()
let given = 0

/** Another workbench is drawn anew. */
function numberOf(bench: object): number {
  const known = numbers.get(bench) ?? ++given
  numbers.set(bench, known)
  return known
}

function Bench({ bench }: { readonly bench: Parameters<typeof Lab>[0]['store'] }) {
  return (
    <div class="pg-bench">
      <h2 class="wb-hidden">{text.workbench}</h2>
      <Lab store={bench} />
    </div>
  )
}
