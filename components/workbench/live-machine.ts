/** At most one machine lives on a page: whoever needs one takes it from the lab that had it. */

export interface MachineOwner {
  /** Nothing would be lost with the machine: it has not run yet. */
  readonly isExpendable: boolean
  /** Gives up the worker; texts and what the panels show stay. */
  release(): void
}

let owner: MachineOwner | undefined

/** Makes `next` the owner; the one before is released. */
export function takeMachine(next: MachineOwner): void {
  if (owner === next) return
  owner?.release()
  owner = next
}

/** Whether a lab that only comes into view may have the machine: it must not end what the reader does in another. */
export function isMachineFree(): boolean {
  return owner === undefined || owner.isExpendable
}

/** For an owner that goes away. */
export function leaveMachine(leaving: MachineOwner): void {
  if (owner === leaving) owner = undefined
}
