/** Runs a benchmark guest and times what it reports: everything between `>> name begin` and `<< name ...` on its serial port. */
import { readFileSync } from 'node:fs'
import { Machine, type MachineOptions } from '../emulator/machine/index.ts'

const MIB = 0x10_0000
const RAM_BYTES = 256 * MIB
const SLICE = 1_000_000

export interface Measurement {
  readonly name: string
  readonly ok: boolean
  readonly instructions: number
  readonly milliseconds: number
  /** What the guest counts: iterations, round trips or faults. */
  readonly iterations: number
}

export type Executor = NonNullable<MachineOptions['executor']>

function elf(name: string): Uint8Array {
  return readFileSync(new URL(`guests/elf/${name}.elf`, import.meta.url))
}

/** `divisor` divides every count of the guest. Throws when the guest does not come to its end. */
export function measureGuest(guest: string, divisor: number, executor: Executor): Measurement[] {
  const measurements: Measurement[] = []
  let begun = { instructions: 0, time: 0 }
  let line = ''

  function lineEnds(): void {
    if (line.startsWith('>> ')) begun = { instructions: machine.instructions, time: performance.now() }
    const result = /^<< (\S+) iters=(\d+) .*ok=(\d)/.exec(line)
    if (result)
      measurements.push({
        name: result[1],
        ok: result[3] === '1',
        instructions: machine.instructions - begun.instructions,
        milliseconds: performance.now() - begun.time,
        iterations: Number(result[2]),
      })
    line = ''
  }

  const machine = new Machine({
    ramBytes: RAM_BYTES,
    executor,
    history: false,
    onSerial(byte) {
      if (byte === 0x0a) lineEnds()
      else line += String.fromCharCode(byte)
    },
  })
  machine.boot({ kernel: elf(guest), commandLine: `${guest} div=${divisor}`, modules: [] })
  for (;;) {
    const result = machine.run(SLICE)
    if (result.reason === 'debug-exit') return measurements
    if (result.reason !== 'budget') throw new Error(`${guest} ended with ${result.reason}: ${line}`)
  }
}
