/** One line that says which world runs, in which mode, and where. */
import * as text from '../../strings.ts'
import { hex } from '../format.ts'
import type { RunView } from '../protocol.ts'

interface WorldBarProps {
  readonly view: RunView | undefined
  readonly previous: RunView | undefined
}

export function WorldBar({ view, previous }: WorldBarProps) {
  if (view === undefined) return <p class="wb-world">{text.machineHasNotStarted}</p>
  const { cpu } = view
  const world = cpu.guest === undefined ? 'host' : 'guest'
  const hasSwitched =
    previous !== undefined && (previous.cpu.guest === undefined) !== (cpu.guest === undefined)
  return (
    <p class={`wb-world is-${world}${hasSwitched ? ' is-changed' : ''}`} data-world={world}>
      <b class="wb-world-name">
        {view.l0?.worlds[view.processor] ?? (world === 'host' ? text.host : text.guest)}
      </b>
      <span>{cpu.mode}</span>
      <span>{`CPL ${cpu.cpl}`}</span>
      <span>{`GIF ${cpu.gif ? 1 : 0}`}</span>
      <span>{`rIP ${hex(cpu.rip)}`}</span>
      {cpu.guest !== undefined && <span>{text.guestFacts(cpu.guest.asid, cpu.guest.nestedPaging)}</span>}
      {cpu.interruptShadow && <span>{text.interruptShadow}</span>}
      {cpu.activity !== 'running' && <span>{cpu.activity}</span>}
    </p>
  )
}
