/** The worker's side of the workbench: a lab session behind the calls of protocol.ts. Nothing in it knows that it is in a worker. */
import type { L0Event } from '../../../emulator/hypervisor/index.ts'
import {
  exportCommands,
  exportImage,
  ImageSession,
  LabSession,
  type ScenarioResult,
  type Build,
} from '../../../emulator/lab/index.ts'
import { SavedStateError, type EventState } from '../../../emulator/machine/index.ts'
import type { StateCacheRecord } from '../../figures/state-cache-data.ts'
import { tlbRecord, type TlbRecord } from '../../figures/tlb-data.ts'
import { lastWorldSwitch, type WorldSwitchRecord } from '../../figures/world-switch-data.ts'
import * as text from '../../strings.ts'
import type {
  Checked,
  Edit,
  ExecutionCounts,
  Exported,
  LabPayload,
  Listing,
  PlacedAccess,
  RaceView,
  Progress,
  ReaderStop,
  ResetResult,
  ResolvedStop,
  Restored,
  RunRequest,
  RunView,
  Texts,
  Timeline,
  TriptychView,
  WalkRequest,
  WalkResult,
  Workbench,
} from '../protocol.ts'
import { createBench, type Bench } from './bench.ts'
import { describeBuild } from './build-report.ts'
import { recentAccesses, stateCacheOf, walkOf } from './figures.ts'
import { listingOf } from './listing.ts'
import { countExecutions, whenWritten } from './replay.ts'
import { goToFirstIteration, runBackTo, runTo, type RunControl } from './runs.ts'
import { StateService } from './state.ts'
import { applyStops, hearExitsOfL1 } from './stops.ts'
import { consoleOf, viewOf } from './views.ts'

function toMap(texts: Texts): Map<string, string> {
  return new Map(Object.entries(texts))
}

/** Made from the same texts. */
function isSameBuild(a: Build | undefined, b: Build): boolean {
  return a !== undefined && [...b.files].every(([name, text]) => a.files.get(name) === text)
}

export class WorkbenchService extends StateService implements Workbench {
  #bench: Bench | undefined
  #control: RunControl | undefined

  /** A lab without L0 is open at once. */
  async open({ lab, image }: LabPayload): Promise<void> {
    // Few labs need L0, and it is large.
    const options =
      lab.machine.l0 === undefined
        ? {}
        : { hypervisor: await import('../../../emulator/hypervisor/index.ts') }
    this.#bench = createBench(
      image === undefined ? new LabSession(lab, options) : new ImageSession(lab, image, options),
    )
    hearExitsOfL1(this.#bench)
  }

  protected override opened(): Bench {
    if (this.#bench === undefined) throw new Error('open() comes first')
    return this.#bench
  }

  check(texts: Texts): Checked {
    const { session } = this.opened()
    return describeBuild(session, session.build(toMap(texts)))
  }

  reset(texts: Texts): ResetResult {
    const bench = this.opened()
    const built = bench.session.build(toMap(texts))
    const checked = describeBuild(bench.session, built)
    if (!built.usable) return { checked, view: undefined }
    bench.session.reset(built)
    bench.hasGuessed &&= isSameBuild(bench.build, built)
    bench.build = built
    bench.replay = undefined
    bench.timeline.clear()
    applyStops(bench)
    return { checked, view: this.#view(bench) }
  }

  /** The view after an action; `stop` is what it met. */
  #view(bench: Bench): RunView {
    bench.timeline.follow(bench.session.machine)
    const view = viewOf(bench)
    bench.stop = undefined
    return view
  }

  /** What stop() ends, from now on. */
  protected override controlOf(bench: Bench, progress: Progress): RunControl {
    this.#control = {
      stopRequested: false,
      progress: (paced: boolean) =>
        progress(bench.session.machine.instructions, paced ? viewOf(bench) : undefined, consoleOf(bench)),
    }
    return this.#control
  }

  async #controlled(progress: Progress, act: (control: RunControl) => Promise<void>): Promise<RunView> {
    const bench = this.opened()
    await act(this.controlOf(bench, progress))
    return this.#view(bench)
  }

  run(request: RunRequest, progress: Progress): Promise<RunView> {
    return this.#controlled(progress, (control) => runTo(this.opened(), request, control))
  }

  runBack(to: 'stop' | 'exit'): Promise<RunView> {
    const { timeline, session } = this.opened()
    timeline.keep(session.machine)
    return this.#controlled(
      () => undefined,
      (control) => runBackTo(this.opened(), to, control),
    )
  }

  stop(): void {
    if (this.#control !== undefined) this.#control.stopRequested = true
  }

  step(): RunView {
    const bench = this.opened()
    bench.session.step()
    return this.#view(bench)
  }

  stepBack(): RunView {
    const bench = this.opened()
    const { instructions } = bench.session.machine
    if (instructions > 0) {
      bench.timeline.keep(bench.session.machine)
      bench.session.goTo(instructions - 1)
      goToFirstIteration(bench)
    }
    return this.#view(bench)
  }

  goTo(instructions: number): RunView {
    const bench = this.opened()
    bench.timeline.keep(bench.session.machine)
    bench.session.goTo(instructions)
    return this.#view(bench)
  }

  setStops(stops: readonly ReaderStop[]): readonly ResolvedStop[] {
    const bench = this.opened()
    bench.stops = stops
    return applyStops(bench)
  }

  edit(edit: Edit): RunView {
    const bench = this.opened()
    const { machine } = bench.session
    switch (edit.kind) {
      case 'memory':
        machine.writeMemory(edit.address, edit.bytes)
        bench.timeline.edit(machine, edit.label, machine.processor)
        break
      case 'register':
        machine.writeRegister(edit.name, edit.value, edit.processor)
        bench.timeline.edit(machine, edit.name, edit.processor)
        break
      case 'serial':
        machine.sendSerial(new TextEncoder().encode(edit.text))
        bench.timeline.edit(machine, text.consoleInput(JSON.stringify(edit.text)), machine.processor)
        break
    }
    return this.#view(bench)
  }

  timeline(): Timeline {
    const { timeline, session } = this.opened()
    return timeline.read(session.machine)
  }

  listing(first: number | undefined, length: number): Listing {
    return listingOf(this.opened(), first, length)
  }

  countExecutions(progress: Progress): Promise<ExecutionCounts> {
    const bench = this.opened()
    return countExecutions(bench, this.controlOf(bench, progress))
  }

  whenWritten(address: number, length: number): Promise<number | undefined> {
    const bench = this.opened()
    return whenWritten(
      bench,
      address,
      length,
      this.controlOf(bench, () => undefined),
    )
  }

  reveal(): RunView {
    const bench = this.opened()
    bench.hasGuessed = true
    return this.#view(bench)
  }

  exportImage(texts: Texts, file: string): Exported {
    const { session } = this.opened()
    const result = exportImage(session.lab, session.build(toMap(texts)))
    if (!result.ok) return { ok: false, message: result.reason }
    return { ok: true, image: result.image, commands: exportCommands(session.lab, file, result.memory) }
  }

  saveState(): Uint8Array<ArrayBuffer> {
    return this.opened().session.machine.save() as Uint8Array<ArrayBuffer>
  }

  restoreState(state: Uint8Array): Restored {
    const bench = this.opened()
    try {
      bench.session.restore(state)
    } catch (error) {
      if (error instanceof SavedStateError) return { ok: false, message: error.message }
      throw error
    }
    bench.timeline.clear()
    return { ok: true, view: this.#view(bench) }
  }

  walk(request: WalkRequest): WalkResult {
    return walkOf(this.opened(), request)
  }

  recentAccesses(processor: number): readonly PlacedAccess[] {
    return recentAccesses(this.opened(), processor)
  }

  tlb(processor: number): TlbRecord {
    return tlbRecord(this.opened().session.machine, processor)
  }

  worldSwitch(processor: number): WorldSwitchRecord | undefined {
    return lastWorldSwitch(this.opened().session.machine, processor)
  }

  stateCache(vmcb: number, processor: number): StateCacheRecord {
    return stateCacheOf(this.opened(), vmcb, processor)
  }

  pendingEvents(processor: number): EventState {
    return this.opened().session.machine.pendingEvents(processor)
  }

  l0Events(): readonly L0Event[] {
    return this.opened().session.l0?.events ?? []
  }

  async triptych(processor: number): Promise<TriptychView> {
    return (await import('./nested.ts')).triptychOf(this.opened(), processor)
  }

  async races(): Promise<readonly RaceView[]> {
    return (await import('./nested.ts')).racesOf(this.opened())
  }

  async replayRace(id: string, finding: number): Promise<RunView> {
    const bench = this.opened()
    ;(await import('./nested.ts')).replayRace(bench, id, finding)
    applyStops(bench)
    return this.#view(bench)
  }

  scenarios(): readonly ScenarioResult[] {
    return this.opened().session.scenarios()
  }

  digest(): string {
    return this.opened().session.machine.digest()
  }
}
