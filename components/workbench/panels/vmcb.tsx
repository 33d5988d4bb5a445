/** A VMCB as a form: of its text, which it changes line by line, or of memory while the machine is paused. */
import { useEffect, useId, useMemo, useState } from 'preact/hooks'
import * as text from '../../strings.ts'
import { hex } from '../format.ts'
import type { RunView, VmcbImages } from '../protocol.ts'
import { RadixChoice, useRadix } from '../radix.tsx'
import { isOneOf, useRemembered } from '../remembered.ts'
import type { LabStore } from '../store.ts'
import { FieldRow } from '../vmcb/field-row.tsx'
import { differs, FILTERS, shownFields, type Filter } from '../vmcb/image.ts'
import { KvmLog } from '../vmcb/kvm-log.tsx'
import { automaticSource, memoryTarget, textTarget, type Source } from '../vmcb/target.ts'
import { failedOf, useVerdict, Verdict } from '../vmcb/verdict.tsx'
import type { PanelProps } from './registry.tsx'

export function VmcbPanel({ store, view, previous }: PanelProps) {
  const [chosen, choose] = useRemembered(
    store,
    'vmcb',
    view.vmcbs.at(0)?.name ?? '',
    (value): value is string => typeof value === 'string',
  )
  const vmcb = view.vmcbs.find(({ name }) => name === chosen) ?? view.vmcbs.at(0)
  if (vmcb === undefined) return <p class="wb-soft">{text.noVmcbText}</p>
  const before = previous?.vmcbs.find(({ name }) => name === vmcb.name)
  return <Form key={vmcb.name} store={store} view={view} vmcb={vmcb} before={before} onChoose={choose} />
}

interface FormProps {
  readonly store: LabStore
  readonly view: RunView
  readonly vmcb: VmcbImages
  readonly before: VmcbImages | undefined
  readonly onChoose: (name: string) => void
}

function Form({ store, view, vmcb, before, onChoose }: FormProps) {
  const id = useId()
  const automatic = automaticSource(store, view)
  const [wanted, want] = useState<Source>()
  useEffect(() => want(undefined), [automatic])
  const source = wanted ?? automatic
  const ofText = useMemo(
    () => textTarget(store, view, vmcb),
    [store.work.texts.value[vmcb.name], store.symbols.value, view, vmcb, store.isStale.value],
  )
  const target = source === 'text' ? ofText : memoryTarget(store, view, vmcb)
  const verdict = useVerdict(store, target.image)
  const failed = failedOf(verdict)
  const [radix, setRadix] = useRadix(store, 'vmcb')
  const [filter, setFilter] = useRemembered<Filter>(store, 'vmcb-filter', 'nonzero', isOneOf(FILTERS))
  const [query, setQuery] = useState('')
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set())
  const always = useMemo(() => new Set(failed.flatMap(({ fields }) => fields.slice(0, 1))), [verdict])
  const fields = shownFields(target.image, target.other, { filter, query, always })
  const toggle = (key: string): void => {
    const next = new Set(opened)
    if (!next.delete(key)) next.add(key)
    setOpened(next)
  }
  const show = (key: string): void => {
    setQuery('')
    setOpened(new Set([...opened, key]))
    requestAnimationFrame(() => document.getElementById(`${id}-${key}`)?.scrollIntoView({ block: 'center' }))
  }
  return (
    <>
      <div class="wb-vmcb-bar">
        {view.vmcbs.length > 1 ? (
          <label>
            {text.vmcb}{' '}
            <select value={vmcb.name} onChange={({ currentTarget }) => onChoose(currentTarget.value)}>
              {view.vmcbs.map(({ name, address }) => (
                <option key={name} value={name}>
                  {text.vmcbAt(name, hex(address))}
                </option>
              ))}
            </select>
          </label>
        ) : (
          <span>{text.vmcbAt(vmcb.name, hex(vmcb.address))}</span>
        )}
        <Choice
          label={text.shownAndChanged}
          group={`${id}-source`}
          choices={['text', 'memory'] as const}
          chosen={source}
          onChange={want}
        />
        <Choice
          label={text.fieldsShown}
          group={`${id}-filter`}
          choices={FILTERS}
          chosen={filter}
          onChange={setFilter}
        />
        <label>
          {text.find}{' '}
          <input
            type="search"
            value={query}
            placeholder={text.findHint}
            spellcheck={false}
            autocomplete="off"
            onInput={({ currentTarget }) => setQuery(currentTarget.value)}
          />
        </label>
        <RadixChoice radix={radix} onChange={setRadix} />
      </div>
      <p class={`wb-form-notice is-${source}`} data-source={source}>
        {target.notice}
      </p>
      <Verdict verdict={verdict} onShow={show} />
      {fields.length === 0 ? (
        <p class="wb-soft">
          {query !== ''
            ? text.noFieldOfThatName
            : source === 'text'
              ? text.noFieldDiffersFromMemory
              : text.noFieldDiffersFromText}
        </p>
      ) : (
        <table class="wb-vmcb">
          <caption class="wb-hidden">
            {(source === 'text' ? text.fieldsInText : text.fieldsInMemory)(vmcb.name)}
          </caption>
          <thead>
            <tr>
              <th scope="col" class="wb-offset">
                {text.offset}
              </th>
              <th scope="col">{text.field}</th>
              <th scope="col">{source === 'text' ? text.valueInText : text.valueInMemory}</th>
            </tr>
          </thead>
          {fields.map((field) => (
            <tbody key={field.key} id={`${id}-${field.key}`}>
              <FieldRow
                store={store}
                name={vmcb.name}
                field={field}
                target={target}
                radix={radix}
                isNew={
                  source === 'memory' && before !== undefined && differs(field, vmcb.image, before.image)
                }
                failed={failed.filter(({ fields: [first] }) => first === field.key)}
                isOpen={opened.has(field.key)}
                onToggle={() => toggle(field.key)}
              />
            </tbody>
          ))}
        </table>
      )}
      <KvmLog store={store} name={vmcb.name} target={ofText} radix={radix} />
    </>
  )
}

interface ChoiceProps<T extends string> {
  readonly label: string
  readonly group: string
  readonly choices: readonly T[]
  readonly chosen: T
  readonly onChange: (choice: T) => void
}

function Choice<T extends string>({ label, group, choices, chosen, onChange }: ChoiceProps<T>) {
  return (
    <fieldset class="wb-filter">
      <legend class="wb-hidden">{label}</legend>
      {choices.map((name) => (
        <label key={name}>
          <input type="radio" name={group} checked={chosen === name} onChange={() => onChange(name)} />
          {name}
        </label>
      ))}
    </fieldset>
  )
}
