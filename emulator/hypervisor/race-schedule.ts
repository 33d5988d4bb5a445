/**
 * Replays a schedule of a race on a machine: L0 as the host program, but a vCPU whose turn in the schedule it is not takes steps that
 * do nothing. A vCPU's step of the race is what explorer.ts takes for one: of vCPU 0 a step of L0, until it is asked for the next
 * one; of another vCPU everything from one RDMSR of EFER, which exits to L0, to the next, with one store in between.
 */
import type { HostOptions, HostPort, HostProgram } from '../machine/index.ts'
import { EXIT } from '../svm/index.ts'
import type { Store } from './race-model.ts'
import type { L0 } from './runner.ts'
import { get, signedExitCode } from './vmcb-image.ts'

/** Before and between stores: the exits at which vCPUs wait. rCX must be EFER's number, C000_0080h. */
const WAIT = '    rdmsr'

/** 64-bit code that takes part in a race as a list of stores; changes rAX, rCX, rDX and R8. */
export function storingProgram(stores: readonly Store[]): string {
  const registers = { 1: 'r8b', 2: 'r8w', 4: 'r8d', 8: 'r8' }
  const lines = stores.map(({ address, bytes, value }) => [
    `    mov r8, ${value}`,
    WAIT,
    `    mov [${address}], ${registers[bytes]}`,
  ])
  return ['    mov ecx, 0xc0000080', ...lines.flat(), WAIT].join('\n')
}

const NOBODY = -1

export class ScheduledL0 implements HostProgram {
  readonly name = 'scheduled hypervisor'
  readonly l0: L0
  readonly #schedule: readonly number[] | undefined
  /** vCPUs that wait for the race to begin, a bit each. */
  #arrived = 0
  readonly #everybody: number
  /** Steps of the schedule that have begun, and whose step has not ended, if any. */
  #position = 0
  #running = NOBODY

  /** Without a schedule the race does not begin. */
  constructor(l0: L0, vcpus: number, schedule?: readonly number[]) {
    this.l0 = l0
    this.#everybody = 2 ** vcpus - 1
    this.#schedule = schedule
  }

  /** All vCPUs are where the race begins. */
  get isReady(): boolean {
    return this.#arrived === this.#everybody
  }

  step(port: HostPort): void {
    if (this.#mayGoOn(port)) this.l0.step(port)
  }

  #mayGoOn(port: HostPort): boolean {
    if (!this.isReady) {
      if (this.#isAtStart(port)) this.#arrived |= 1 << port.index
      return (this.#arrived & (1 << port.index)) === 0
    }
    if (this.#schedule === undefined) return false
    if (this.#running === port.index) this.#running = NOBODY
    if (this.#position === this.#schedule.length) return true
    if (this.#running !== NOBODY || this.#schedule[this.#position] !== port.index) return false
    this.#running = port.index
    this.#position++
    return true
  }

  /** The VMCB's memory tells what has just happened: L0 has not looked at it. */
  #isAtStart(port: HostPort): boolean {
    const { index } = port
    const image = new DataView(port.read(this.l0.map.vcpus[index].vmcb01, 4096).slice().buffer)
    if (!this.l0.state(index).started || this.l0.state(index).nested.guestMode) return false
    const code = signedExitCode(image)
    const isRead = get(image, 'control.exit_info_1') === 0n
    return index === 0 ? code === EXIT.VMRUN : code === EXIT.MSR && isRead
  }

  reset(): void {
    this.#arrived = 0
    this.#position = 0
    this.#running = NOBODY
    this.l0.reset()
  }

  save(): number[] {
    return [this.#arrived, this.#position, this.#running + 1, ...this.l0.save()]
  }

  /** Throws RangeError for a list that save() cannot have given. */
  restore([arrived, position, running, ...words]: readonly number[]): void {
    if (!(position <= (this.#schedule?.length ?? 0))) throw new RangeError('another schedule')
    this.l0.restore(words)
    this.#arrived = arrived
    this.#position = position
    this.#running = running - 1
  }
}

/** The option `host` of a machine whose L0 (createL0()) follows a schedule. */
export function scheduledHost(
  { host, l0 }: { readonly host: HostOptions; readonly l0: () => L0 },
  schedule?: readonly number[],
): { readonly host: HostOptions; readonly scheduled: () => ScheduledL0 } {
  let made: ScheduledL0 | undefined
  return {
    host: {
      ramBytes: host.ramBytes,
      create(ports) {
        host.create(ports)
        return (made = new ScheduledL0(l0(), ports.length, schedule))
      },
    },
    scheduled() {
      if (made === undefined) throw new Error('no machine was made with this host')
      return made
    },
  }
}
