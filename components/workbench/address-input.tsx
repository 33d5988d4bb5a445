/** An address as a number, a symbol or a sum, with the program's symbols as suggestions. */
import { useId, useState } from 'preact/hooks'
import type { LabStore } from './store.ts'

interface AddressInputProps {
  readonly store: LabStore
  readonly label: string
  readonly expression: string
  /** Takes what was typed, with Enter or when the input is left. */
  readonly onEnter: (expression: string) => void
}

export function AddressInput({ store, label, expression, onEnter }: AddressInputProps) {
  const list = useId()
  // What is typed and not entered yet: the panel may be drawn anew meanwhile.
  const [draft, setDraft] = useState<string>()
  const names = [...store.symbols.value.keys()].filter((name) => !name.includes('.'))
  const enter = (typed: string): void => {
    setDraft(undefined)
    onEnter(typed)
  }
  return (
    <>
      <label>
        {label}{' '}
        <input
          value={draft ?? expression}
          list={list}
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          onInput={({ currentTarget }) => setDraft(currentTarget.value)}
          onChange={({ currentTarget }) => enter(currentTarget.value)}
          onBlur={({ currentTarget }) => {
            if (draft !== undefined) enter(currentTarget.value)
          }}
          onKeyDown={({ key, currentTarget }) => {
            // While suggestions are shown, Enter closes them in WebKit, and no change is reported.
            if (key === 'Enter') enter(currentTarget.value)
          }}
        />
      </label>
      <datalist id={list}>
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </>
  )
}
