/**
 * Runs a benchmark guest and times what it reports: everything between `>> name begin` and `<< name ...` on its serial port.
 * The first instructions of each benchmark are evaluated, the rest is compiled, so one run gives both figures.
 */
import { readFileSync } from 'node:fs'
import { cpuOfL1, createL0 } from '../emulator/hypervisor/index.ts'
import { Machine, type MachineOptions } from '../emulator/machine/index.ts'

const RAM_BYTES = 256 * 0x10_0000
const SLICE = 1_000_000

export interface Measurement {
  readonly name: string
  readonly ok: boolean
  /** Instructions that one of what the guest counts takes: an iteration, a round trip, a fault. */
  readonly instructionsPerIteration: number
  /** Millions of instructions a second. */
  readonly compile: number
  readonly evaluate: number
}

function elf(name: string): Uint8Array {
  return readFileSync(new URL(`guests/elf/${name}.elf`, import.meta.url))
}

/** A guest whose lines on the serial port end its runs. */
class GuestRun {
  readonly machine: Machine
  #line = ''
  #ended: string | undefined

  constructor(guest: string, divisor: number, options: Partial<MachineOptions>) {
    this.machine = new Machine({
      ...options,
      ramBytes: RAM_BYTES,
      history: false,
      onSerial: (byte) => {
        if (byte !== 0x0a) this.#line += String.fromCharCode(byte)
        else {
          this.#ended = this.#line
          this.#line = ''
          this.machine.stop()
        }
      },
    })
    this.machine.boot({ kernel: elf(guest), commandLine: `${guest} div=${divisor}`, modules: [] })
  }

  /** Runs to the end of the next line and returns it; undefined after `maxInstructions` or at the end of the guest. */
  nextLine(maxInstructions = Infinity): string | undefined {
    const end = this.machine.instructions + maxInstructions
    this.#ended = undefined
    for (;;) {
      const { reason } = this.machine.run(Math.min(SLICE, end - this.machine.instructions))
      if (reason === 'stopped') return this.#ended
      if (reason === 'debug-exit' || this.machine.instructions >= end) return undefined
      if (reason !== 'budget') throw new Error(`the guest ended with ${reason} after "${this.#line}"`)
    }
  }
}

/** Millions of instructions a second while `work` goes on, which returns what it returns. */
function speedOf<T>(machine: Machine, work: () => T): { mips: number; result: T } {
  const instructions = machine.instructions
  const start = performance.now()
  const result = work()
  return { mips: (machine.instructions - instructions) / (performance.now() - start) / 1000, result }
}

/**
 * `divisor` divides every count of the guest; `sample` instructions of each benchmark are evaluated. Throws when the guest does
 * not come to its end.
 */
export function* measureGuest(
  guest: string,
  divisor: number,
  sample: number,
  options: Partial<MachineOptions> = {},
): Generator<Measurement> {
  const run = new GuestRun(guest, divisor, options)
  const { machine } = run
  for (let line = run.nextLine(); line !== undefined; line = run.nextLine()) {
    if (!line.startsWith('>> ')) continue
    const begin = machine.instructions
    machine.executor = 'evaluate'
    const evaluated = speedOf(machine, () => run.nextLine(sample))
    machine.executor = 'compile'
    if (evaluated.result !== undefined)
      throw new Error(`a sample of ${sample} leaves nothing to compile: ${line}`)
    const compiled = speedOf(machine, () => run.nextLine())
    const report = /^<< (\S+) iters=(\d+) .*ok=(\d)/.exec(compiled.result ?? '')
    if (report === null) throw new Error(`no result: "${compiled.result}" after "${line}"`)
    yield {
      name: report[1],
      ok: report[3] === '1',
      instructionsPerIteration: (machine.instructions - begin) / Number(report[2]),
      compile: compiled.mips,
      evaluate: evaluated.mips,
    }
  }
}

/** A nested round trip: svm_rt as L1 of L0, the hypervisor model. */
export function measureNested(divisor: number, sample: number): Measurement {
  const { host } = createL0(RAM_BYTES)
  for (const first of measureGuest('svm_rt', divisor, sample, { host, cpu: cpuOfL1() })) return first
  throw new Error('svm_rt measures nothing')
}
