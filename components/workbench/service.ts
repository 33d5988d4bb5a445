/** The worker's side of the workbench: a lab session behind the calls of protocol.ts. Nothing in it knows that it is in a worker. */
import { LabSession, parseLab, type Build, type Diagnostic, type Lab } from '../../emulator/lab/index.ts'
import { explainExit, failedChecks, findCheck, imageView, modelFacts } from '../../emulator/svm/index.ts'
import { createCpuModel } from '../../emulator/machine/index.ts'
import type { Checked, ExitView, LabPayload, Opened, RunView, Texts, Workbench } from './protocol.ts'

/** A slice of a run takes about this long, so that Stop is heard in between. Milliseconds. */
const SLICE_TIME = 8
const FIRST_SLICE = 20_000
const LARGEST_SLICE = 20_000_000
const PROGRESS_INTERVAL = 150

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

export class WorkbenchService implements Workbench {
  #session: LabSession | undefined
  #build: Build | undefined
  #stopRequested = false

  open({ slug, files }: LabPayload): Opened {
    const { lab, start, solution, diagnostics } = parseLab(slug, toMap(files))
    if (lab === undefined) return { ok: false, diagnostics }
    this.#session = new LabSession(lab)
    return { ok: true, lab, start: Object.fromEntries(start), solution: Object.fromEntries(solution) }
  }

  #opened(): LabSession {
    if (this.#session === undefined) throw new Error('open() comes first')
    return this.#session
  }

  check(texts: Texts): Checked {
    const session = this.#opened()
    return describeBuild(session.lab, session.build(toMap(texts)))
  }

  reset(texts: Texts): { checked: Checked; view: RunView | undefined } {
    const session = this.#opened()
    const built = session.build(toMap(texts))
    const checked = describeBuild(session.lab, built)
    if (!built.usable) return { checked, view: undefined }
    session.reset(built)
    this.#build = built
    return { checked, view: this.#view() }
  }

  async run(progress: (instructions: number) => void): Promise<RunView> {
    const session = this.#opened()
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
    return this.#view()
  }

  stop(): void {
    this.#stopRequested = true
  }

  step(): RunView {
    this.#opened().step()
    return this.#view()
  }

  goTo(instructions: number): RunView {
    this.#opened().goTo(instructions)
    return this.#view()
  }

  digest(): string {
    return this.#opened().machine.digest()
  }

  #view(): RunView {
    const session = this.#opened()
    const { machine, lab } = session
    const cpu = machine.inspect()
    const address = cpu.segments.cs.base + cpu.rip
    const line = this.#build?.program.lines.find(
      (entry) => entry.kind === 'instruction' && entry.address === address,
    )
    return {
      instructions: machine.instructions,
      cpu,
      line: line && { file: line.file, line: line.line },
      exits: exitViews(session),
      forgotten: machine.events.dropped,
      vmcbs: (this.#build?.vmcbs ?? []).map(({ name, address: at, text }) => ({
        name,
        address: at,
        image: machine.readMemory(at, 4096),
        initial: text.image,
      })),
      console: String.fromCharCode(...machine.serial.since().slice(-4096)),
      ending: session.ending,
      goals: lab.goals.length > 0 ? session.goals() : [],
    }
  }
}

/** The exits, without the names of failed checks where the lab wants the reader to find them. */
function exitViews({ machine, lab }: LabSession): ExitView[] {
  return machine.events.since().flatMap((event) => {
    if (event.kind !== 'vmexit') return []
    const shown = lab.reveal === 'never' ? { ...event, failedChecks: [] } : event
    return [
      { instructions: event.instructions, vmcb: event.vmcb, rip: event.rip, explanation: explainExit(shown) },
    ]
  })
}

function describeBuild(lab: Lab, built: Build): Checked {
  const warnings = lab.reveal === 'live' && built.usable ? predictedFailures(lab, built) : []
  return {
    usable: built.usable,
    diagnostics: [...built.diagnostics, ...warnings],
    symbols: built.program.symbols,
  }
}

/** A warning for each consistency check that a VMCB would fail as its text stands; code may still repair or break it. */
function predictedFailures(lab: Lab, built: Build): Diagnostic[] {
  const facts = modelFacts(createCpuModel(lab.machine.cpu))
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
        message: `VMRUN will fail with VMEXIT_INVALID: ${check?.explanation ?? failed.id}`,
        hint: check?.section ?? '',
      }
    }),
  )
}
