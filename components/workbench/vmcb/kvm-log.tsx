/** What KVM wrote to the kernel log about a VMCB that VMRUN refused: the verdict, the fields, what differs from the lab's. */
import { useState } from 'preact/hooks'
import { findField, type VmcbField } from '../../../emulator/svm/index.ts'
import * as text from '../../strings.ts'
import { summarizeBits } from '../dissection.ts'
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
  readonly target: Target
  readonly radix: Radix
}

/** What makes KVM write the log, and what shows it. */
const KVM_OPTION = 'kvm_amd.dump_invalid_vmcb=1'
const LOG_COMMAND = 'dmesg'

export function KvmLog({ store, name, target, radix }: KvmLogProps) {
  const [log, setLog] = useState('')
  const [report, setReport] = useState<KvmReport>()
  const read = async (): Promise<void> => setReport(await store.ask((client) => client.readKvmLog(log)))
  return (
    <details class="wb-kvm">
      <summary>{text.readKernelLog}</summary>
      <p class="wb-soft">
        {text.withOption} <code>{KVM_OPTION}</code> {text.kvmWritesLog} <code>{LOG_COMMAND}</code>{' '}
        {text.pasteLogHere}
      </p>
      <textarea
        aria-label={text.kernelLog}
        rows={5}
        spellcheck={false}
        value={log}
        onInput={({ currentTarget }) => setLog(currentTarget.value)}
      />
      <button type="button" class="wb-button" aria-disabled={log.trim() === ''} onClick={() => void read()}>
        {text.readLog}
      </button>
      {report?.ok === false && (
        <p class="wb-error" role="alert">
          {text.notLogOfVmcb(report.message)}
        </p>
      )}
      {report?.ok === true && (
        <Report store={store} name={name} target={target} radix={radix} report={report} />
      )}
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

function Report({ store, name, target, radix, report }: ReportProps) {
  const [onlyDifferent, setOnlyDifferent] = useState(false)
  const [outcome, setOutcome] = useState<{ readonly count: number } | { readonly problem: string }>()
  const fields = report.keys.flatMap((key) => findField(key) ?? []).filter(({ bytes }) => bytes <= 8)
  const isDifferent = (field: VmcbField): boolean =>
    valueOf(report.image, field) !== valueOf(target.image, field)
  const different = fields.filter(isDifferent)
  const inputs = different.filter(isInput)
  const use = (): void => {
    const edit = setFields(
      store.work.texts.value[name],
      target.image,
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
        <ul class="wb-soft" aria-label={text.notesOnLog}>
          {report.notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      <p>
        {text.logGives(fields.length, different.length, name)}{' '}
        <label>
          <input
            type="checkbox"
            checked={onlyDifferent}
            onChange={({ currentTarget }) => setOnlyDifferent(currentTarget.checked)}
          />{' '}
          {text.onlyThose}
        </label>
      </p>
      <table class="wb-vmcb">
        <caption class="wb-hidden">{text.fieldsOfLog}</caption>
        <thead>
          <tr>
            <th scope="col">{text.field}</th>
            <th scope="col">{text.inLog}</th>
            <th scope="col">{text.inVmcb(name)}</th>
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
                      ≠ {inRadix(valueOf(target.image, field), field.bytes, radix)}
                    </span>
                  ) : (
                    <span class="wb-soft">{text.theSame}</span>
                  )}
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
      {target.canEdit && inputs.length > 0 && (
        <button type="button" class="wb-button" onClick={use}>
          {text.useValues(name, inputs.length)}
        </button>
      )}
      {outcome !== undefined && (
        <p role="status">
          {'problem' in outcome ? (
            <span class="wb-error">{text.nothingWasChanged(outcome.problem)}</span>
          ) : (
            <>
              {text.fieldsSet(outcome.count, name)}{' '}
              <button
                type="button"
                class="wb-link"
                onClick={() => {
                  store.restore()
                  setOutcome(undefined)
                }}
              >
                {text.putMyTextBack}
              </button>
            </>
          )}
        </p>
      )}
    </div>
  )
}
