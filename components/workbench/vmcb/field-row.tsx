/** A field of the form: its value to be typed over, and opened, everything that is known about it. */
import { useState } from 'preact/hooks'
import { CLEAN_BITS, type BitField, type VmcbField } from '../../../emulator/svm/index.ts'
import { summarizeBits } from '../dissection.ts'
import { Fact } from '../fact.tsx'
import { hex } from '../format.ts'
import { inRadix, RADIXES, type Radix } from '../radix.tsx'
import { cleanBitPath, fieldPath } from '../../paths.ts'
import * as text from '../../strings.ts'
import type { CheckVerdict } from '../state-protocol.ts'
import type { LabStore } from '../store.ts'
import { ValueInput } from '../value-input.tsx'
import { BitEditor } from './bit-editor.tsx'
import { bytesOf, differs, dump, offsetOf, valueOf } from './image.ts'
import type { Target } from './target.ts'

/** Of the manual's groups, the one of a field: "CRX". */
function cleanBitOf({ clean }: VmcbField): BitField | undefined {
  return CLEAN_BITS.bits.find(({ key }) => key === clean)
}

export interface FieldRowProps {
  readonly store: LabStore
  readonly name: string
  readonly field: VmcbField
  readonly target: Target
  readonly radix: Radix
  /** The last command changed it. */
  readonly isNew: boolean
  readonly failed: readonly CheckVerdict[]
  readonly isOpen: boolean
  readonly onToggle: () => void
}

export function FieldRow(props: FieldRowProps) {
  const { field, target, radix, isNew, failed, isOpen, onToggle } = props
  const isNumber = field.bytes <= 8
  const hasOther = differs(field, target.image, target.other)
  const show = (image: Uint8Array): string =>
    isNumber ? inRadix(valueOf(image, field), field.bytes, radix) : dump(bytesOf(image, field))
  const value = isNumber ? valueOf(target.image, field) : 0n
  const decoded = isNumber ? summarizeBits(value, field.bytes, field.bits) : ''
  const clean = cleanBitOf(field)
  return (
    <>
      <tr
        class={`${isNew ? 'is-changed' : ''}${failed.length > 0 ? ' is-failed' : ''}`}
        data-field={field.key}
      >
        <td class="wb-num wb-offset">{offsetOf(field)}</td>
        <th scope="row">
          <button type="button" class="wb-expand" aria-expanded={isOpen} onClick={onToggle}>
            {field.name}
          </button>
          {clean !== undefined && (
            <span class="wb-clean" title={text.cleanBitOf(clean.low, clean.description)}>
              {clean.name}
            </span>
          )}
        </th>
        <td>
          {isNumber ? (
            <ValueInput
              label={(target.source === 'text' ? text.fieldInText : text.fieldInMemory)(field.name)}
              shown={show(target.image)}
              canEdit={target.canEdit}
              onType={(typed) => target.type(field, typed)}
            />
          ) : (
            show(target.image)
          )}
          {isNew && <span class="wb-hidden"> ({text.changedByLastCommand})</span>}
          {hasOther && (
            <span class="wb-differs">
              {(target.source === 'text' ? text.otherInMemory : text.otherInText)(show(target.other))}
            </span>
          )}
          {decoded !== '' && <span class="wb-decoded">{decoded}</span>}
          {failed.map(({ id }) => (
            <span key={id} class="wb-blame">
              × {id}
            </span>
          ))}
        </td>
      </tr>
      {isOpen && (
        <tr class="wb-field-more">
          <td colSpan={3}>
            <Details {...props} value={value} clean={clean} />
          </td>
        </tr>
      )}
    </>
  )
}

interface DetailsProps extends FieldRowProps {
  readonly value: bigint
  readonly clean: BitField | undefined
}

function Details({ store, name, field, target, failed, value, clean }: DetailsProps) {
  const offending = failed.reduce(
    (mask, { bits, fields }) => (fields[0] === field.key ? mask | bits : mask),
    0n,
  )
  const [problem, setProblem] = useState<string>()
  return (
    <>
      <p>
        {field.description}. <span class="wb-soft">{field.section}.</span>{' '}
        <a href={fieldPath(field)}>{text.reference}</a>
      </p>
      <dl class="wb-facts">
        <Fact name={text.nameInText} value={field.key} />
        <Fact name={text.offsetFact} value={text.offsetAndSize(hex(field.offset), field.bytes)} />
        {clean !== undefined && (
          <Fact
            name={text.cleanBit}
            value={<a href={cleanBitPath(clean.key)}>{`${clean.low} ${clean.name}`}</a>}
          />
        )}
        {field.moved.length > 0 && <Fact name={text.movedBy} value={field.moved.join(', ')} />}
        {field.bytes <= 8 &&
          RADIXES.map((radix) => (
            <Fact key={radix} name={radix} value={inRadix(value, field.bytes, radix)} />
          ))}
      </dl>
      {failed.map(({ id, explanation, section }) => (
        <p key={id} class="wb-blame">
          × {explanation} {section}
        </p>
      ))}
      {target.lines(field).map(({ line }) => (
        <button key={line} type="button" class="wb-link" onClick={() => store.goToLine(name, line, true)}>
          {text.setInLine(line)}
        </button>
      ))}
      {field.bytes <= 8 && (
        <BitEditor
          field={field}
          value={value}
          offending={offending}
          canEdit={target.canEdit}
          onChange={(bit, next) => setProblem(target.setBits(field, bit, next))}
        />
      )}
      {problem !== undefined && (
        <p class="wb-error" role="alert">
          {problem}
        </p>
      )}
    </>
  )
}
