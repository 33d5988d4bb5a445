/** The processor's registers; those that the last command changed are marked. */
import { useState } from 'preact/hooks'
import type { CpuState } from '../../../emulator/machine/index.ts'
import { findField } from '../../../emulator/svm/index.ts'
import { summarizeBits } from '../dissection.ts'
import { hex, hexWide } from '../format.ts'
import type { RunView } from '../protocol.ts'
import { registerName } from '../register-names.ts'
import type { LabStore } from '../store.ts'

interface RegistersPanelProps {
  readonly store: LabStore
  readonly view: RunView
  readonly previous: RunView | undefined
}

/** The names of a record's entries, in its order. */
function namesOf<T extends object>(record: T): (keyof T & string)[] {
  return Object.keys(record) as (keyof T & string)[]
}

/** The bits of a register, from the VMCB field of the same register. */
function bitsOf(name: string): string {
  return name === 'pat' ? 'save.g_pat' : `save.${name}`
}

function decode(name: string, value: bigint): string {
  return summarizeBits(value, 8, findField(bitsOf(name))?.bits)
}

export function RegistersPanel({ store, view, previous }: RegistersPanelProps) {
  const { cpu } = view
  const before = previous?.cpu
  return (
    <div class="wb-registers">
      <div class="wb-register-grid">
        <Register name="RIP" value={cpu.rip} before={before?.rip} />
        <Register
          name="RFLAGS"
          value={BigInt(cpu.rflags)}
          before={before && BigInt(before.rflags)}
          decoded={decode('rflags', BigInt(cpu.rflags & ~2))}
        />
        {namesOf(cpu.general).map((name) => (
          <Register
            key={name}
            name={name.toUpperCase()}
            value={cpu.general[name]}
            before={before?.general[name]}
          />
        ))}
      </div>
      <h4>Control registers and MSRs</h4>
      <div class="wb-register-list">
        {namesOf(cpu.system).map((name) => (
          <Register
            key={name}
            name={registerName(name)}
            value={cpu.system[name]}
            before={before?.system[name]}
            decoded={decode(name, cpu.system[name])}
          />
        ))}
      </div>
      <Segments cpu={cpu} before={before} />
      <Digest store={store} view={view} />
    </div>
  )
}

interface RegisterProps {
  readonly name: string
  readonly value: bigint
  readonly before: bigint | undefined
  readonly decoded?: string
}

function Register({ name, value, before, decoded }: RegisterProps) {
  const hasChanged = before !== undefined && before !== value
  return (
    <div class={`wb-register${hasChanged ? ' is-changed' : ''}`} data-register={name}>
      <span class="wb-register-name">{name}</span>
      <span
        class={`wb-value${value === 0n ? ' is-zero' : ''}`}
        title={hasChanged ? `before: ${hex(before)}` : ''}
      >
        {hexWide(value, 8)}
        {hasChanged && <span class="wb-hidden"> (changed)</span>}
      </span>
      {decoded !== undefined && decoded !== '' && <span class="wb-decoded">{decoded}</span>}
    </div>
  )
}

function Segments({ cpu, before }: { readonly cpu: CpuState; readonly before: CpuState | undefined }) {
  return (
    <table class="wb-segments">
      <caption>Segments and descriptor tables</caption>
      <thead>
        <tr>
          <th scope="col">Register</th>
          <th scope="col">Selector</th>
          <th scope="col">Base</th>
          <th scope="col">Limit</th>
          <th scope="col">Attributes</th>
        </tr>
      </thead>
      <tbody>
        {namesOf(cpu.segments).map((name) => {
          const segment = cpu.segments[name]
          const earlier = before?.segments[name]
          const changed = (key: keyof typeof segment): string =>
            earlier !== undefined && earlier[key] !== segment[key] ? 'is-changed' : ''
          return (
            <tr key={name}>
              <th scope="row">{name.toUpperCase()}</th>
              <td class={changed('selector')}>{hexWide(segment.selector, 2)}</td>
              <td class={changed('base')}>{hex(segment.base)}</td>
              <td class={changed('limit')}>{hexWide(segment.limit, 4)}</td>
              <td
                class={changed('attributes')}
                title={summarizeBits(BigInt(segment.attributes), 2, findField('save.cs.attrib')?.bits)}
              >
                {hexWide(segment.attributes, 2)}
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
        State digest
      </button>{' '}
      {shown?.view === view ? (
        <code data-digest={shown.digest}>{shown.digest}</code>
      ) : (
        <span class="wb-soft">equal for machines that a guest could not tell apart</span>
      )}
    </p>
  )
}
