/** A button that asks for files from the reader's disk. */
import { useRef } from 'preact/hooks'

interface FilePickerProps {
  /** On the button. */
  readonly text: string
  /** What it takes: the name of the field that the button stands for. */
  readonly label: string
  /** Called with what was chosen; the same file can be chosen again. */
  readonly onPick: (files: readonly File[]) => void
  readonly accept?: string
  readonly multiple?: boolean
  readonly class?: string
}

export function FilePicker({ text, label, onPick, accept, multiple, class: looks }: FilePickerProps) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <button type="button" class={looks} onClick={() => input.current?.click()}>
        {text}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        multiple={multiple}
        accept={accept}
        aria-label={label}
        onChange={({ currentTarget }) => {
          onPick([...(currentTarget.files ?? [])])
          currentTarget.value = ''
        }}
      />
    </>
  )
}
