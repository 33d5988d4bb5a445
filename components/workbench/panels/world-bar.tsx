/** One line that says which world runs, in which mode, and where. */
import { hex } from '../format.ts'
import type { RunView } from '../protocol.ts'

interface WorldBarProps {
  readonly view: RunView | undefined
  readonly previous: RunView | undefined
}

export function WorldBar({ view, previous }: WorldBarProps) {
  if (view === undefined) return <p class="wb-world">The machine has not started.</p>
  const { cpu } = view
  const world = cpu.guest === undefined ? 'host' : 'guest'
  const hasSwitched =
    previous !== undefined && (previous.cpu.guest === undefined) !== (cpu.guest === undefined)
  return (
    <p class={`wb-world is-${world}${hasSwitched ? ' is-changed' : ''}`} data-world={world}>
      <b class="wb-world-name">{view.l0?.worlds[view.processor] ?? (world === 'host' ? 'Host' : 'Guest')}</b>
      <span>{cpu.mode}</span>
      <span>CPL {cpu.cpl}</span>
      <span>GIF {cpu.gif ? 1 : 0}</span>
      <span>rIP {hex(cpu.rip)}</span>
      {cpu.guest !== undefined && (
        <span>
          ASID {cpu.guest.asid}, nested paging {cpu.guest.nestedPaging ? 'on' : 'off'}
        </span>
      )}
      {cpu.interruptShadow && <span>interrupt shadow</span>}
      {cpu.activity !== 'running' && <span>{cpu.activity}</span>}
    </p>
  )
}
