/** The worker's side of the workbench: a lab session behind the calls of protocol.ts. Nothing in it knows that it is in a worker. */
import { evaluateValue, LabSession, parseLab, type Build, type Diagnostic } from '../../emulator/lab/index.ts'
import { createCpuModel, type CpuState, type MachineEvent } from '../../emulator/machine/index.ts'
import {
  CLEAN_BITS,
  type CleanGroup,
  explainExit,
  failedChecks,
  findCheck,
  imageView,
  modelFacts,
} from '../../emulator/svm/index.ts'
import type {
  Checked,
  ExitView,
  LabPayload,
  MemoryView,
  Opened,
  ResetResult,
  RunView,
  Texts,
  Workbench,
} from './protocol.ts'

/** A slice of a run takes about this long, so that Stop is heard in between. Milliseconds. */
const SLICE_TIME = 8
const FIRST_SLICE = 20_000
const LARGEST_SLICE = 20_000_000
const PROGRESS_INTERVAL = 150

/** What a view carries: the page shows no more, and copying more would cost at every step. */
const SHOWN_EXITS = 200
const SHOWN_CONSOLE = 4096

/** Lets the worker handle messages, without the delay that timers have. */
function afterMessages(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}

function toMap(texts: Texts): Map<string, string> {
  return new Map(Object.entries(texts))
}

/** A lab and its machine; `build` is what the machine was started with. */
interface Bench {
  readonly session: LabSession
  build: Build | undefined
}

export class WorkbenchService implements Workbench {
  #bench: Bench | undefined
  #stopRequested = false

  open({ slug, files }: LabPayload): Opened {
    const { lab, start, solution, diagnostics } = parseLab(slug, toMap(files))
    if (lab === undefined) return { ok: false, diagnostics }
    this.#bench = { session: new LabSession(lab), build: undefined }
    return { ok: true, lab, start: Object.fromEntries(start), solution: Object.fromEntries(solution) }
  }

  #opened(): Bench {
    if (this.#bench === undefined) throw new Error('open() comes first')
    return this.#bench
  }

  check(texts: Texts): Checked {
    const { session } = this.#opened()
    return describeBuild(session, session.build(toMap(texts)))
  }

  reset(texts: Texts): ResetResult {
    const bench = this.#opened()
    const built = bench.session.build(toMap(texts))
    const checked = describeBuild(bench.session, built)
    if (!built.usable) return { checked, view: undefined }
    bench.session.reset(built)
    bench.build = built
    return { checked, view: viewOf(bench) }
  }

  async run(progress: (instructions: number) => void): Promise<RunView> {
    const bench = this.#opened()
    const { session } = bench
    this.#stopRequested = false
    let slice = FIRST_SLICE
    let reported = performance.now()
    while (!this.#stopRequested && session.ending === undefined) {
      const started = performance.now()
      session.run(slice)
      const now = performance.now()
      // Aim at SLICE_TIME, but never more than double: one cheap slice says little about the next.
      const factor = Math.min(2, SLICE_TIME / Math.max(now - started, 0.1))
      slice = Math.max(1000, Math.min(LARGEST_SLICE, Math.round(slice * factor)))
      if (now - reported > PROGRESS_INTERVAL) {
        reported = now
        progress(session.machine.instructions)
      }
      await afterMessages()
    }
    return viewOf(bench)
  }

  stop(): void {
    this.#stopRequested = true
  }

  step(): RunView {
    const bench = this.#opened()
    bench.session.step()
    return viewOf(bench)
  }

  stepBack(): RunView {
    const bench = this.#opened()
    const { session } = bench
    const { instructions } = session.machine
    if (instructions > 0) {
      session.goTo(instructions - 1)
      goToFirstIteration(session)
    }
    return viewOf(bench)
  }

  memory(expression: string, length: number): MemoryView {
    const { session, build } = this.#opened()
    const result = evaluateValue(expression, build?.program.symbols ?? new Map())
    if (!result.ok) return { ok: false, message: result.message }
    const ram = session.lab.machine.memory * 0x10_0000
    if (result.value < 0n || result.value >= BigInt(ram))
      return { ok: false, message: `RAM ends before ${ram.toString(16).toUpperCase()}h` }
    const address = Number(result.value)
    return { ok: true, address, bytes: session.machine.readMemory(address, length) }
  }

  digest(): string {
    return this.#opened().session.machine.digest()
  }
}

/**
 * From an iteration of a REP instruction to its first one: the earliest count from which rIP stood still while rCX counted
 * down to the present. Searched with growing steps and then by halves, because each look replays from a snapshot.
 */
function goToFirstIteration(session: LabSession): void {
  const { machine } = session
  const last = machine.instructions
  const { rip, general } = machine.inspect()
  const isSameInstruction = (count: number): boolean => {
    session.goTo(count)
    const earlier = machine.inspect()
    // CX, ECX or RCX counts, by the address size; the low 16 bits do in each case.
    const counted = (earlier.general.rcx - general.rcx - BigInt(last - count)) & 0xffffn
    return earlier.rip === rip && counted === 0n
  }
  let first = last
  let distance = 1
  while (first > 0 && isSameInstruction(Math.max(0, last - distance))) {
    first = Math.max(0, last - distance)
    distance *= 2
  }
  let other = first === 0 ? -1 : Math.max(0, last - distance)
  while (first - other > 1) {
    const middle = (first + other) >> 1
    if (isSameInstruction(middle)) first = middle
    else other = middle
  }
  session.goTo(first)
}

function viewOf({ session, build }: Bench): RunView {
  const { machine } = session
  const cpu = machine.inspect()
  return {
    instructions: machine.instructions,
    cpu,
    line: currentLine(build, cpu),
    exits: exitViews(session),
    vmcbs: (build?.vmcbs ?? []).map(({ name, address: at, text }) => ({
      name,
      address: at,
      image: machine.readMemory(at, 4096),
      initial: text.image,
    })),
    console: String.fromCharCode(...machine.serial.since().slice(-SHOWN_CONSOLE)),
    ending: session.ending,
    goals: session.goals(),
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

/** The newest exits, without the names of failed checks where the lab wants the reader to find them. */
function exitViews({ machine, lab }: LabSession): ExitView[] {
  /** By processor: what its last VMRUN took from the state cache. */
  const fromCache = new Map<number, readonly CleanGroup[]>()
  const exits: { event: Extract<MachineEvent, { kind: 'vmexit' }>; groups: readonly CleanGroup[] }[] = []
  for (const event of machine.events.since()) {
    if (event.kind === 'vmrun') fromCache.set(event.processor, event.fromCache)
    if (event.kind === 'vmexit') exits.push({ event, groups: fromCache.get(event.processor) ?? [] })
  }
  const hidden = Math.max(0, exits.length - SHOWN_EXITS)
  return exits.slice(hidden).map(({ event, groups }, index) => ({
    fromCache: groups.map(cleanBitName),
    number: hidden + index + 1,
    instructions: event.instructions,
    vmcb: event.vmcb,
    rip: event.rip,
    explanation: explainExit(lab.reveal === 'never' ? { ...event, failedChecks: [] } : event),
  }))
}

function cleanBitName(group: CleanGroup): string {
  return CLEAN_BITS.bits.find(({ key }) => key === group)!.name
}

function describeBuild(session: LabSession, built: Build): Checked {
  const warnings =
    session.lab.reveal === 'live' && built.usable ? predictedFailures(session.lab.machine.cpu, built) : []
  return {
    usable: built.usable,
    diagnostics: [...built.diagnostics, ...warnings],
    symbols: built.program.symbols,
  }
}

/** A warning for each consistency check that a VMCB would fail as its text stands; code may still repair or break it. */
function predictedFailures(cpu: string, built: Build): Diagnostic[] {
  const facts = modelFacts(createCpuModel(cpu))
  return built.vmcbs.flatMap(({ name, text }) =>
    failedChecks(imageView(new DataView(text.image.buffer)), facts).map((failed) => {
      const check = findCheck(failed.id)
      const at = text.assignments.find((assignment) =>
        assignment.fields.some((field) => field.key === failed.field),
      )
      return {
        file: name,
        line: at?.line ?? 1,
        column: at?.nameColumn ?? 1,
        endColumn: at?.endColumn ?? 2,
        severity: 'warning' as const,
        code: failed.id,
        message: `This VMRUN will fail: ${check?.explanation ?? failed.id}`,
        hint: check?.section ?? '',
      }
    }),
  )
}
