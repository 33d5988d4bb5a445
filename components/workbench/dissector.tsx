/** A value bit by bit: a strip of bits over its fields, the bits to blame marked by colour and by a mark below them. */
import type { BitList } from '../../emulator/svm/index.ts'
import * as text from '../strings.ts'
import { dissectBits, dissectFields, type DissectedBit } from './dissection.ts'
import { hex, hexWide } from './format.ts'

interface DissectorProps {
  readonly name: string
  readonly value: bigint
  readonly bytes: number
  readonly bits: BitList | undefined
  readonly offending?: bigint
}

export function Dissector({ name, value, bytes, bits, offending = 0n }: DissectorProps) {
  const fields = dissectFields(value, bytes, bits, offending)
  const blamed = fields.filter(({ isOffending }) => isOffending).map(({ name: field }) => field)
  const summary = `${name} = ${hexWide(value, bytes)}${blamed.length > 0 ? `; ${text.fieldsToBlame(blamed.join(', '))}` : ''}`
  return (
    <div class="wb-dissector">
      <BitStrip bits={dissectBits(value, bytes, bits, offending)} label={summary} />
      {fields.length > 0 && (
        <table class="wb-fields">
          <caption class="wb-hidden">{text.fieldsOf(name)}</caption>
          <thead class="wb-hidden">
            <tr>
              <th scope="col">{text.bits}</th>
              <th scope="col">{text.field}</th>
              <th scope="col">{text.value}</th>
              <th scope="col">{text.meaning}</th>
            </tr>
          </thead>
          <tbody>
            {fields.map((field) => (
              <tr key={field.bits} class={field.isOffending ? 'is-offending' : ''}>
                <td class="wb-num">{field.bits}</td>
                <th scope="row">
                  {field.name}
                  {field.isOffending && <span class="wb-hidden"> ({text.toBlame})</span>}
                </th>
                <td class="wb-num">{hex(field.value)}</td>
                <td>
                  {field.valueName !== '' && <b>{field.valueName}</b>}{' '}
                  <span class="wb-soft">{field.description}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  )
}

function BitStrip({ bits, label }: { readonly bits: readonly DissectedBit[]; readonly label: string }) {
  const groups = Array.from({ length: bits.length / 8 }, (_, n) => bits.slice(n * 8, n * 8 + 8))
  return (
    <div class="wb-bits" role="img" aria-label={label}>
      {groups.map((group) => (
        <span key={group[0].bit} class="wb-byte">
          <span class="wb-byte-bits">
            {group.map(({ bit, isSet, isOffending, field }) => (
              <span
                key={bit}
                class={`wb-bit${isSet ? ' is-set' : ''}${isOffending ? ' is-offending' : ''}`}
                title={field === '' ? text.bitNumber(bit) : text.bitOfField(bit, field)}
              >
                {isSet ? 1 : 0}
              </span>
            ))}
          </span>
          <span class="wb-byte-range">
            <span>{group[0].bit}</span>
            <span>{group.at(-1)?.bit}</span>
          </span>
        </span>
      ))}
    </div>
  )
}
