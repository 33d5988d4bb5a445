/** The serial port: what the program wrote to it, and a line to type for it to read. */
import type { RefObject } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import * as text from '../../strings.ts'
import type { PanelProps } from './registry.tsx'

/** Pixels from the end at which a reader still is at the end. */
const NEAR = 8

/** What scrolls around an element follows the end of a growing text, unless the reader has gone up in it. */
function useFollowedEnd(output: string): RefObject<HTMLFormElement> {
  const last = useRef<HTMLFormElement>(null)
  const height = useRef(0)
  useLayoutEffect(() => {
    const scroller = last.current?.parentElement
    if (scroller === null || scroller === undefined) return
    const wasAtEnd = scroller.scrollTop + scroller.clientHeight >= height.current - NEAR
    height.current = scroller.scrollHeight
    if (wasAtEnd) scroller.scrollTop = scroller.scrollHeight
  }, [output])
  return last
}

export function ConsolePanel({ store }: Pick<PanelProps, 'store'>) {
  const output = store.console.value
  const ending = store.view.value?.ending
  const last = useFollowedEnd(output)
  const [line, setLine] = useState('')
  const [withReturn, setWithReturn] = useState(true)
  const canType = store.canTravel.value && ending === undefined
  const send = async (): Promise<void> => {
    const typed = withReturn ? `${line}\r` : line
    if (!canType || typed === '') return
    setLine('')
    await store.change({ kind: 'serial', text: typed })
  }
  return (
    <>
      {output === '' ? (
        <p class="wb-soft">{text.nothingWritten}</p>
      ) : (
        <pre class="wb-console" tabIndex={0} aria-label={text.serialOutput}>
          {output}
        </pre>
      )}
      <form
        ref={last}
        class="wb-memory-bar"
        aria-label={text.serialInput}
        onSubmit={(event) => {
          event.preventDefault()
          void send()
        }}
      >
        <label>
          {text.typeHere}{' '}
          <input
            value={line}
            spellcheck={false}
            autocomplete="off"
            autocapitalize="off"
            onInput={({ currentTarget }) => setLine(currentTarget.value)}
          />
        </label>
        <label>
          <input
            type="checkbox"
            checked={withReturn}
            onChange={({ currentTarget }) => setWithReturn(currentTarget.checked)}
          />{' '}
          {text.andReturn}
        </label>
        <button class="wb-button" aria-disabled={!canType}>
          {text.send}
        </button>
      </form>
      <p class="wb-soft">
        {canType ? text.programFindsInput : ending !== undefined ? text.nobodyWouldRead : text.pauseToType}
      </p>
    </>
  )
}
