/** Test set-up: a machine with an assembled program at its start. */
import { assemble } from '../isa/assembler/assemble.ts'
import { Machine, type MachineOptions } from './machine.ts'
import { START, type StartKind } from './start.ts'

const BITS = { long: 64, protected: 32, real: 16, reset: 16 } as const

/** A machine with 1 MiB of RAM about to execute `source`, which lies at START.program unless it says `org`. */
export function machineWith(
  source: string,
  kind: StartKind = 'long',
  options: Partial<MachineOptions> = {},
): Machine {
  const text = `bits ${BITS[kind]}\n${/\borg\b/.test(source) ? '' : `org ${START.program}\n`}${source}`
  const program = assemble({ files: new Map([['test.asm', text]]), entry: 'test.asm' })
  if (program.diagnostics.length > 0)
    throw new Error(program.diagnostics.map(({ message }) => message).join('\n'))
  const machine = new Machine({ ramBytes: 0x10_0000, ...options })
  machine.start(kind, Number(program.origin))
  machine.load(Number(program.origin), program.bytes)
  return machine
}
