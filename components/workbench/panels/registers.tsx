/** A processor's registers, decoded, with what the last command changed; general registers can be changed while the machine is paused. */
import { useId, useState } from 'preact/hooks'
import { GENERAL_REGISTERS, type CpuState, type EditableRegister } from '../../../emulator/machine/index.ts'
import { findField } from '../../../emulator/svm/index.ts'
import { msrPath } from '../../paths.ts'
import * as text from '../../strings.ts'
import { summarizeBits } from '../dissection.ts'
import { Dissector } from '../dissector.tsx'
import { hex, hexWide } from '../format.ts'
import { ProcessorTabs, useProcessor } from '../processor-choice.tsx'
import type { RunView } from '../protocol.ts'
import { inRadix, RadixChoice, readShown, useRadix, type Radix } from '../radix.tsx'
import { registerName } from '../register-names.ts'
import type { LabStore } from '../store.ts'
import { ValueInput } from '../value-input.tsx'
import { BitEditor } from '../vmcb/bit-editor.tsx'
import type { PanelProps } from './registry.tsx'

/** The names of a record's entries, in its order. */
function namesOf<T extends object>(record: T): (keyof T & string)[] {
  return Object.keys(record) as (keyof T & string)[]
}

/** The VMCB field of the same register, for its bits. */
function fieldOf(name: string) {
  return findField(name === 'pat' ? 'save.g_pat' : `save.${name}`)
}

/** Bit 1 of RFLAGS is always 1 and says nothing. */
const ALWAYS_ONE = 2n

export function RegistersPanel({ store, view, previous }: PanelProps) {
  const prefix = useId()
  const chosen = useProcessor(store, view)
  const { processor, cpu } = chosen
  const before = previous?.cpus.at(processor)
  const [radix, setRadix] = useRadix(store, 'registers')
  const canEdit = store.canTravel.value && view.ending === undefined
  const set = (name: EditableRegister, value: bigint): void => {
    void store.change({ kind: 'register', name, value, processor })
  }
  const type = (name: EditableRegister, typed: string): string | undefined => {
    const value = readShown(typed) ?? store.symbols.value.get(typed.trim())
    if (value === undefined) return text.notNumberOrSymbol(typed.trim())
    if (value >> 64n !== 0n) return text.has64Bits(registerName(name))
    set(name, value)
    return undefined
  }
  const rflags = BigInt(cpu.rflags)
  return (
    <div class="wb-registers">
      <ProcessorTabs view={view} prefix={prefix} {...chosen} />
      <div class="wb-vmcb-bar">
        <RadixChoice radix={radix} onChange={setRadix} />
        <span class="wb-soft">
          {canEdit ? text.typingChangesMachine : view.ending !== undefined ? text.runIsOverForRegisters : ''}
        </span>
      </div>
      <div id={`${prefix}-panel`} role={view.cpus.length === 1 ? undefined : 'tabpanel'}>
        <div class="wb-register-grid">
          {(['rip', ...GENERAL_REGISTERS] as const).map((name) => (
            <Editable
              key={name}
              name={name}
              value={name === 'rip' ? cpu.rip : cpu.general[name]}
              before={name === 'rip' ? before?.rip : before?.general[name]}
              radix={radix}
              canEdit={canEdit}
              onType={(typed) => type(name, typed)}
            />
          ))}
        </div>
        <div class="wb-register-list">
          <Editable
            name="rflags"
            value={rflags}
            before={before && BigInt(before.rflags)}
            decoded={summarizeBits(rflags & ~ALWAYS_ONE, 8, fieldOf('rflags')?.bits)}
            radix={radix}
            canEdit={canEdit}
            onType={(typed) => type('rflags', typed)}
          />
          <Flags
            value={rflags}
            before={before && BigInt(before.rflags)}
            canEdit={canEdit}
            onChange={(value) => set('rflags', value)}
          />
        </div>
        <h4>{text.controlRegistersAndMsrs}</h4>
        <div class="wb-register-list">
          {namesOf(cpu.system).map((name) => (
            <SystemRegister
              key={name}
              name={name}
              value={cpu.system[name]}
              before={before?.system[name]}
              radix={radix}
            />
          ))}
        </div>
        <Segments cpu={cpu} before={before} />
      </div>
      <Digest store={store} view={view} />
    </div>
  )
}

/** What a register was before the last command; nothing where that did not change it. */
function Before({ value, before, radix }: { value: bigint; before: bigint | undefined; radix: Radix }) {
  if (before === undefined || before === value) return null
  return (
    <span class="wb-before">
      {text.was(inRadix(before, 8, radix))}
      <span class="wb-hidden"> ({text.changed})</span>
    </span>
  )
}

interface EditableProps {
  readonly name: EditableRegister
  readonly value: bigint
  readonly before: bigint | undefined
  readonly decoded?: string
  readonly radix: Radix
  readonly canEdit: boolean
  readonly onType: (typed: string) => string | undefined
}

function Editable({ name, value, before, decoded = '', radix, canEdit, onType }: EditableProps) {
  const hasChanged = before !== undefined && before !== value
  return (
    <div class={`wb-register${hasChanged ? ' is-changed' : ''}`} data-register={registerName(name)}>
      <span class="wb-register-name">{registerName(name)}</span>
      <ValueInput
        label={registerName(name)}
        shown={inRadix(value, 8, radix)}
        canEdit={canEdit}
        isZero={value === 0n}
        onType={onType}
      />
      <Before value={value} before={before} radix={radix} />
      {decoded !== '' && <span class="wb-decoded">{decoded}</span>}
    </div>
  )
}

interface FlagsProps {
  readonly value: bigint
  readonly before: bigint | undefined
  readonly canEdit: boolean
  readonly onChange: (value: bigint) => void
}

function Flags({ value, before = value, canEdit, onChange }: FlagsProps) {
  const field = fieldOf('rflags')!
  return (
    <details class="wb-flags">
      <summary>
        {value === before
          ? text.flagsOneByOne
          : text.flagsBefore(summarizeBits(before & ~ALWAYS_ONE, 8, field.bits) || text.noFlags)}
      </summary>
      <BitEditor
        field={field}
        value={value}
        offending={0n}
        canEdit={canEdit}
        onChange={({ low, width }, bits) => {
          const mask = ((1n << BigInt(width)) - 1n) << BigInt(low)
          onChange((value & ~mask) | (bits << BigInt(low)))
        }}
      />
    </details>
  )
}

/** The entry of an MSR in the reference; control and debug registers have none. */
function referencePath(name: string): string | undefined {
  return /^[cd]r\d/.test(name) ? undefined : msrPath({ name: registerName(name) })
}

interface SystemRegisterProps {
  readonly name: string
  readonly value: bigint
  readonly before: bigint | undefined
  readonly radix: Radix
}

function SystemRegister({ name, value, before, radix }: SystemRegisterProps) {
  const [isOpen, setOpen] = useState(false)
  const hasChanged = before !== undefined && before !== value
  const bits = fieldOf(name)?.bits
  const path = referencePath(name)
  const decoded = summarizeBits(value, 8, bits)
  return (
    <div class={`wb-register${hasChanged ? ' is-changed' : ''}`} data-register={registerName(name)}>
      {bits === undefined ? (
        <span class="wb-register-name">
          {path === undefined ? registerName(name) : <a href={path}>{registerName(name)}</a>}
        </span>
      ) : (
        <button
          type="button"
          class="wb-register-name wb-expand"
          aria-expanded={isOpen}
          onClick={() => setOpen(!isOpen)}
        >
          {registerName(name)}
        </button>
      )}
      <span class={`wb-value${value === 0n ? ' is-zero' : ''}`}>{inRadix(value, 8, radix)}</span>
      <Before value={value} before={before} radix={radix} />
      {decoded !== '' && <span class="wb-decoded">{decoded}</span>}
      {isOpen && (
        <>
          {path !== undefined && <a href={path}>{text.reference}</a>}
          <Dissector name={registerName(name)} value={value} bytes={8} bits={bits} />
        </>
      )}
    </div>
  )
}

function Segments({ cpu, before }: { readonly cpu: CpuState; readonly before: CpuState | undefined }) {
  return (
    <table class="wb-segments">
      <caption>{text.segments}</caption>
      <thead>
        <tr>
          <th scope="col">{text.register}</th>
          <th scope="col">{text.selector}</th>
          <th scope="col">{text.base}</th>
          <th scope="col">{text.limit}</th>
          <th scope="col">{text.attributes}</th>
        </tr>
      </thead>
      <tbody>
        {namesOf(cpu.segments).map((name) => {
          const segment = cpu.segments[name]
          const earlier = before?.segments[name]
          const mark = (key: keyof typeof segment) =>
            earlier !== undefined && earlier[key] !== segment[key]
              ? { class: 'is-changed', title: text.was(hex(earlier[key])) }
              : {}
          return (
            <tr key={name}>
              <th scope="row">{name.toUpperCase()}</th>
              <td {...mark('selector')}>{hexWide(segment.selector, 2)}</td>
              <td {...mark('base')}>{hex(segment.base)}</td>
              <td {...mark('limit')}>{hexWide(segment.limit, 4)}</td>
              <td {...mark('attributes')}>
                {hexWide(segment.attributes, 2)}{' '}
                <span class="wb-decoded">
                  {summarizeBits(BigInt(segment.attributes), 2, findField('save.cs.attrib')?.bits)}
                </span>
              </td>
            </tr>
          )
        })}
        {(['gdtr', 'idtr'] as const).map((name) => (
          <tr key={name}>
            <th scope="row">{name.toUpperCase()}</th>
            <td />
            <td>{hex(cpu[name].base)}</td>
            <td>{hexWide(cpu[name].limit, 2)}</td>
            <td />
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** The digest takes all of memory into account, so it is computed only when somebody asks. */
function Digest({ store, view }: { readonly store: LabStore; readonly view: RunView }) {
  const [shown, setShown] = useState<{ readonly view: RunView; readonly digest: string }>()
  const show = async (): Promise<void> => {
    const digest = await store.ask((client) => client.digest())
    if (digest !== undefined) setShown({ view, digest })
  }
  return (
    <p class="wb-digest">
      <button type="button" class="wb-link" onClick={() => void show()}>
        {text.stateDigest}
      </button>{' '}
      {shown?.view === view ? (
        <code data-digest={shown.digest}>{shown.digest}</code>
      ) : (
        <span class="wb-soft">{text.aboutStateDigest}</span>
      )}
    </p>
  )
}
