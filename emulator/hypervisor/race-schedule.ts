/**
 * Replays a schedule of a race on a machine: L0 as the host program, but a vCPU whose turn in the schedule it is not takes steps that
 * do nothing. A vCPU's step of the race is what explorer.ts takes for one: a step of L0 with what L2 does after it, until L0 is asked
 * for the next one; or a store of L1, from the RDMSR of EFER before it, which exits to L0, to the next exit.
 */
import type { HostOptions, HostPort, HostProgram } from '../machine/index.ts'
import { EXIT } from '../svm/index.ts'
import { isStore, type Action } from './race-vcpu.ts'
import type { L0 } from './runner.ts'
import { get, signedExitCode } from './vmcb-image.ts'

/** Before a store: the exit at which the vCPU waits for its turn. */
const WAIT = `    mov ecx, 0xc0000080
    rdmsr`

/** 64-bit code of L1 for a vCPU's list of actions; changes rAX, rCX, rDX and R8. L2's VMMCALL is L2's. */
export function racingProgram(actions: readonly Action[]): string {
  const registers = { 1: 'r8b', 2: 'r8w', 4: 'r8d', 8: 'r8' }
  const lines = actions.flatMap((action) => {
    if (action === 'vmmcall') return []
    if (!isStore(action)) return [`    mov rax, ${action.vmrun}`, '    vmrun']
    const { address, bytes, value } = action
    return [`    mov r8, ${value}`, WAIT, `    mov [${address}], ${registers[bytes]}`]
  })
  return [...lines, WAIT].join('\n')
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
    if (this.#running === port.index && this.#isFillingShadow(port)) return true
    if (this.#running === port.index) this.#running = NOBODY
    if (this.#position === this.#schedule.length) return true
    if (this.#running !== NOBODY || this.#schedule[this.#position] !== port.index) return false
    this.#running = port.index
    this.#position++
    return true
  }

  /** L1 is at the VMRUN, or waits before the store, that its actions begin with. L0 has not looked at the exit yet. */
  #isAtStart(port: HostPort): boolean {
    const { started, nested } = this.l0.state(port.index)
    if (!started || nested.guestMode) return false
    const image = this.#vmcbThatRan(port)
    const isRead = get(image, 'control.exit_info_1') === 0n
    const code = signedExitCode(image)
    return code === EXIT.VMRUN || (code === EXIT.MSR && isRead)
  }

  /** L2 needs a page of the shadow that is not there yet: a part of its running. */
  #isFillingShadow(port: HostPort): boolean {
    const { guestMode } = this.l0.state(port.index).nested
    return guestMode && signedExitCode(this.#vmcbThatRan(port)) === EXIT.NPF
  }

  #vmcbThatRan(port: HostPort): DataView {
    const { vmcb01, vmcb02 } = this.l0.map.vcpus[port.index]
    const { guestMode } = this.l0.state(port.index).nested
    return new DataView(port.read(guestMode ? vmcb02 : vmcb01, 4096).slice().buffer)
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
