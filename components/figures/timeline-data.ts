/** What a timeline is drawn from, out of a machine's log. The workbench keeps a longer record, with edits and what lies ahead. */
import { exceptionName, type Machine, type MachineEvent } from '../../emulator/machine/index.ts'
import { exitCode, VECTOR } from '../../emulator/svm/index.ts'
import type { TimelineEvent, TimelineRecord } from './timeline-view.ts'

const FIRST_INTERRUPT = 32

/** The run up to the machine's present position. */
export function timelineRecord(machine: Machine): TimelineRecord {
  return {
    position: machine.instructions,
    extent: machine.instructions,
    processors: machine.processors,
    events: machine.events.since().flatMap((event) => timelineEvent(event) ?? []),
  }
}

function timelineEvent(event: MachineEvent): TimelineEvent | undefined {
  const { instructions: at, processor } = event
  switch (event.kind) {
    case 'vmrun':
      return { at, processor, kind: 'vmrun', label: 'VMRUN', vmcb: event.vmcb }
    case 'vmexit': {
      const code = Number(BigInt.asIntN(64, event.code))
      const name = exitCode(code)?.name.replace('VMEXIT_', '') ?? `${event.code.toString(16)}h`
      return { at, processor, kind: 'exit', label: `#VMEXIT(${name})`, vmcb: event.vmcb }
    }
    case 'raised':
      return { at, processor, kind: 'exception', label: exceptionName(event.vector) }
    case 'delivered':
      // Exceptions are marked where they are raised.
      if (event.vector < FIRST_INTERRUPT && event.vector !== VECTOR.NMI) return undefined
      return { at, processor, kind: 'interrupt', label: exceptionName(event.vector) }
    case 'relied-on-undefined':
      return undefined
  }
}
