/** Panels of labs whose program is L1: what L0 does, its VMCBs, and the orders of races. */
import { useState } from 'preact/hooks'
import type { L0Event } from '../../../emulator/hypervisor/index.ts'
import { exitName, fieldAt, findField } from '../../../emulator/svm/index.ts'
import { Triptych } from '../../figures/triptych.tsx'
import * as text from '../../strings.ts'
import { count, hex, hexWide } from '../format.ts'
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
  ['vmrun', text.everyVmrunOfL1],
  ['look', text.looksAtVmcb12],
  ['decision', text.decisions],
  ['vmexit', text.exitsToL1],
  ['restored', text.moves],
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
      {view.l0?.replay !== undefined && <p class="wb-replay">{text.replayed(view.l0.replay)}</p>}
      <div class="wb-figure-bar" role="group" aria-label={text.kindsOfEvents}>
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
      {shown.length === 0 && <p class="wb-soft">{text.noDecisionsYet}</p>}
      {shown.length < wanted.length && (
        <p class="wb-soft">{text.eventsNotShown(wanted.length - shown.length)}</p>
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
  const place = `${isAlone ? '' : `${text.vcpuOf(event.processor)}, `}${count(event.ownInstructions)}`
  return (
    <li class={`is-${event.kind}`} data-l0-event={event.kind}>
      {goTo === undefined ? (
        <span class="wb-num">{place}</span>
      ) : (
        <button type="button" class="wb-link wb-num" aria-label={text.goToInstruction(place)} onClick={goTo}>
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
      return ['VMRUN', text.vmrunOfL1(hex(event.vmcb)), '']
    case 'look': {
      const { purpose, offset, bytes } = event
      const field = bytes <= 8 ? fieldAt(offset)?.name : undefined
      const place = field ?? text.partOfVmcb12(hex(offset), hex(offset + bytes - 1))
      return [text.look, text.atAddress(place), text.lookTo(purpose)]
    }
    case 'decision': {
      const field = findField(event.field)
      const value = hexWide(event.value, field?.bytes ?? 8)
      return [text.decides, `${field?.name ?? event.field} = ${value}`, text.byRule(event.rule)]
    }
    case 'vmexit': {
      const checks = event.failedChecks.join(', ')
      return [
        text.exitToL1,
        `#VMEXIT(${exitName(event.code)})`,
        checks === '' ? '' : text.checksThatFail(checks),
      ]
    }
    case 'restored': {
      const what = text.savedAndRestored(event.guestMode ? 'L2' : 'L1')
      return event.error === ''
        ? [text.moved, what, text.moveAccepted]
        : [text.moveRefused, what, text.refusedByRule(event.error, event.rule)]
    }
  }
}
