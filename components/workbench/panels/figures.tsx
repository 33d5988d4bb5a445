/** Figures of the live machine as panels. Each asks the worker for its data when it is shown. */
import { useState } from 'preact/hooks'
import { InterruptGates } from '../../figures/interrupt-gates.tsx'
import { StateCacheFigure } from '../../figures/state-cache.tsx'
import { TlbFigure } from '../../figures/tlb.tsx'
import { WorldSwitch } from '../../figures/world-switch.tsx'
import * as text from '../../strings.ts'
import { hex } from '../format.ts'
import { ProcessorChoice, useAnswer, useProcessor } from './answers.tsx'
import type { PanelProps } from './registry.tsx'

export { MemoryTypesPanel } from './memory-types.tsx'
export { WalkPanel } from './walk.tsx'

export function TlbPanel(props: PanelProps) {
  const [processor, choose] = useProcessor(props.view)
  const tlb = useAnswer(props, (client) => client.tlb(processor), [processor])
  return (
    <>
      <Bar {...props} processor={processor} choose={choose} />
      {tlb && <TlbFigure record={tlb.answer} />}
    </>
  )
}

export function WorldSwitchPanel(props: PanelProps) {
  const [processor, choose] = useProcessor(props.view)
  const last = useAnswer(props, (client) => client.worldSwitch(processor), [processor])
  return (
    <>
      <Bar {...props} processor={processor} choose={choose} />
      {last && <WorldSwitch record={last.answer} />}
    </>
  )
}

export function InterruptsPanel(props: PanelProps) {
  const [processor, choose] = useProcessor(props.view)
  const events = useAnswer(props, (client) => client.pendingEvents(processor), [processor])
  return (
    <>
      <Bar {...props} processor={processor} choose={choose} />
      {events && <InterruptGates state={events.answer} />}
    </>
  )
}

export function StateCachePanel(props: PanelProps) {
  const { vmcbs } = props.view
  const [processor, choose] = useProcessor(props.view)
  const [chosen, chooseVmcb] = useState<number>()
  const vmcb = vmcbs.find(({ address }) => address === chosen) ?? vmcbs.at(0)
  const cache = useAnswer(
    props,
    async (client) => (vmcb === undefined ? undefined : client.stateCache(vmcb.address, processor)),
    [processor, vmcb?.address],
  )
  if (vmcb === undefined) return <p class="wb-soft">{text.noVmcbOfText}</p>
  return (
    <>
      <div class="wb-figure-bar">
        {vmcbs.length > 1 && (
          <label>
            {text.vmcb}{' '}
            <select
              value={vmcb.address}
              onChange={({ currentTarget }) => chooseVmcb(Number(currentTarget.value))}
            >
              {vmcbs.map(({ name, address }) => (
                <option key={address} value={address}>
                  {text.vmcbAt(name, hex(address))}
                </option>
              ))}
            </select>
          </label>
        )}
        <ProcessorChoice view={props.view} processor={processor} choose={choose} />
      </div>
      {cache?.answer && <StateCacheFigure record={cache.answer} />}
    </>
  )
}

interface BarProps extends PanelProps {
  readonly processor: number
  readonly choose: (processor: number) => void
}

function Bar({ view, processor, choose }: BarProps) {
  if (view.cpus.length === 1) return null
  return (
    <div class="wb-figure-bar">
      <ProcessorChoice view={view} processor={processor} choose={choose} />
    </div>
  )
}
