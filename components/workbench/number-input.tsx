/** A number that can be typed over, in any notation that the panels show. */
import { DraftInput, type DraftInputProps } from './draft-input.tsx'
import { hex } from './format.ts'
import { readShown } from './radix.tsx'
import * as text from '../strings.ts'

interface NumberInputProps extends Omit<DraftInputProps, 'onEnter'> {
  readonly most: bigint
  /** Takes what was typed: a number from 0 to `most`. */
  readonly onNumber: (value: bigint) => void
}

export function NumberInput({ most, onNumber, ...attributes }: NumberInputProps) {
  return (
    <DraftInput
      {...attributes}
      onEnter={(typed) => {
        const value = readShown(typed)
        if (value === undefined || value > most) return text.numberNeeded(hex(most))
        onNumber(value)
        return undefined
      }}
    />
  )
}
