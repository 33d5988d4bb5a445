/** The serial port: what the program wrote to it, and a line to type for it to read. */
import { useState } from 'preact/hooks'
import type { PanelProps } from './registry.tsx'

export function ConsolePanel({ store }: Pick<PanelProps, 'store'>) {
  const text = store.console.value
  const ending = store.view.value?.ending
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
      {text === '' ? (
        <p class="wb-soft">Nothing was written to the serial port at 3F8h.</p>
      ) : (
        <pre class="wb-console" tabIndex={0} aria-label="Output of the serial port">
          {text}
        </pre>
      )}
      <form
        class="wb-memory-bar"
        aria-label="Input of the serial port"
        onSubmit={(event) => {
          event.preventDefault()
          void send()
        }}
      >
        <label>
          Type{' '}
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
          and Return
        </label>
        <button class="wb-button" aria-disabled={!canType}>
          Send
        </button>
      </form>
      <p class="wb-soft">
        {canType
          ? 'The program finds it at the port when it goes on. It is an edit in the timeline.'
          : ending !== undefined
            ? 'The run is over: nobody would read it. Step back to type.'
            : 'Pause the machine to type.'}
      </p>
    </>
  )
}
