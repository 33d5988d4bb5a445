/** Conditions on #VMEXIT and VMRUN; under L0 as L1 sees them. */
import { happenInOrder, listExits, resolve, type Judges } from './condition-kind.ts'
import type { ExitFact, Outcome } from './outcome.ts'

function selectVmcb(outcome: Outcome, at: string | undefined): readonly ExitFact[] {
  if (at === undefined) return outcome.exits
  const address = Number(resolve(outcome, at))
  return outcome.exits.filter((exit) => exit.vmcb === address)
}

export const EXIT_JUDGES: Judges<
  'exits' | 'exits-include' | 'no-exit' | 'failed-checks' | 'from-cache' | 'guest-instructions'
> = {
  /** All exits of the run, or of one VMCB, in order. */
  exits: (outcome, wanted) => {
    const [names, exits] = Array.isArray(wanted)
      ? [wanted, outcome.exits]
      : [wanted.are, selectVmcb(outcome, wanted.of)]
    const met = exits.length === names.length && names.every((name, i) => exits[i].name === name)
    return { met, reason: listExits(exits) }
  },
  /** These exits happen in this order, others may lie between. */
  'exits-include': (outcome, wanted) => ({
    met: happenInOrder(outcome.exits, wanted),
    reason: listExits(outcome.exits),
  }),
  'no-exit': (outcome, wanted) => ({
    met: outcome.exits.every((exit) => exit.name !== wanted),
    reason: listExits(outcome.exits),
  }),
  /** Exactly these checks failed at the n-th exit (from 0), which was VMEXIT_INVALID. */
  'failed-checks': (outcome, wanted) => {
    const exit = outcome.exits[Number(wanted.exit)]
    if (exit === undefined) return { met: false, reason: listExits(outcome.exits) }
    const found = [...exit.failedChecks].sort()
    const met = found.join() === [...wanted.are].sort().join()
    return { met, reason: `${found.length} of the checks that VMRUN makes failed at exit ${wanted.exit}` }
  },
  /** The n-th VMRUN (from 0) took exactly these groups of fields from the state cache and not from memory. */
  'from-cache': (outcome, wanted) => {
    const vmrun = outcome.vmruns[Number(wanted.vmrun)]
    if (vmrun === undefined)
      return { met: false, reason: `VMRUN was executed ${outcome.vmruns.length} times` }
    const { fromCache } = vmrun
    const met = [...fromCache].sort().join() === [...wanted.are].sort().join()
    const groups = fromCache.length === 0 ? 'nothing' : fromCache.join(', ')
    return { met, reason: `VMRUN ${wanted.vmrun} took ${groups} from the state cache` }
  },
  /** The guest itself executed this many instructions, all VMRUNs together. */
  'guest-instructions': (outcome, wanted) => {
    const executed = outcome.exits.reduce((sum, exit) => sum + exit.guestInstructions, 0)
    return { met: executed >= wanted['at-least'], reason: `the guest executed ${executed} instructions` }
  },
}
