/** An address as a number, a symbol or a sum, with the program's symbols as suggestions. */
import { useId } from 'preact/hooks'
import { DraftInput } from './draft-input.tsx'
import type { LabStore } from './store.ts'

interface AddressInputProps {
  readonly store: LabStore
  readonly label: string
  readonly expression: string
  /** Takes what was typed. */
  readonly onEnter: (expression: string) => void
}

export function AddressInput({ store, label, expression, onEnter }: AddressInputProps) {
  const list = useId()
  const names = [...store.symbols.value.keys()].filter((name) => !name.includes('.'))
  return (
    <>
      <label>
        {label}{' '}
        <DraftInput
          value={expression}
          list={list}
          onEnter={(typed) => {
            onEnter(typed)
            return undefined
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
