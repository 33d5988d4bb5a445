/** Numbers in the notation that a reader likes to read: hexadecimal, decimal or binary. */
import * as text from '../strings.ts'
import { hexWide } from './format.ts'
import { isOneOf, useRemembered } from './remembered.ts'
import type { LabStore } from './store.ts'

export const RADIXES = ['hex', 'decimal', 'binary'] as const
export type Radix = (typeof RADIXES)[number]

/** A value of `bytes` bytes, so that reading it back gives the same: "0007_0406h", "1,234" without the comma, "0b1010". */
export function inRadix(value: bigint, bytes: number, radix: Radix): string {
  switch (radix) {
    case 'hex':
      return hexWide(value, bytes)
    case 'decimal':
      return value.toString()
    case 'binary': {
      const digits = value.toString(2)
      return `0b${digits.padStart(Math.ceil(digits.length / 4) * 4, '0').replace(/(?<=.)(?=(?:.{4})+$)/g, '_')}`
    }
  }
}

/** A number as inRadix() shows it, so that what is shown can be typed; undefined for anything else. */
export function readShown(typed: string): bigint | undefined {
  const digits = typed.trim().replaceAll('_', '')
  if (/^[0-9a-f]+h$/i.test(digits)) return BigInt(`0x${digits.slice(0, -1)}`)
  return /^(0x[0-9a-f]+|0b[01]+|\d+)$/i.test(digits) ? BigInt(digits.toLowerCase()) : undefined
}

interface RadixChoiceProps {
  readonly radix: Radix
  readonly onChange: (radix: Radix) => void
}

/** The panels of a lab have one radix each. */
export function useRadix(store: LabStore, panel: string): readonly [Radix, (radix: Radix) => void] {
  return useRemembered<Radix>(store, `radix-${panel}`, 'hex', isOneOf(RADIXES))
}

export function RadixChoice({ radix, onChange }: RadixChoiceProps) {
  return (
    <label>
      {text.numbers}{' '}
      <select value={radix} onChange={({ currentTarget }) => onChange(currentTarget.value as Radix)}>
        {RADIXES.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}
