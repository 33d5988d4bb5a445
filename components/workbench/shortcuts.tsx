/** The sheet of shortcuts: every command with its keys, as a dialogue. */
import { useEffect, useRef } from 'preact/hooks'
import * as text from '../strings.ts'
import { COMMANDS, isPressed, OTHER_KEYS, SHEET_KEYS } from './commands.ts'

export function Shortcuts() {
  const dialog = useRef<HTMLDialogElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    const root = button.current?.closest('.wb')
    const onKeyDown = (event: Event): void => {
      if (!isPressed(SHEET_KEYS, event as KeyboardEvent)) return
      event.preventDefault()
      event.stopPropagation()
      dialog.current?.showModal()
    }
    // Before the editor sees the key.
    root?.addEventListener('keydown', onKeyDown, { capture: true })
    return () => root?.removeEventListener('keydown', onKeyDown, { capture: true })
  }, [])
  return (
    <>
      <button
        ref={button}
        type="button"
        class="wb-button wb-shortcuts-button"
        aria-label={text.keyboardShortcuts}
        title={`${text.keyboardShortcuts} (${SHEET_KEYS})`}
        onClick={() => dialog.current?.showModal()}
      >
        ?
      </button>
      <dialog
        ref={dialog}
        class="wb-sheet"
        aria-label={text.keyboardShortcuts}
        onClick={({ target, currentTarget }) => {
          // A click on the backdrop is one on the dialogue itself.
          if (target === currentTarget) currentTarget.close()
        }}
      >
        <div class="wb-sheet-body">
          <form method="dialog" class="wb-sheet-head">
            <h3>{text.keyboardShortcuts}</h3>
            <button class="wb-button">{text.close}</button>
          </form>
          <p class="wb-soft">{text.aboutShortcuts}</p>
          <table>
            <tbody>
              {COMMANDS.map(({ id, label, about, keys }) => (
                <Row key={id} keys={keys} label={label} about={about} />
              ))}
              {OTHER_KEYS.map(([keys, about]) => (
                <Row key={about} keys={keys} label="" about={about} />
              ))}
            </tbody>
          </table>
        </div>
      </dialog>
    </>
  )
}

interface RowProps {
  readonly keys: string
  readonly label: string
  readonly about: string
}

function Row({ keys, label, about }: RowProps) {
  return (
    <tr>
      <th scope="row">
        {keys.split('+').map((key, index) => (
          <>
            {index > 0 && '+'}
            <kbd>{key}</kbd>
          </>
        ))}
      </th>
      <td>
        {label !== '' && <b>{label}: </b>}
        {about}
      </td>
    </tr>
  )
}
