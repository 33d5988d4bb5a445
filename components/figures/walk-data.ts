/** A page walk at a past position of the run: that of an access that ended in a #VMEXIT. Looking leaves the machine as it is. */
import type { Machine, Walk, WalkOptions } from '../../emulator/machine/index.ts'

/** The walk of an access as it would have been after `instructions` instructions. The machine needs its history. */
export function walkAt(
  machine: Machine,
  instructions: number,
  linear: bigint,
  access: Walk['access'],
  options?: WalkOptions,
): Walk {
  return machine.elsewhere(() => {
    machine.goTo(instructions)
    return machine.walk(linear, access, options)
  })
}
