/** The page walk of an access of late, or of one that the reader describes. */
import { useState } from 'preact/hooks'
import type { Walk } from '../../../emulator/machine/index.ts'
import { WalkFigure } from '../../figures/walk.tsx'
import * as text from '../../strings.ts'
import { AddressInput } from '../address-input.tsx'
import { hex } from '../format.ts'
import type { PlacedAccess, WalkRequest } from '../protocol.ts'
import { ProcessorChoice, useAnswer, useProcessor } from './answers.tsx'
import type { PanelProps } from './registry.tsx'

const ACCESSES: readonly (readonly [Walk['access'], string])[] = [
  ['read', text.read],
  ['write', text.write],
  ['execute', text.fetch],
]

interface OwnAccess {
  readonly expression: string
  readonly access: Walk['access']
  readonly user: boolean
}

/** In the list of accesses: the one that the reader describes. */
const OWN = 'own'

export function WalkPanel(props: PanelProps) {
  const { view } = props
  const [processor, chooseProcessor] = useProcessor(view)
  const [chosen, choose] = useState<string>()
  const [own, setOwn] = useState<OwnAccess>(() => ({
    expression: `0x${view.cpu.rip.toString(16)}`,
    access: 'read',
    user: view.cpu.cpl === 3,
  }))
  const accesses = useAnswer(props, (client) => client.recentAccesses(processor), [processor])?.answer ?? []
  const shown = chosen === OWN ? undefined : (accesses.find(({ what }) => what === chosen) ?? accesses.at(0))
  const request: WalkRequest | undefined =
    chosen === OWN
      ? { processor, ...own }
      : shown && { processor, linear: shown.linear, access: shown.access, user: shown.user, at: shown.at }
  const result = useAnswer(props, async (client) => request && client.walk(request), [
    processor,
    chosen === OWN ? `${own.expression} ${own.access} ${own.user}` : shown && nameOf(shown),
  ])?.answer
  return (
    <>
      <div class="wb-figure-bar">
        <label>
          {text.walkOf}{' '}
          <select
            value={chosen === OWN ? OWN : (shown?.what ?? '')}
            onChange={({ currentTarget }) => choose(currentTarget.value)}
          >
            {accesses.map((access) => (
              <option key={nameOf(access)} value={access.what}>
                {access.what}: {hex(access.linear)}
              </option>
            ))}
            <option value={OWN}>{text.anAddress}</option>
          </select>
        </label>
        {chosen === OWN && <OwnAccessForm store={props.store} own={own} change={setOwn} />}
        <ProcessorChoice view={view} processor={processor} choose={chooseProcessor} />
      </div>
      {result?.ok === false && <p class="wb-error">{result.message}</p>}
      {result?.ok === true && <WalkFigure walk={result.walk} />}
    </>
  )
}

function nameOf({ what, linear, at }: PlacedAccess): string {
  return `${what} ${linear} ${at}`
}

interface OwnAccessFormProps extends Pick<PanelProps, 'store'> {
  readonly own: OwnAccess
  readonly change: (own: OwnAccess) => void
}

function OwnAccessForm({ store, own, change }: OwnAccessFormProps) {
  return (
    <>
      <AddressInput
        store={store}
        label={text.linearAddress}
        expression={own.expression}
        onEnter={(expression) => change({ ...own, expression })}
      />
      <label>
        <span class="wb-hidden">{text.access} </span>
        <select
          value={own.access}
          onChange={({ currentTarget }) => change({ ...own, access: currentTarget.value as Walk['access'] })}
        >
          {ACCESSES.map(([access, name]) => (
            <option key={access} value={access}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        <input
          type="checkbox"
          checked={own.user}
          onChange={({ currentTarget }) => change({ ...own, user: currentTarget.checked })}
        />{' '}
        {text.byCpl3}
      </label>
    </>
  )
}
