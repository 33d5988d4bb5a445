/** `world-switch boot`: runs a multiboot kernel with its serial port on standard output. */
import { basename } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import {
  createCpuModel,
  describeRunResult,
  ImageError,
  Machine,
  MOST_CPUS,
  type RunResult,
} from '../machine/index.ts'
import {
  InputError,
  oneOf,
  parseArguments,
  readInput,
  UsageError,
  wholeNumber,
  type Command,
} from './command.ts'
import { l0Arguments, L0_HELP, L0_OPTIONS, processorOptions, type L0Arguments } from './l0.ts'

/** Exit statuses of runs that the guest does not end itself; even, because `code * 2 + 1` is odd. */
const ENDED = { budget: 124, shutdown: 126, halted: 122 } as const

const MIB = 0x10_0000
const DEFAULT_MEMORY = '128'

/** Serial output is passed on after at most so many instructions. */
const SLICE = 100_000

const help = `Usage: world-switch boot KERNEL [options]

Runs a multiboot 1 kernel (ELF32). What it sends to the serial port at 3F8h goes to
standard output.

  --append TEXT            the kernel's command line, after its name
  --module FILE            a module; may be given several times
  --memory MIB             RAM, 2 to 3072 (default ${DEFAULT_MEMORY})
  --cpus N                 processors, 1 to 8 (default 1)
  --max-instructions N     end the run after N instructions, those of all processors
  --cpu NAME[,+F][,-F]     CPU model (default: default), with features F added or taken away
  --seed N                 chooses random numbers and how long processors' turns are (default 0)
${L0_HELP}  --executor NAME          compile (default) or evaluate
  --stats                  figures on standard error at the end

Exit status:
  code * 2 + 1             the kernel wrote code to port F4h (modulo 256)
  ${ENDED.budget}                      the instructions of --max-instructions are used up
  ${ENDED.shutdown}                      shutdown (triple fault)
  ${ENDED.halted}                      HLT that nothing can wake
  2                        the arguments make no sense
  4                        a file cannot be read or loaded
`

interface BootArguments {
  readonly kernel: string
  readonly append: string | undefined
  readonly modules: readonly string[]
  readonly ramBytes: number
  readonly cpus: number
  readonly seed: number
  readonly maxInstructions: number
  readonly cpu: string
  readonly l0: L0Arguments | undefined
  readonly executor: 'compile' | 'evaluate'
  readonly stats: boolean
}

function readArguments(args: string[]): BootArguments {
  const { values, positionals } = parseArguments({
    args,
    allowPositionals: true,
    options: {
      append: { type: 'string' },
      module: { type: 'string', multiple: true, default: [] },
      memory: { type: 'string', default: DEFAULT_MEMORY },
      cpus: { type: 'string', default: '1' },
      seed: { type: 'string', default: '0' },
      'max-instructions': { type: 'string' },
      cpu: { type: 'string', default: 'default' },
      ...L0_OPTIONS,
      executor: { type: 'string', default: 'compile' },
      stats: { type: 'boolean', default: false },
    },
  })
  if (positionals.length === 0) throw new UsageError('KERNEL is missing')
  if (positionals.length > 1) throw new UsageError(`unexpected argument "${positionals[1]}" after KERNEL`)
  const limit = values['max-instructions']
  return {
    kernel: positionals[0],
    append: values.append,
    modules: values.module,
    ramBytes: wholeNumber('--memory', values.memory, 2, 3072) * MIB,
    cpus: wholeNumber('--cpus', values.cpus, 1, MOST_CPUS),
    seed: wholeNumber('--seed', values.seed, 0, 0xffff_ffff),
    maxInstructions:
      limit === undefined ? Infinity : wholeNumber('--max-instructions', limit, 1, Number.MAX_SAFE_INTEGER),
    cpu: cpuModel(values.cpu),
    l0: l0Arguments(values),
    executor: oneOf('--executor', values.executor, ['compile', 'evaluate']),
    stats: values.stats,
  }
}

/** The name, once it is known to be one. */
function cpuModel(name: string): string {
  try {
    return createCpuModel(name).name
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`--cpu: ${error.message}`)
    throw error
  }
}

function commandLine(path: string, append: string | undefined): string {
  return append === undefined ? basename(path) : `${basename(path)} ${append}`
}

function load(machine: Machine, { kernel, append, modules }: BootArguments): void {
  const image = {
    kernel: readInput(kernel),
    commandLine: commandLine(kernel, append),
    modules: modules.map((path) => ({ commandLine: basename(path), bytes: readInput(path) })),
  }
  try {
    machine.boot(image)
  } catch (error) {
    if (error instanceof ImageError) throw new InputError(`${kernel}: ${error.message}`)
    throw error
  }
}

function statusOf(result: RunResult): number {
  switch (result.reason) {
    case 'debug-exit':
      return (result.code * 2 + 1) % 256
    case 'shutdown':
      return ENDED.shutdown
    case 'halted-forever':
      return ENDED.halted
    default:
      return ENDED.budget
  }
}

/** Runs in slices, so that output appears as it comes and a reader who has gone away is noticed. */
async function runToEnd(machine: Machine, maxInstructions: number, sent: number[]): Promise<RunResult> {
  for (;;) {
    const result = machine.run(Math.min(SLICE, maxInstructions - machine.instructions))
    if (sent.length > 0) process.stdout.write(Uint8Array.from(sent.splice(0)))
    if (result.reason !== 'budget') return result
    if (machine.instructions >= maxInstructions) return { ...result, instructions: machine.instructions }
    await setImmediate()
  }
}

function printStatistics(machine: Machine, milliseconds: number): void {
  const seconds = milliseconds / 1000
  const { instructions } = machine
  const mips = instructions / milliseconds / 1000
  const { compiled, evaluated } = machine.statistics()
  const share = (compiled / Math.max(1, compiled + evaluated)) * 100
  process.stderr.write(
    `\n${instructions} instructions in ${seconds.toFixed(3)} s: ${mips.toFixed(1)} MIPS, ` +
      `${share.toFixed(2)} % of them in compiled code\n`,
  )
}

async function run(args: string[]): Promise<number> {
  const options = readArguments(args)
  const sent: number[] = []
  const machine = new Machine({
    ramBytes: options.ramBytes,
    executor: options.executor,
    cpus: options.cpus,
    ...processorOptions(options.l0, options.ramBytes, options.cpus, options.cpu).options,
    seed: options.seed,
    history: false,
    onSerial: (byte) => sent.push(byte),
  })
  load(machine, options)
  process.stdout.on('error', () => process.exit(0))
  const start = performance.now()
  const result = await runToEnd(machine, options.maxInstructions, sent)
  if (options.stats) printStatistics(machine, performance.now() - start)
  if (result.reason !== 'debug-exit')
    process.stderr.write(`world-switch boot: ${describeRunResult(result)}\n`)
  return statusOf(result)
}

export const boot: Command = { name: 'boot', summary: 'run a multiboot kernel', help, run }
