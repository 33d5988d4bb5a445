/** What happened in a run by position. The machine's log goes back in time with it; this record keeps what is ahead. */
import { exitName } from '../../../emulator/svm/index.ts'
import { exceptionName, type Machine, type MachineEvent } from '../../../emulator/machine/index.ts'
import type { Mark, Timeline } from '../protocol.ts'

/** More would be dots upon dots; the machine's log is not longer either. */
const MOST_MARKS = 10_000

export interface RecordedTimeline {
  /** The machine starts over. */
  clear(): void
  /** The machine has gone on. */
  follow(machine: Machine): void
  /** The machine is about to go back. */
  keep(machine: Machine): void
  /** An edit takes effect at the present position: what lay ahead is another future. */
  edit(machine: Machine, label: string, processor: number): void
  read(machine: Machine): Timeline
}

const FIRST_INTERRUPT = 32

function markOf(event: MachineEvent): Mark | undefined {
  const { instructions: at, processor } = event
  switch (event.kind) {
    case 'vmrun':
      return { at, processor, kind: 'vmrun', label: 'VMRUN', vmcb: event.vmcb }
    case 'vmexit':
      return { at, processor, kind: 'exit', label: `#VMEXIT(${exitName(event.code)})`, vmcb: event.vmcb }
    case 'raised':
      return { at, processor, kind: 'exception', label: exceptionName(event.vector) }
    case 'delivered':
      // Exceptions are marked where they are raised.
      if (event.vector < FIRST_INTERRUPT && event.vector !== 2) return undefined
      return { at, processor, kind: 'interrupt', label: exceptionName(event.vector) }
    case 'relied-on-undefined':
      return undefined
  }
}

export function createTimeline(): RecordedTimeline {
  let extent = 0
  /** Marks of events at or after the present position, from before the machine went back. */
  let ahead: readonly Mark[] = []
  let edits: readonly Mark[] = []

  /** What is known before and after the present position. */
  const known = (machine: Machine): Mark[] => {
    const position = machine.instructions
    const past = machine.events.since().flatMap((event) => markOf(event) ?? [])
    return [...past, ...ahead.filter(({ at }) => at > position)].slice(-MOST_MARKS)
  }
  return {
    clear() {
      extent = 0
      ahead = []
      edits = []
    },
    follow({ instructions }) {
      extent = Math.max(extent, instructions)
    },
    keep(machine) {
      ahead = known(machine)
    },
    edit(machine, label, processor) {
      const at = machine.instructions
      extent = at
      ahead = []
      edits = [...edits.filter((mark) => mark.at <= at), { at, kind: 'edit', label, processor }]
    },
    read(machine) {
      const marks = [...known(machine), ...edits].sort((a, b) => a.at - b.at)
      return { position: machine.instructions, extent, marks }
    },
  }
}
