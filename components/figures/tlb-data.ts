/** Takes down what a TLB holds. Looking leaves the machine as it is. */
import type { Machine, TlbEntry } from '../../emulator/machine/index.ts'

export interface TlbRecord {
  readonly processor: number
  readonly entries: readonly TlbEntry[]
  /** What it held before the last instruction; undefined at the start. */
  readonly before: readonly TlbEntry[] | undefined
}

/** A processor's TLB now and before the last instruction, for which the machine goes back and forth: it needs its history. */
export function tlbRecord(machine: Machine, processor = 0): TlbRecord {
  const present = machine.instructions
  const entries = machine.tlb(processor)
  if (present === 0) return { processor, entries, before: undefined }
  const before = machine.elsewhere(() =>
    machine.goTo(present - 1) < present ? machine.tlb(processor) : undefined,
  )
  return { processor, entries, before }
}
