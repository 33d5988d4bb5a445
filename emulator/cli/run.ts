/** `world-switch run`: assembles a program, runs it, and prints every #VMEXIT. */
import { basename } from 'node:path'
import { build, exitFacts, formatDiagnostic, hex, type Build } from '../lab/index.ts'
import type { L0 } from '../hypervisor/index.ts'
import {
  describeRunResult,
  Machine,
  MOST_CPUS,
  STATE_CACHE_POLICIES,
  type MachineEvent,
  type RunResult,
  type StartKind,
  type StateCachePolicy,
} from '../machine/index.ts'
import { explainExit } from '../svm/index.ts'
import {
  formatJson,
  oneOf,
  parseArguments,
  STATUS,
  UsageError,
  wholeNumber,
  type Command,
} from './command.ts'
import { readProgram, readText } from './files.ts'
import { l0Arguments, L0_HELP, L0_OPTIONS, processorOptions, type L0Arguments } from './l0.ts'
import { describeL0Event, printEvents, traceKinds, type TraceKind } from './trace.ts'

const MIB = 0x10_0000

const help = `Usage: world-switch run FILE.asm [options]

Assembles a program, runs it from the symbol "start" (else its first byte) and prints
every #VMEXIT with its reason.

  --vmcb FILE[@SYMBOL]     a VMCB text, placed at SYMBOL (default "vmcb"); may be repeated
  --start STATE            long (default), protected, real or reset
  --memory MIB             RAM, 4 to 256 (default 16)
  --cpus N                 processors, 1 to 8 (default 1); the others wait for STARTUP
  --seed N                 chooses random numbers and how long processors' turns are (default 0)
  --max-instructions N     end the run after N instructions (default 10000000)
  --state-cache POLICY     what VMRUN makes of clean bits: lazy (default), aggressive, random
  --caches                 caches and write combining, a framebuffer, a bus master
  --strict                 what the manual leaves undefined holds a pattern; reading it is told
${L0_HELP}  --trace KINDS            print events as they happen: all, or some of instruction, access,
                           walk, tlb, intercept, check, world-switch, event, bus, l0
  --json                   one JSON object instead of text

Exit status: 0 the run ended by itself, 1 the texts have errors, 2 bad arguments,
4 a file cannot be read, 124 the instructions are used up, 126 shutdown
`

const STATUS_OF: Partial<Record<RunResult['reason'], number>> = { budget: 124, shutdown: 126 }

interface RunArguments {
  readonly program: string
  readonly vmcbs: readonly { readonly path: string; readonly symbol: string }[]
  readonly start: StartKind
  readonly ramBytes: number
  readonly cpus: number
  readonly seed: number
  readonly maxInstructions: number
  readonly stateCache: StateCachePolicy
  readonly caches: boolean
  readonly strict: boolean
  readonly l0: L0Arguments | undefined
  readonly trace: readonly TraceKind[]
  readonly json: boolean
}

function readArguments(args: string[]): RunArguments {
  const { values, positionals } = parseArguments({
    args,
    allowPositionals: true,
    options: {
      vmcb: { type: 'string', multiple: true, default: [] },
      start: { type: 'string', default: 'long' },
      memory: { type: 'string', default: '16' },
      cpus: { type: 'string', default: '1' },
      seed: { type: 'string', default: '0' },
      'max-instructions': { type: 'string', default: '10000000' },
      'state-cache': { type: 'string', default: 'lazy' },
      caches: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      ...L0_OPTIONS,
      trace: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  if (positionals.length !== 1) throw new UsageError('one FILE.asm is expected')
  return {
    program: positionals[0],
    vmcbs: values.vmcb.map((argument) => {
      const [path, symbol = 'vmcb'] = argument.split('@')
      return { path, symbol }
    }),
    start: oneOf('--start', values.start, ['long', 'protected', 'real', 'reset']),
    ramBytes: wholeNumber('--memory', values.memory, 4, 256) * MIB,
    cpus: wholeNumber('--cpus', values.cpus, 1, MOST_CPUS),
    seed: wholeNumber('--seed', values.seed, 0, 0xffff_ffff),
    maxInstructions: wholeNumber(
      '--max-instructions',
      values['max-instructions'],
      1,
      Number.MAX_SAFE_INTEGER,
    ),
    stateCache: oneOf('--state-cache', values['state-cache'], STATE_CACHE_POLICIES),
    caches: values.caches,
    strict: values.strict,
    l0: l0Arguments(values),
    trace: values.trace === undefined ? [] : traceKinds(values.trace),
    json: values.json,
  }
}

function buildFiles({ program, vmcbs, start, ramBytes }: RunArguments): Build {
  const { name, files } = readProgram(program)
  for (const { path } of vmcbs) files.set(basename(path), readText(path))
  return build({
    files,
    program: name,
    vmcbs: vmcbs.map(({ path, symbol }) => ({ name: basename(path), symbol })),
    start,
    ramBytes,
  })
}

/** The exits as text: one line each, with what the exit's fields say below it. */
function printExits(events: readonly MachineEvent[], cpus: number): void {
  for (const event of events) {
    if (event.kind !== 'vmexit') continue
    const { name, details, checks } = explainExit(event)
    const processor = cpus > 1 ? `processor ${event.processor}  ` : ''
    process.stdout.write(
      `${String(event.instructions).padStart(8)}  ${processor}#VMEXIT(${name})  rIP ${hex(event.rip)}  VMCB ${hex(BigInt(event.vmcb))}\n`,
    )
    for (const detail of details) process.stdout.write(`          ${detail}\n`)
    for (const check of checks) {
      process.stdout.write(
        `          ${check.field} = ${hex(check.value)}: ${check.explanation} (${check.section})\n`,
      )
    }
  }
}

/** Below the processor's exits those that L1 sees, and what L0 decided. */
function printNested(l0: L0 | undefined): void {
  const events = (l0?.events ?? []).filter(({ kind }) => kind !== 'look')
  for (const event of events) process.stdout.write(`${describeL0Event(event)}\n`)
}

/** What a strict machine saw the program rely on. */
function printUndefined(events: readonly MachineEvent[]): void {
  for (const event of events)
    if (event.kind === 'relied-on-undefined')
      process.stdout.write(
        `${String(event.instructions).padStart(8)}  reads ${event.field ?? 'memory'} at ${hex(BigInt(event.address))}, which the manual leaves undefined\n`,
      )
}

function toJson(machine: Machine, l0: L0 | undefined, result: RunResult): string {
  const report = {
    reason: result.reason,
    ending: describeRunResult(result),
    instructions: machine.instructions,
    exits: exitFacts(machine.events.since()),
    ...(l0 === undefined ? {} : { l0: l0.events }),
    console: String.fromCharCode(...machine.serial.since().slice(-65536)),
    digest: machine.digest(),
  }
  return `${formatJson(report)}\n`
}

function run(args: string[]): number {
  const wanted = readArguments(args)
  const built = buildFiles(wanted)
  for (const diagnostic of built.diagnostics)
    process.stderr.write(`${diagnostic.severity}: ${formatDiagnostic(diagnostic)}\n`)
  if (!built.usable) return 1
  const processor = processorOptions(wanted.l0, wanted.ramBytes, wanted.cpus)
  const machine = new Machine({
    ramBytes: wanted.ramBytes,
    cpus: wanted.cpus,
    seed: wanted.seed,
    stateCache: wanted.stateCache,
    caches: wanted.caches,
    strict: wanted.strict,
    history: false,
    ...processor.options,
  })
  machine.start(wanted.start, built.entry)
  machine.load(Number(built.program.origin), built.program.bytes)
  for (const { address, text } of built.vmcbs) machine.load(address, text.image)
  printEvents(machine, processor.l0(), wanted.trace, (line) => process.stdout.write(`${line}\n`))
  const result = machine.run(wanted.maxInstructions)
  if (wanted.json) process.stdout.write(toJson(machine, processor.l0(), result))
  else {
    const dropped = machine.events.dropped
    if (dropped > 0) process.stdout.write(`(${dropped} older events are not shown)\n`)
    printExits(machine.events.since(), wanted.cpus)
    if (!wanted.trace.includes('l0')) printNested(processor.l0())
    printUndefined(machine.events.since())
    const console = String.fromCharCode(...machine.serial.since().slice(-65536))
    if (console !== '') process.stdout.write(`console:\n${console}\n`)
    process.stdout.write(`${describeRunResult(result)}, after ${machine.instructions} instructions\n`)
  }
  return STATUS_OF[result.reason] ?? STATUS.ok
}

export const runCommand: Command = {
  name: 'run',
  summary: 'assemble and run a program, print its exits',
  help,
  run,
}
