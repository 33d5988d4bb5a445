/** Panels of labs whose program is L1: what L0 does, its VMCBs, and the orders of races. */
import { useState } from 'preact/hooks'
import type { L0Event } from '../../../emulator/hypervisor/index.ts'
import { exitName, fieldAt, findField } from '../../../emulator/svm/index.ts'
import { Triptych } from '../../figures/triptych.tsx'
import { count, hex, hexWide, plural } from '../format.ts'
import { ProcessorChoice, useAnswer, useProcessor } from './answers.tsx'
import type { PanelProps } from './registry.tsx'

export { InterleavingsPanel } from './interleavings.tsx'

export function VmcbsPanel(props: PanelProps) {
  const [processor, choose] = useProcessor(props.view)
  const vmcbs = useAnswer(props, (client) => client.triptych(processor), [processor])
  return (
    <>
      {props.view.cpus.length > 1 && (
        <div class="wb-figure-bar">
          <ProcessorChoice view={props.view} processor={processor} choose={choose} />
        </div>
      )}
      {vmcbs && <Triptych {...vmcbs.answer} />}
    </>
  )
}

/** What the reader can leave out. */
const KINDS = [
  ['vmrun', 'VMRUNs of L1'],
  ['look', 'looks at vmcb12'],
  ['decision', 'decisions'],
  ['vmexit', 'exits to L1'],
  ['restored', 'moves'],
] as const satisfies readonly (readonly [L0Event['kind'], string])[]

const MOST_EVENTS = 300

export function L0Panel(props: PanelProps) {
  const { store, view } = props
  const [hidden, hide] = useState<readonly L0Event['kind'][]>([])
  const events = useAnswer(props, (client) => client.l0Events(), [])?.answer ?? []
  const wanted = events.filter(({ kind }) => !hidden.includes(kind))
  const shown = wanted.slice(-MOST_EVENTS)
  const isAlone = view.cpus.length === 1
  return (
    <>
      {view.l0?.replay !== undefined && <p class="wb-replay">Replayed: {view.l0.replay}</p>}
      <div class="wb-figure-bar" role="group" aria-label="Kinds of events">
        {KINDS.map(([kind, name]) => (
          <label key={kind}>
            <input
              type="checkbox"
              checked={!hidden.includes(kind)}
              onChange={() =>
                hide(hidden.includes(kind) ? hidden.filter((one) => one !== kind) : [...hidden, kind])
              }
            />{' '}
            {name}
          </label>
        ))}
      </div>
      {shown.length === 0 && <p class="wb-soft">L0 has had nothing to decide yet.</p>}
      {shown.length < wanted.length && (
        <p class="wb-soft">The first {plural(wanted.length - shown.length, 'event')} are not shown.</p>
      )}
      <ol class="wb-l0-events">
        {shown.map((event, index) => (
          <Event
            key={index}
            event={event}
            isAlone={isAlone}
            goTo={isAlone ? () => void store.goTo(event.ownInstructions) : undefined}
          />
        ))}
      </ol>
    </>
  )
}

interface EventProps {
  readonly event: L0Event
  readonly isAlone: boolean
  /** Where positions of the vCPU are those of the run. */
  readonly goTo: (() => void) | undefined
}

function Event({ event, isAlone, goTo }: EventProps) {
  const [mark, what, more] = describe(event)
  const place = `${isAlone ? '' : `vCPU ${event.processor}, `}${count(event.ownInstructions)}`
  return (
    <li class={`is-${event.kind}`} data-l0-event={event.kind}>
      {goTo === undefined ? (
        <span class="wb-num">{place}</span>
      ) : (
        <button type="button" class="wb-link wb-num" aria-label={`Go to instruction ${place}`} onClick={goTo}>
          {place}
        </button>
      )}
      <b>{mark}</b>
      <span>
        {what} {more !== '' && <span class="wb-soft">{more}</span>}
      </span>
    </li>
  )
}

/** An event in words: a mark, what happened, and more about it. */
function describe(event: L0Event): readonly [string, string, string] {
  switch (event.kind) {
    case 'vmrun':
      return ['VMRUN', `of L1, with vmcb12 at ${hex(event.vmcb)}`, '']
    case 'look': {
      const { purpose, offset, bytes } = event
      const field = bytes <= 8 ? fieldAt(offset)?.name : undefined
      const place = field ?? `${hex(offset)} to ${hex(offset + bytes - 1)} of vmcb12`
      return ['look', `at ${place}`, `to ${purpose} it`]
    }
    case 'decision': {
      const field = findField(event.field)
      const value = hexWide(event.value, field?.bytes ?? 8)
      return ['decides', `${field?.name ?? event.field} = ${value}`, `by the rule “${event.rule}”`]
    }
    case 'vmexit': {
      const checks = event.failedChecks.join(', ')
      return ['exit to L1', `#VMEXIT(${exitName(event.code)})`, checks === '' ? '' : `fails: ${checks}`]
    }
    case 'restored': {
      const who = event.guestMode ? 'while L2 runs' : 'while L1 runs'
      return event.error === ''
        ? ['moved', `The vCPU is saved and restored ${who}`, 'accepted']
        : ['refused', `The vCPU is saved and restored ${who}`, `${event.error}, by “${event.rule}”`]
    }
  }
}
