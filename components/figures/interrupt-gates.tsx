/** The figure of the gates before interrupts: a lane for each event, from what waits to what becomes of it. */
import * as text from '../strings.ts'
import { Figure, TableHead } from './figure.tsx'
import type { EventState } from '../../emulator/machine/index.ts'
import {
  interruptGatesView,
  type Gate,
  type GateLane,
  type InterruptGatesView,
} from './interrupt-gates-view.ts'

interface InterruptGatesProps {
  readonly state: EventState
}

export function InterruptGates({ state }: InterruptGatesProps) {
  const view = interruptGatesView(state)
  return (
    <Figure
      name="interrupt-gates"
      title={text.beforeInterruptOf(view.world)}
      summary={view.summary}
      table={() => <GatesTable view={view} />}
    >
      <ol class="fig-lanes">
        {view.lanes.map((lane) => (
          <Lane key={lane.event} lane={lane} />
        ))}
      </ol>
    </Figure>
  )
}

function Lane({ lane }: { readonly lane: GateLane }) {
  const { name, isPending, pending, gates, isOpen, isNext, destination } = lane
  const firstClosed = gates.findIndex((gate) => !gate.isOpen)
  return (
    <li
      class={`fig-lane${isPending ? ' is-pending' : ''}${isNext ? ' is-next' : ''}`}
      data-event={lane.event}
    >
      <div class="fig-end">
        <b>{name}</b>
        <span>{isPending ? pending : text.noneWaits}</span>
      </div>
      {gates.map((gate, index) => (
        <GateBox key={gate.name} gate={gate} isReached={firstClosed < 0 || index <= firstClosed} />
      ))}
      <div class={`fig-end is-destination${isOpen ? ' is-reached' : ''}`}>
        <b>{destination}</b>
        <span>{isNext ? text.beforeNextInstruction : isOpen ? text.open : text.notNow}</span>
      </div>
    </li>
  )
}

/** The pipe runs through an open gate and ends at a closed one. */
function GateBox({ gate, isReached }: { readonly gate: Gate; readonly isReached: boolean }) {
  const { name, value, isOpen, hint } = gate
  return (
    <div class={`fig-gate${isOpen ? ' is-open' : ' is-closed'}${isReached ? ' is-reached' : ''}`}>
      <svg viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true" class="fig-pipe">
        <path class="fig-pipe-line" d={isOpen ? 'M0 15 H100' : 'M0 15 H46'} />
        {!isOpen && <path class="fig-pipe-line is-behind" d="M54 15 H100" />}
      </svg>
      <svg viewBox="0 0 24 30" width="24" height="30" aria-hidden="true" class="fig-valve">
        <path class="fig-posts" d={isOpen ? 'M8 1 V9 M16 1 V9 M8 21 V29 M16 21 V29' : 'M8 1 V29 M16 1 V29'} />
        {!isOpen && <path class="fig-cross" d="M8 11 L16 19 M16 11 L8 19" />}
      </svg>
      <span class="fig-gate-name">{name}</span>
      <span class="fig-value">{value}</span>
      <span class="fig-gate-state">{isOpen ? text.open : text.closed}</span>
      {!isOpen && <span class="fig-gate-hint">{text.openedBy(hint)}</span>}
    </div>
  )
}

function GatesTable({ view }: { readonly view: InterruptGatesView }) {
  return (
    <table>
      <caption class="fig-hidden">{text.eventsAndGates}</caption>
      <TableHead columns={text.gateColumns} />
      <tbody>
        {view.lanes.flatMap(({ event, name, isPending, pending, gates, destination, isNext }) =>
          gates.map((gate, index) => (
            <tr key={`${event} ${gate.name}`}>
              <th scope="row">{index === 0 ? name : <span class="fig-hidden">{name}</span>}</th>
              <td>{index === 0 ? (isPending ? pending : text.no) : ''}</td>
              <td>{gate.name}</td>
              <td class="fig-value">{gate.value}</td>
              <td>{gate.isOpen ? text.open : <b>{text.closed}</b>}</td>
              <td>{gate.hint}</td>
              <td>{index === 0 ? `${destination}${isNext ? text.andNext : ''}` : ''}</td>
            </tr>
          )),
        )}
      </tbody>
    </table>
  )
}
