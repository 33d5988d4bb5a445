/** What KVM wrote to the kernel log about a VMCB that VMRUN refused: the verdict, the fields, what differs from the lab's. */
import { useState } from 'preact/hooks'
import { findField, type VmcbField } from '../../../emulator/svm/index.ts'
import { summarizeBits } from '../dissection.ts'
import { plural } from '../format.ts'
import { inRadix, type Radix } from '../radix.tsx'
import type { KvmReport } from '../state-protocol.ts'
import type { LabStore } from '../store.ts'
import { valueOf } from './image.ts'
import type { Target } from './target.ts'
import { setFields } from './text-edit.ts'
import { Checks } from './verdict.tsx'

interface KvmLogProps {
  readonly store: LabStore
  /** The text that values can be taken over to. */
  readonly name: string
  readonly text: Target
  readonly radix: Radix
}

export function KvmLog({ store, name, text, radix }: KvmLogProps) {
  const [log, setLog] = useState('')
  const [report, setReport] = useState<KvmReport>()
  const read = async (): Promise<void> => setReport(await store.ask((client) => client.readKvmLog(log)))
  return (
    <details class="wb-kvm">
      <summary>Read a VMCB from a kernel log of KVM</summary>
      <p class="wb-soft">
        With <code>kvm_amd.dump_invalid_vmcb=1</code> KVM writes a VMCB that VMRUN refused to the kernel log.
        Paste the lines of <code>dmesg</code> here. Nothing leaves this page.
      </p>
      <textarea
        aria-label="Kernel log"
        rows={5}
        spellcheck={false}
        value={log}
        onInput={({ currentTarget }) => setLog(currentTarget.value)}
      />
      <button type="button" class="wb-button" aria-disabled={log.trim() === ''} onClick={() => void read()}>
        Read the log
      </button>
      {report?.ok === false && (
        <p class="wb-error" role="alert">
          This is not the log of a VMCB: {report.message}.
        </p>
      )}
      {report?.ok === true && <Report store={store} name={name} text={text} radix={radix} report={report} />}
    </details>
  )
}

interface ReportProps extends KvmLogProps {
  readonly report: KvmReport & { readonly ok: true }
}

/** What VMRUN or VMLOAD takes from a VMCB; the rest is what #VMEXIT wrote there. */
function isInput({ moved }: VmcbField): boolean {
  return moved.includes('vmrun') || moved.includes('vmload')
}

function Report({ store, name, text, radix, report }: ReportProps) {
  const [onlyDifferent, setOnlyDifferent] = useState(false)
  const [outcome, setOutcome] = useState<{ readonly count: number } | { readonly problem: string }>()
  const fields = report.keys.flatMap((key) => findField(key) ?? []).filter(({ bytes }) => bytes <= 8)
  const isDifferent = (field: VmcbField): boolean =>
    valueOf(report.image, field) !== valueOf(text.image, field)
  const different = fields.filter(isDifferent)
  const inputs = different.filter(isInput)
  const use = (): void => {
    const edit = setFields(
      store.work.texts.value[name],
      text.image,
      report.image,
      inputs.map(({ key }) => key),
    )
    if (edit.ok) store.replace(name, edit.text)
    setOutcome(edit.ok ? { count: inputs.length } : { problem: edit.message })
  }
  return (
    <div class="wb-kvm-report">
      <Checks checks={report.checks} />
      {report.notes.length > 0 && (
        <ul class="wb-soft" aria-label="Notes on the log">
          {report.notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      <p>
        The log gives {plural(fields.length, 'field')}; {different.length} differ from {name}.{' '}
        <label>
          <input
            type="checkbox"
            checked={onlyDifferent}
            onChange={({ currentTarget }) => setOnlyDifferent(currentTarget.checked)}
          />{' '}
          only those
        </label>
      </p>
      <table class="wb-vmcb">
        <caption class="wb-hidden">Fields of the log</caption>
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">In the log</th>
            <th scope="col">In {name}</th>
          </tr>
        </thead>
        <tbody>
          {(onlyDifferent ? different : fields).map((field) => {
            const value = valueOf(report.image, field)
            return (
              <tr key={field.key} data-log-field={field.key}>
                <th scope="row">{field.name}</th>
                <td>
                  <span class="wb-value">{inRadix(value, field.bytes, radix)}</span>
                  <span class="wb-decoded">{summarizeBits(value, field.bytes, field.bits)}</span>
                </td>
                <td>
                  {isDifferent(field) ? (
                    <span class="wb-differs">
                      ≠ {inRadix(valueOf(text.image, field), field.bytes, radix)}
                    </span>
                  ) : (
                    <span class="wb-soft">the same</span>
                  )}
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
      {text.canEdit && inputs.length > 0 && (
        <button type="button" class="wb-button" onClick={use}>
          Use these values in {name}: {plural(inputs.length, 'field')}
        </button>
      )}
      {outcome !== undefined && (
        <p role="status">
          {'problem' in outcome ? (
            <span class="wb-error">Nothing was changed: {outcome.problem}.</span>
          ) : (
            <>
              {plural(outcome.count, 'field')} of {name} set. What stood there is put aside.{' '}
              <button
                type="button"
                class="wb-link"
                onClick={() => {
                  store.restore()
                  setOutcome(undefined)
                }}
              >
                Put my text back
              </button>
            </>
          )}
        </p>
      )}
    </div>
  )
}
