/**
 * An input whose text takes effect with Enter or when it is left; Escape puts the value back. What is typed stays while the panel is drawn
 * anew, and where it is refused, with the reason.
 */
import { useSignal } from '@preact/signals'
import type { InputHTMLAttributes } from 'preact'
import { useEffect, useId, useState } from 'preact/hooks'

export interface DraftInputProps extends InputHTMLAttributes {
  readonly value: string
  /** Takes what was typed, or says what is wrong with it. */
  readonly onEnter: (typed: string) => string | undefined
}

export function DraftInput({ value, onEnter, ...attributes }: DraftInputProps) {
  const id = useId()
  // A signal, because Enter is followed at once by events that ask whether there is still something to enter.
  const draft = useSignal<string>()
  const [problem, setProblem] = useState<string>()
  const putBack = (): void => {
    draft.value = undefined
    setProblem(undefined)
  }
  // What was refused was meant for another value.
  useEffect(() => {
    if (problem !== undefined) putBack()
  }, [value])
  const enter = (): void => {
    const typed = draft.value
    if (typed === undefined) return
    const refused = typed === value || attributes.readOnly === true ? undefined : onEnter(typed)
    if (refused === undefined) putBack()
    else setProblem(refused)
  }
  return (
    <>
      <input
        {...attributes}
        value={draft.value ?? value}
        aria-invalid={problem !== undefined}
        aria-describedby={problem === undefined ? undefined : id}
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
        onInput={({ currentTarget }) => (draft.value = currentTarget.value)}
        // Of a suggestion that was chosen, only this tells.
        onChange={enter}
        onBlur={enter}
        onKeyDown={(event) => {
          // While suggestions are shown, Enter closes them in WebKit, and no change is reported.
          if (event.key === 'Enter') enter()
          if (event.key !== 'Escape' || draft.value === undefined) return
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
