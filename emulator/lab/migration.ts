/** When the user of a lab's L0 moves a vCPU: lab.yaml's way of saying it, as the hypervisor takes it. */
import type { HandledExit, HandlerEvent, Migration } from '../hypervisor/index.ts'
import { exitCode, exitOf, vmcbField } from '../svm/index.ts'
import type { LabMigration } from './schema.ts'

type When = NonNullable<LabMigration['when']>

function isDecision(event: HandlerEvent, wanted: NonNullable<When['decision']>): boolean {
  return (
    event.kind === 'decision' &&
    (wanted.rule ?? event.rule) === event.rule &&
    (wanted.field ?? event.field) === event.field &&
    (wanted.equals ?? event.value) === event.value
  )
}

function isLook(event: HandlerEvent, wanted: NonNullable<When['look']>): boolean {
  if (event.kind !== 'look' || (wanted.for ?? event.purpose) !== event.purpose) return false
  const { offset } = vmcbField(wanted.field)
  return event.offset <= offset && offset < event.offset + event.bytes
}

function isVmexit(event: HandlerEvent, name: string): boolean {
  return event.kind === 'vmexit' && exitOf(event.code)?.key === name
}

/** Whether all that is wanted of an exit has happened at it. */
function hasHappened({ exit, vmexit, decision, look }: When, { code, events }: HandledExit): boolean {
  return (
    (exit === undefined || exitCode(code)?.key === exit) &&
    (vmexit === undefined || events.some((event) => isVmexit(event, vmexit))) &&
    (decision === undefined || events.some((event) => isDecision(event, decision))) &&
    (look === undefined || events.some((event) => isLook(event, look)))
  )
}

export function migrationOf({ msrs, at, when, occasion, older_g_pat }: LabMigration): Migration {
  return { msrs, at, when: when && ((exit) => hasHappened(when, exit)), occasion, olderGPat: older_g_pat }
}
