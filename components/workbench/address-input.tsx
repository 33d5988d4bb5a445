/** An address as a number, a symbol or a sum, with the program's symbols as suggestions. */
import { useId } from 'preact/hooks'
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
  const names = [...store.symbols.value.keys()].filter((name) => !name.includes('.'))
  return (
    <>
      <label>
        {label}{' '}
        <input
          value={expression}
          list={list}
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          onChange={({ currentTarget }) => onEnter(currentTarget.value)}
          onKeyDown={({ key, currentTarget }) => {
            // While suggestions are shown, Enter closes them in WebKit, and no change is reported.
            if (key === 'Enter') onEnter(currentTarget.value)
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
