/** Takes down a world switch of a machine, with the registers as they were when it began. Looking leaves the machine as it is. */
import type { CpuState, HostSaveArea, Machine, SwitchedField } from '../../emulator/machine/index.ts'

export interface WorldSwitchRecord {
  readonly direction: 'vmrun' | 'vmexit'
  readonly processor: number
  /** The machine's count when it happened. */
  readonly instructions: number
  /** Physical address of the VMCB. */
  readonly vmcb: number
  /** What VMRUN took from the VMCB, or #VMEXIT stored there. */
  readonly fields: readonly SwitchedField[]
  /** The processor before the switch: the host at VMRUN, the guest at #VMEXIT. */
  readonly cpu: CpuState
  /** What VMRUN has just kept of the host, or #VMEXIT is about to reload. */
  readonly host: HostSaveArea
}

/**
 * The last world switch before the machine's present position; undefined when the log knows of none. A VMRUN that failed its
 * checks moved nothing, and is passed over. Repeats the instruction of the switch, so the machine needs its history.
 */
export function lastWorldSwitch(machine: Machine, processor?: number): WorldSwitchRecord | undefined {
  const past = machine.events.since()
  for (let i = past.length - 1; i >= 0; i--) {
    const event = past[i]
    if (event.kind !== 'vmrun' && event.kind !== 'vmexit') continue
    if (processor !== undefined && event.processor !== processor) continue
    const record = worldSwitchesAt(machine, event.instructions)
      .reverse()
      .find((found) => found.processor === event.processor && found.direction === event.kind)
    if (record !== undefined) return record
  }
  return undefined
}

/** The world switches around an instruction count. EVENTINJ can make a VMRUN and its #VMEXIT one instruction. */
export function worldSwitchesAt(machine: Machine, instructions: number): WorldSwitchRecord[] {
  const present = machine.instructions
  const records: WorldSwitchRecord[] = []
  machine.elsewhere(() => {
    machine.goTo(Math.max(0, instructions - 1))
    const end = machine.listen(['world-switch'], (event) => {
      if (event.kind !== 'world-switch') return
      const { processor } = event
      records.push({
        ...event.event,
        processor,
        instructions: machine.instructions,
        cpu: machine.inspect(processor),
        host: machine.hostSave(processor),
      })
    })
    try {
      machine.goTo(Math.min(present, instructions + 1))
    } finally {
      end()
    }
  })
  return records
}
