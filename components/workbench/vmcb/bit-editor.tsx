/** The bits of a field as controls: check boxes for single bits, lists for values with names, numbers for the rest. */
import { useId } from 'preact/hooks'
import { bitMask, type BitField, type VmcbField } from '../../../emulator/svm/index.ts'
import * as text from '../../strings.ts'
import { hex } from '../format.ts'
import { NumberInput } from '../number-input.tsx'

interface BitEditorProps {
  readonly field: VmcbField
  readonly value: bigint
  /** Bits that a failed check blames. */
  readonly offending: bigint
  readonly canEdit: boolean
  readonly onChange: (bit: BitField, value: bigint) => void
}

export function BitEditor({ field, value, offending, canEdit, onChange }: BitEditorProps) {
  const bits = field.bits?.bits ?? []
  if (bits.length === 0) return null
  const ordered = [...bits].sort((a, b) => b.low - a.low)
  return (
    <fieldset class="wb-bit-editor">
      <legend>{text.bitsOf(field.name)}</legend>
      {ordered.map((bit) => (
        <Bit
          key={bit.key}
          bit={bit}
          value={(value & bitMask(bit)) >> BigInt(bit.low)}
          isOffending={(offending & bitMask(bit)) !== 0n}
          canEdit={canEdit}
          onChange={(next) => onChange(bit, next)}
        />
      ))}
    </fieldset>
  )
}

interface BitProps {
  readonly bit: BitField
  readonly value: bigint
  readonly isOffending: boolean
  readonly canEdit: boolean
  readonly onChange: (value: bigint) => void
}

function Bit({ bit, value, isOffending, canEdit, onChange }: BitProps) {
  const id = useId()
  const { low, width, name, description, values } = bit
  const range = width === 1 ? `${low}` : `${low + width - 1}:${low}`
  return (
    <div class={`wb-bit-row${isOffending ? ' is-offending' : ''}`} data-bit={bit.key}>
      <span class="wb-num wb-soft">{range}</span>
      {width === 1 ? (
        <input
          id={id}
          type="checkbox"
          checked={value === 1n}
          disabled={!canEdit}
          onChange={({ currentTarget }) => onChange(currentTarget.checked ? 1n : 0n)}
        />
      ) : values === undefined ? (
        <NumberInput
          id={id}
          class="wb-bit-number"
          value={`0x${value.toString(16)}`}
          disabled={!canEdit}
          most={(1n << BigInt(width)) - 1n}
          onNumber={onChange}
        />
      ) : (
        <select
          id={id}
          value={value.toString()}
          disabled={!canEdit}
          onChange={({ currentTarget }) => onChange(BigInt(currentTarget.value))}
        >
          {!values.has(Number(value)) && (
            <option value={value.toString()}>
              {hex(value)}: {text.reserved}
            </option>
          )}
          {[...values].map(([number, meaning]) => (
            <option key={number} value={number}>
              {hex(number)}: {meaning}
            </option>
          ))}
        </select>
      )}
      <label for={id}>
        <b>{name}</b> <span class="wb-soft">{description}</span>
        {isOffending && <span class="wb-blame"> × {text.toBlame}</span>}
      </label>
    </div>
  )
}
