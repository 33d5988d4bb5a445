/** Runs cases in our machine. */
import { Machine, type Executor } from '../emulator/machine/index.ts'
import { KERNEL, moduleOf, type Input } from './image.ts'

/** QEMU TCG has no process-context identifiers. */
export const CPU = 'default,-pcid'

/** APIC ticks are instructions here. */
const TICKS = 20_000
/** More instructions than a case can take. */
const CASE_BUDGET = 2_000_000

/** The lines that the host sends. Throws when a case does not end: the timer should see to it that each does. */
export function runOurs(inputs: readonly Input[], executor: Executor = 'compile', first = 0): string {
  const sent: string[] = []
  const machine = new Machine({
    ramBytes: 64 * 0x10_0000,
    executor,
    cpu: CPU,
    history: false,
    onSerial: (byte) => sent.push(String.fromCharCode(byte)),
  })
  const modules = [{ commandLine: 'cases', bytes: moduleOf(inputs, TICKS, first) }]
  machine.boot({ kernel: KERNEL, commandLine: 'host', modules })
  const { reason } = machine.run((inputs.length + 1) * CASE_BUDGET)
  if (reason !== 'debug-exit') throw new Error(`our machine ended by ${reason}: ${sent.join('').slice(-400)}`)
  return sent.join('')
}
