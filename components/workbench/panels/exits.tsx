/** The #VMEXITs of the run in order; for VMEXIT_INVALID the checks that failed, bit by bit. */
import { useState } from 'preact/hooks'
import { EXIT_CODES, findField, type ExplainedCheck } from '../../../emulator/svm/index.ts'
import type { Lab } from '../../../emulator/lab/index.ts'
import { checkPath, cleanBitPath, exitPath, fieldPath } from '../../paths.ts'
import * as text from '../../strings.ts'
import { Dissector } from '../dissector.tsx'
import { Fact } from '../fact.tsx'
import { hex, hexWide } from '../format.ts'
import type { ExitView, RunView } from '../protocol.ts'
import type { LabStore } from '../store.ts'

export function ExitsPanel({ store, reveal }: { readonly store: LabStore; readonly reveal: Lab['reveal'] }) {
  const view = store.view.value
  const [to, choose] = useState<'L0' | 'L1'>()
  const all = view?.exits ?? []
  const exits = to === undefined ? all : all.filter(({ nested }) => nested?.to === to)
  return (
    <>
      <h3>{text.exits}</h3>
      {view?.l0 !== undefined && (
        <label class="wb-exits-filter">
          {text.show}{' '}
          <select
            value={to ?? ''}
            onChange={({ currentTarget: { value } }) =>
              choose(value === '' ? undefined : (value as 'L0' | 'L1'))
            }
          >
            <option value="">{text.exitsOfBoth}</option>
            <option value="L0">{text.exitsOfProcessor}</option>
            <option value="L1">{text.exitsOfL1}</option>
          </select>
        </label>
      )}
      {exits.length === 0 && (
        <p class="wb-soft">
          {view?.ending !== undefined
            ? text.noExit
            : view === undefined || view.instructions === 0
              ? text.noExitYetRun
              : text.noExitYet}
        </p>
      )}
      {exits.length > 0 && exits[0].number > 1 && (
        <p class="wb-soft">{text.exitsNotShown(exits[0].number - 1)}</p>
      )}
      <ol class="wb-exits" start={exits[0]?.number ?? 1}>
        {exits.map((exit) => (
          <Exit key={`${exit.nested?.to} ${exit.number}`} exit={exit} view={view!} reveal={reveal} />
        ))}
      </ol>
      {view?.ending !== undefined && <p class="wb-ending">{sentence(view.ending)}</p>}
    </>
  )
}

function sentence(words: string): string {
  return `${words[0].toUpperCase()}${words.slice(1)}.`
}

/** The manual's word; the name of the exit follows in parentheses. */
const EXIT = '#VMEXIT'

interface ExitProps {
  readonly exit: ExitView
  readonly view: RunView
  readonly reveal: Lab['reveal']
}

function Exit({ exit, view, reveal }: ExitProps) {
  const { explanation, vmcb, rip, instructions, number, fromCache, isKeptBack, nested } = exit
  const isInvalid = explanation.name === 'INVALID'
  const vmcbs = [...view.vmcbs, ...(view.l0?.vmcbs ?? [])]
  const name = vmcbs.find(({ address }) => address === vmcb)?.name
  const isOfL1 = nested?.to === 'L1'
  return (
    <li
      class={`wb-exit${isInvalid ? ' is-invalid' : ''}${isOfL1 ? ' is-of-l1' : ''}`}
      data-exit={explanation.name}
      data-to={nested?.to}
    >
      <p class="wb-exit-head">
        <span class="wb-exit-number">{number}</span>
        {nested && (
          <span class="wb-exit-way">
            {nested.from} <span aria-label={text.exitTo}>→</span> {nested.to}
          </span>
        )}
        <b>
          {EXIT}(
          <ExitName name={explanation.name} />)
        </b>
        <span class="wb-soft">{explanation.cause}</span>
      </p>
      <dl class="wb-facts">
        <Fact
          name="EXITCODE"
          value={explanation.code >> 32n === 0n ? hex(explanation.code) : hexWide(explanation.code, 8)}
        />
        <Fact name={text.guestRip} value={hex(rip)} />
        <Fact name={text.vmcb} value={`${hex(vmcb)}${name === undefined ? '' : ` ${name}`}`} />
        <Fact name={text.afterFact} value={text.instructionsRun(instructions)} />
        {fromCache.length > 0 && (
          <Fact
            name={text.stateCacheFact}
            value={fromCache.map((group, index) => (
              <>
                {index > 0 && ', '}
                <a href={cleanBitPath(group)}>{group}</a>
              </>
            ))}
          />
        )}
      </dl>
      {explanation.details.length > 0 && (
        <ul class="wb-details">
          {explanation.details.map((detail) => (
            <li key={detail}>{detail}</li>
          ))}
        </ul>
      )}
      {explanation.checks.map((check) => (
        <FailedCheck key={check.id} check={check} />
      ))}
      {isInvalid && isKeptBack && (
        <p class="wb-soft">{reveal === 'never' ? text.checkNeverTold : text.checkToldAfterGuess}</p>
      )}
    </li>
  )
}

const EXIT_KEYS = new Set(EXIT_CODES.map(({ key }) => key))

/** A link to the reference, if the manual has such an exit. */
function ExitName({ name }: { readonly name: string }) {
  const key = name.toLowerCase()
  return EXIT_KEYS.has(key) ? <a href={exitPath({ key })}>{name}</a> : <>{name}</>
}

function FailedCheck({ check }: { readonly check: ExplainedCheck }) {
  const field = findField(check.field)
  if (field === undefined) return null
  return (
    <div class="wb-check" data-check={check.id}>
      <p>
        <b>{check.explanation}</b> <span class="wb-soft">{check.section}.</span>{' '}
        <a href={checkPath(check)}>{text.reference}</a>
      </p>
      <p class="wb-check-field">
        <a href={fieldPath(field)}>{field.name}</a>{' '}
        <span class="wb-soft">{text.atAddress(hex(field.offset))}</span> = {hexWide(check.value, field.bytes)}
      </p>
      <Dissector
        name={field.name}
        value={check.value}
        bytes={field.bytes}
        bits={field.bits}
        offending={check.bits}
      />
    </div>
  )
}
