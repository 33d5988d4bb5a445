/** What the consistency checks of VMRUN say about a VMCB, as far as the lab tells. */
import { useEffect, useState } from 'preact/hooks'
import { findField } from '../../../emulator/svm/index.ts'
import { checkPath } from '../../paths.ts'
import * as text from '../../strings.ts'
import type { CheckVerdict, VmcbVerdict } from '../state-protocol.ts'
import type { LabStore } from '../store.ts'

/** The verdict on an image; undefined while nobody has answered. */
export function useVerdict(store: LabStore, image: Uint8Array): VmcbVerdict | undefined {
  const [verdict, setVerdict] = useState<VmcbVerdict>()
  const view = store.view.value
  const isIdle = store.activity.value === 'idle'
  // Images are made anew at each look; what is in them counts.
  const contents = image.join()
  useEffect(() => {
    let isCurrent = true
    void store
      .ask((client) => client.vmcbVerdict(image))
      .then((answer) => {
        if (isCurrent && answer !== undefined) setVerdict(answer)
      })
    return () => (isCurrent = false)
  }, [store, contents, view, isIdle])
  return verdict
}

/** The checks that fail, if the lab tells. */
export function failedOf(verdict: VmcbVerdict | undefined): readonly CheckVerdict[] {
  return verdict?.isTold === true ? verdict.checks.filter(({ hasFailed }) => hasFailed) : []
}

const UNTIL = {
  run: text.toldAfterRun,
  guess: text.toldAfterGuess,
  never: text.neverTold,
} as const

interface VerdictProps {
  readonly verdict: VmcbVerdict | undefined
  readonly onShow?: (field: string) => void
}

export function Verdict({ verdict, onShow }: VerdictProps) {
  if (verdict === undefined) return null
  if (!verdict.isTold) return <p class="wb-soft">{UNTIL[verdict.until]}</p>
  return <Checks checks={verdict.checks} onShow={onShow} />
}

interface ChecksProps {
  readonly checks: readonly CheckVerdict[]
  readonly onShow?: ((field: string) => void) | undefined
}

export function Checks({ checks, onShow }: ChecksProps) {
  const failed = checks.filter(({ hasFailed }) => hasFailed)
  return (
    <div class={`wb-checks${failed.length > 0 ? ' is-bad' : ''}`} data-failed={failed.length}>
      <p>
        <b>
          {failed.length === 0
            ? text.allChecksPass(checks.length)
            : text.checksFail(failed.length, checks.length)}
        </b>
      </p>
      {failed.length > 0 && (
        <ul class="wb-checks-list">
          {failed.map((check) => (
            <li key={check.id} data-failed-check={check.id}>
              <Check check={check} onShow={onShow} />
            </li>
          ))}
        </ul>
      )}
      <details>
        <summary>{text.everyCheck}</summary>
        <ul class="wb-checks-list">
          {checks.map((check) => (
            <li key={check.id}>
              {check.hasFailed ? text.checkFails : text.checkPasses} <a href={checkPath(check)}>{check.id}</a>{' '}
              <span class="wb-soft">
                {check.fields.map((key) => findField(key)?.name ?? key).join(', ')}; {check.section}
              </span>
            </li>
          ))}
        </ul>
      </details>
    </div>
  )
}

function Check({ check, onShow }: { readonly check: CheckVerdict } & Pick<ChecksProps, 'onShow'>) {
  const [first] = check.fields
  return (
    <>
      {check.explanation}{' '}
      <a class="wb-soft" href={checkPath(check)}>
        {check.section}
      </a>{' '}
      {onShow !== undefined && (
        <button type="button" class="wb-link" onClick={() => onShow(first)}>
          {text.showNamed(findField(first)?.name ?? first)}
        </button>
      )}
    </>
  )
}
