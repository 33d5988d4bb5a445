/** What the page is shown of a run. */
import type { L0, L0Event } from '../../../emulator/hypervisor/index.ts'
import { judgePredictions, type Build, type Lab } from '../../../emulator/lab/index.ts'
import type { CpuState, MachineEvent } from '../../../emulator/machine/index.ts'
import {
  CLEAN_BITS,
  explainExit,
  findCheck,
  type CleanGroup,
  type ExitExplanation,
} from '../../../emulator/svm/index.ts'
import * as text from '../../strings.ts'
import type { ExitView, L0View, RunView } from '../protocol.ts'
import type { Bench } from './bench.ts'

/** What a view carries: the page shows no more, and copying more would cost at every step. */
const SHOWN_EXITS = 200
const SHOWN_CONSOLE = 16_384

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
    console: consoleOf(bench),
    ending: session.ending,
    stop,
    goals: goalsOf(bench),
    predictions:
      session.ending === undefined || session.lab.predict.length === 0
        ? []
        : judgePredictions(session.lab, session.outcome()),
    l0: l0View(bench),
  }
}

/** The newest of what the program sent to the serial port. */
export function consoleOf({ session: { machine } }: Bench): string {
  return String.fromCharCode(...machine.serial.since(machine.serial.total - SHOWN_CONSOLE))
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

/** An exit in words, without the checks that failed where they are kept back. */
export function explainTo(event: VmexitEvent, isKeptBack: boolean): ExitExplanation {
  return explainExit(isKeptBack ? { ...event, failedChecks: [] } : event)
}

/** Races and scenarios take a while: goals that may ask for them are judged when the run is over. */
function goalsOf({ session }: Bench): RunView['goals'] {
  const { goals, races, scenarios } = session.lab
  if (session.ending !== undefined || races.length + scenarios.length === 0) return session.goals()
  return goals.map(({ id, text }) => ({ id, text, met: false, conditions: [] }))
}

function l0View({ session: { l0, machine }, replay }: Bench): L0View | undefined {
  if (l0 === undefined) return undefined
  return {
    worlds: l0.map.vcpus.map(({ vmcb01 }, index) => {
      const { guest } = machine.inspect(index)
      return guest === undefined ? 'L0' : guest.vmcb === vmcb01 ? 'L1' : 'L2'
    }),
    vmcbs: l0.map.vcpus.flatMap(({ vmcb01, vmcb02 }, index) => {
      const named = (vmcb: string): string => (l0.map.vcpus.length === 1 ? vmcb : text.ofVcpu(vmcb, index))
      return [
        { name: named('vmcb01'), address: vmcb01 },
        { name: named('vmcb02'), address: vmcb02 },
      ]
    }),
    replay,
  }
}

type VmexitEvent = Extract<MachineEvent, { kind: 'vmexit' }>

/** The newest exits, without the names of failed checks where the lab keeps them back. */
function exitViews(bench: Bench): ExitView[] {
  const { machine, lab, l0 } = bench.session
  /** By processor: what its last VMRUN took from the state cache. */
  const fromCache = new Map<number, readonly CleanGroup[]>()
  const exits: { event: VmexitEvent; groups: readonly CleanGroup[] }[] = []
  for (const event of machine.events.since()) {
    if (event.kind === 'vmrun') fromCache.set(event.processor, event.fromCache)
    if (event.kind === 'vmexit') exits.push({ event, groups: fromCache.get(event.processor) ?? [] })
  }
  const isKeptBack = keepsBack(lab, bench.hasGuessed)
  const hidden = Math.max(0, exits.length - SHOWN_EXITS)
  const shown = exits.slice(hidden).map(({ event, groups }, index) => ({
    event,
    view: {
      fromCache: groups.map(cleanBitName),
      number: hidden + index + 1,
      instructions: event.instructions,
      vmcb: event.vmcb,
      rip: event.rip,
      explanation: explainTo(event, isKeptBack),
      isKeptBack: isKeptBack && event.failedChecks.length > 0,
    },
  }))
  return l0 === undefined ? shown.map(({ view }) => view) : withExitsOfL1(l0, shown, isKeptBack)
}

interface ShownExit {
  readonly event: VmexitEvent
  readonly view: ExitView
}

/** The processor's exits, which are L0's, each followed by the exit that L0 made of it for L1. */
function withExitsOfL1(l0: L0, shown: readonly ShownExit[], isKeptBack: boolean): ExitView[] {
  const views: ExitView[] = []
  const ofL1 = l0.events.filter((event) => event.kind === 'vmexit')
  let next = 0
  const takeUntil = (processor: number, ownInstructions: number): void => {
    for (; next < ofL1.length; next++) {
      const event = ofL1[next]
      if (event.processor === processor && event.ownInstructions >= ownInstructions) return
      views.push(exitOfL1(event, next + 1, isKeptBack))
    }
  }
  for (const { event, view } of shown) {
    takeUntil(event.processor, event.ownInstructions)
    const from = l0.map.vcpus[event.processor].vmcb01 === event.vmcb ? 'L1' : 'L2'
    views.push({ ...view, nested: { from, to: 'L0' } })
  }
  takeUntil(-1, 0)
  return views
}

function exitOfL1(
  event: Extract<L0Event, { kind: 'vmexit' }>,
  number: number,
  isKeptBack: boolean,
): ExitView {
  const { failedChecks, ownInstructions, vmcb, rip } = event
  const explanation = explainExit({ ...event, instructions: ownInstructions, failedChecks: [] })
  const reasons = failedChecks.map((id) => text.objectionOfL0(findCheck(id)?.explanation ?? id))
  return {
    fromCache: [],
    number,
    instructions: ownInstructions,
    vmcb,
    rip,
    explanation: isKeptBack ? explanation : { ...explanation, details: [...explanation.details, ...reasons] },
    isKeptBack: isKeptBack && failedChecks.length > 0,
    nested: { from: 'L2', to: 'L1' },
  }
}

function cleanBitName(group: CleanGroup): string {
  return CLEAN_BITS.bits.find(({ key }) => key === group)!.name
}
