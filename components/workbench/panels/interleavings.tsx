/** The races of a lab: what the explorer found, every order as a lattice, and a losing one replayed on the machine. */
import { useState } from 'preact/hooks'
import { Lattice } from '../../figures/lattice.tsx'
import { count, plural } from '../format.ts'
import type { RaceSummary, RaceView } from '../protocol.ts'
import { useAnswer } from './answers.tsx'
import type { PanelProps } from './registry.tsx'

export function InterleavingsPanel(props: PanelProps) {
  const races = useAnswer(props, (client) => client.races(), [])?.answer
  const [chosen, choose] = useState<string>()
  if (races === undefined)
    return (
      <p class="wb-soft" role="status">
        Trying the orders … <progress aria-label="Trying the orders" />
      </p>
    )
  const race = races.find(({ id }) => id === chosen) ?? races.at(0)
  if (race === undefined) return <p class="wb-soft">This lab has no race.</p>
  return (
    <>
      {props.view.l0?.replay !== undefined && (
        <p class="wb-replay">On the machine: {props.view.l0.replay}. Step, or run.</p>
      )}
      {races.length > 1 && (
        <div class="wb-figure-bar">
          <label>
            Race{' '}
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
          <span key={index}>
            vCPU {index + 1} stores {list.join(', then ')}.{' '}
          </span>
        ))}
      </p>
      {report === undefined ? (
        <p class="wb-soft">L1 does not get to the VMRUN that is raced for.</p>
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
          {losing === 0 ? '✓ no order loses' : `✕ ${count(losing)} of ${plural(tried, 'order')} lose`}
        </span>{' '}
        <span class="wb-soft">
          {plural(tried, 'order')} tried, one of each class that leads to the same end; the longest has{' '}
          {longest} steps.{' '}
          {isComplete
            ? `That is all of them; the bound is ${count(most)}.`
            : `There are more than the bound of ${count(most)}.`}
        </span>
      </p>
      {losses.length > 0 && (
        <ol class="wb-losses">
          {losses.map(({ property, field, text, steps }, index) => (
            <li key={`${property} ${text}`}>
              <p>
                <b>{property}</b> of {field}: {text}
              </p>
              <p class="wb-soft">{steps.join(' → ')}</p>
              <button type="button" class="wb-button" onClick={() => replay(index)}>
                Replay this order on the machine
              </button>
            </li>
          ))}
        </ol>
      )}
    </>
  )
}
