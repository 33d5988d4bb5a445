/** A value that can be typed over. It takes effect with Enter or when the input is left; Escape puts the value back. */
import { useEffect, useId, useRef, useState } from 'preact/hooks'

interface ValueInputProps {
  readonly label: string
  readonly shown: string
  readonly canEdit: boolean
  readonly isZero?: boolean
  /** Takes what was typed, or says what is wrong with it. */
  readonly onType: (typed: string) => string | undefined
}

export function ValueInput({ label, shown, canEdit, isZero = false, onType }: ValueInputProps) {
  const id = useId()
  const input = useRef<HTMLInputElement>(null)
  const [problem, setProblem] = useState<string>()
  useEffect(() => setProblem(undefined), [shown])
  const putBack = (): void => {
    if (input.current !== null) input.current.value = shown
    setProblem(undefined)
  }
  const commit = (): void => {
    const typed = input.current?.value ?? ''
    if (typed === shown) setProblem(undefined)
    else if (typed.trim() === '' || !canEdit) putBack()
    else setProblem(onType(typed))
  }
  return (
    <>
      <input
        ref={input}
        class={`wb-value wb-field-input${isZero ? ' is-zero' : ''}`}
        value={shown}
        size={Math.max(4, shown.length)}
        aria-label={label}
        aria-invalid={problem !== undefined}
        aria-describedby={problem === undefined ? undefined : id}
        readOnly={!canEdit}
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.key === 'Enter') commit()
          if (event.key !== 'Escape') return
          event.stopPropagation()
          putBack()
        }}
      />
      {problem !== undefined && (
        <span class="wb-error" id={id} role="alert">
          {problem}
        </span>
      )}
    </>
  )
}
