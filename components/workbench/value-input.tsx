/** A value that can be typed over. */
import { DraftInput } from './draft-input.tsx'

interface ValueInputProps {
  readonly label: string
  readonly shown: string
  readonly canEdit: boolean
  readonly isZero?: boolean
  /** Takes what was typed, or says what is wrong with it. */
  readonly onType: (typed: string) => string | undefined
}

export function ValueInput({ label, shown, canEdit, isZero = false, onType }: ValueInputProps) {
  return (
    <DraftInput
      class={`wb-value wb-field-input${isZero ? ' is-zero' : ''}`}
      value={shown}
      size={Math.max(4, shown.length)}
      aria-label={label}
      readOnly={!canEdit}
      onEnter={(typed) => (typed.trim() === '' ? undefined : onType(typed))}
    />
  )
}
