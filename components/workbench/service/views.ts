/** What the page is shown of a run. */
import { judgePredictions, type Build, type Lab } from '../../../emulator/lab/index.ts'
import type { CpuState, MachineEvent } from '../../../emulator/machine/index.ts'
import { CLEAN_BITS, explainExit, type CleanGroup } from '../../../emulator/svm/index.ts'
import type { ExitView, RunView } from '../protocol.ts'
import type { Bench } from './bench.ts'

/** What a view carries: the page shows no more, and copying more would cost at every step. */
const SHOWN_EXITS = 200
const SHOWN_CONSOLE = 4096

/** The machine and the run as they are now. */
export function viewOf(bench: Bench): RunView {
  const { session, build, stop } = bench
  const { machine } = session
  const { processor } = machine
  const cpus = Array.from({ length: machine.processors }, (_, index) => machine.inspect(index))
  const cpu = cpus[processor]
  return {
    instructions: machine.instructions,
    cpus,
    processor,
    cpu,
    line: currentLine(build, cpu),
    exits: exitViews(bench),
    vmcbs: (build?.vmcbs ?? []).map(({ name, address: at, text }) => ({
      name,
      address: at,
      image: machine.readMemory(at, 4096),
      initial: text.image,
    })),
    console: String.fromCharCode(...machine.serial.since().slice(-SHOWN_CONSOLE)),
    ending: session.ending,
    stop,
    goals: session.goals(),
    predictions:
      session.ending === undefined || session.lab.predict.length === 0
        ? []
        : judgePredictions(session.lab, session.outcome()),
  }
}

/** The line of the next instruction; of a processor that has halted, that of the HLT that it is still at. */
function currentLine(build: Build | undefined, cpu: CpuState): RunView['line'] {
  const address = cpu.segments.cs.base + cpu.rip
  const found = build?.program.lines.find(({ kind, address: begin, length }) => {
    if (kind !== 'instruction') return false
    return cpu.activity === 'running' ? begin === address : begin + BigInt(length) === address
  })
  return found && { file: found.file, line: found.line }
}

/** Whether the lab wants the reader to find out which checks failed. */
export function keepsBack({ reveal }: Lab, hasGuessed: boolean): boolean {
  return reveal === 'never' || (reveal === 'after-guess' && !hasGuessed)
}

/** The newest exits, without the names of failed checks where the lab keeps them back. */
function exitViews({ session: { machine, lab }, hasGuessed }: Bench): ExitView[] {
  /** By processor: what its last VMRUN took from the state cache. */
  const fromCache = new Map<number, readonly CleanGroup[]>()
  const exits: { event: Extract<MachineEvent, { kind: 'vmexit' }>; groups: readonly CleanGroup[] }[] = []
  for (const event of machine.events.since()) {
    if (event.kind === 'vmrun') fromCache.set(event.processor, event.fromCache)
    if (event.kind === 'vmexit') exits.push({ event, groups: fromCache.get(event.processor) ?? [] })
  }
  const isKeptBack = keepsBack(lab, hasGuessed)
  const hidden = Math.max(0, exits.length - SHOWN_EXITS)
  return exits.slice(hidden).map(({ event, groups }, index) => ({
    fromCache: groups.map(cleanBitName),
    number: hidden + index + 1,
    instructions: event.instructions,
    vmcb: event.vmcb,
    rip: event.rip,
    explanation: explainExit(isKeptBack ? { ...event, failedChecks: [] } : event),
    isKeptBack: isKeptBack && event.failedChecks.length > 0,
  }))
}

function cleanBitName(group: CleanGroup): string {
  return CLEAN_BITS.bits.find(({ key }) => key === group)!.name
}
