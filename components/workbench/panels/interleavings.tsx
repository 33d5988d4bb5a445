/** The races of a lab: what the explorer found, every order as a lattice, and a losing one replayed on the machine. */
import { useState } from 'preact/hooks'
import { Lattice } from '../../figures/lattice.tsx'
import * as text from '../../strings.ts'
import type { RaceSummary, RaceView } from '../protocol.ts'
import { useAnswer } from './answers.tsx'
import type { PanelProps } from './registry.tsx'

export function InterleavingsPanel(props: PanelProps) {
  const races = useAnswer(props, (client) => client.races(), [])?.answer
  const [chosen, choose] = useState<string>()
  if (races === undefined)
    return (
      <p class="wb-soft" role="status">
        {text.tryingTheOrders} <progress aria-label={text.tryingOrders} />
      </p>
    )
  const race = races.find(({ id }) => id === chosen) ?? races.at(0)
  if (race === undefined) return <p class="wb-soft">{text.noRace}</p>
  return (
    <>
      {props.view.l0?.replay !== undefined && (
        <p class="wb-replay">{text.replayIsReady(props.view.l0.replay)}</p>
      )}
      {races.length > 1 && (
        <div class="wb-figure-bar">
          <label>
            {text.race}{' '}
            <select value={race.id} onChange={({ currentTarget }) => choose(currentTarget.value)}>
              {races.map(({ id }) => (
                <option key={id} value={id}>
                  {id}
                </option>
              ))}
            </select>
          </label>
        </div>
      )}
      <Race key={race.id} race={race} replay={(finding) => void props.store.replayRace(race.id, finding)} />
    </>
  )
}

interface RaceProps {
  readonly race: RaceView
  readonly replay: (finding: number) => void
}

function Race({ race: { title, stores, report, lattice }, replay }: RaceProps) {
  return (
    <div class="wb-race">
      <p>
        <b>{title}.</b>{' '}
        {stores.map((list, index) => (
          <span key={index}>{text.vcpuStores(index + 1, list)} </span>
        ))}
      </p>
      {report === undefined ? (
        <p class="wb-soft">{text.raceNotReached}</p>
      ) : (
        <Found report={report} replay={replay} />
      )}
      {lattice && <Lattice record={lattice} />}
    </div>
  )
}

function Found({ report, replay }: { readonly report: RaceSummary; readonly replay: (n: number) => void }) {
  const { tried, most, losing, longest, isComplete, losses } = report
  return (
    <>
      <p>
        <span class={`wb-verdict ${losing === 0 ? 'is-good' : 'is-bad'}`}>
          {losing === 0 ? text.noOrderLoses : text.ordersLose(losing, tried)}
        </span>{' '}
        <span class="wb-soft">
          {text.ordersTried(tried, longest)}{' '}
          {isComplete ? text.allOrdersTried(most) : text.moreOrdersThanBound(most)}
        </span>
      </p>
      {losses.length > 0 && (
        <ol class="wb-losses">
          {losses.map(({ property, field, text: finding, steps }, index) => (
            <li key={`${property} ${finding}`}>
              <p>
                <b>{property}</b> {text.ofWhich} {field}: {finding}
              </p>
              <p class="wb-soft">{steps.join(' → ')}</p>
              <button type="button" class="wb-button" onClick={() => replay(index)}>
                {text.replayOrder}
              </button>
            </li>
          ))}
        </ol>
      )}
    </>
  )
}
