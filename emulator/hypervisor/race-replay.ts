/**
 * L0 as the host program of a machine on which a race can be replayed: while L0 deals with one VMRUN of vCPU 0, stores of other vCPUs
 * happen between its steps, in the order of a trace of the explorer. They are stores of nobody's code: what a program's own vCPUs
 * do is up to the machine.
 */
import type { HostOptions, HostPort, HostProgram } from '../machine/index.ts'
import { EXIT } from '../svm/index.ts'
import { createL0, type L0Options } from './create.ts'
import type { RaceEvent } from './explorer.ts'
import type { L0 } from './runner.ts'
import { signedExitCode } from './vmcb-image.ts'

/** The race for one VMRUN of vCPU 0. */
export interface RacePlan {
  /** Which of its VMRUNs, from 0. */
  readonly vmrun: number
  /** What happens, in order: steps of L0, and stores between them. Undefined: the machine waits before L0's first step. */
  readonly trace: readonly RaceEvent[] | undefined
}

const VMCB_BYTES = 4096

export class ReplayingL0 implements HostProgram {
  readonly name = 'hypervisor'
  readonly l0: L0
  /** Applies from the machine's next start on. Absent: no race. */
  plan: RacePlan | undefined
  #isWaiting = false
  /** VMRUNs of vCPU 0 that L0 has begun to deal with. */
  #vmruns = 0
  /** Events of the trace that have begun. */
  #position = 0

  constructor(l0: L0) {
    this.l0 = l0
  }

  /** The machine is where the race begins, and waits. */
  get isWaiting(): boolean {
    return this.#isWaiting
  }

  step(port: HostPort): void {
    if (this.#isWaiting) return
    if (this.plan !== undefined && port.index === 0) this.#follow(port, this.plan)
    if (!this.#isWaiting) this.l0.step(port)
  }

  #follow(port: HostPort, { vmrun, trace }: RacePlan): void {
    if (this.#isAtVmrun(port)) this.#vmruns++
    if (this.#vmruns !== vmrun + 1) return
    if (trace === undefined) this.#isWaiting = true
    else this.#storeBefore(port, trace)
  }

  /** The stores that the trace has before L0's next step. */
  #storeBefore(port: HostPort, trace: readonly RaceEvent[]): void {
    for (; this.#position < trace.length; this.#position++) {
      const { side, step, data } = trace[this.#position]
      if (side === 0) break
      port.write(step.writes[0].address, data)
    }
    this.#position++
  }

  /** L1 has executed VMRUN, and L0 has not begun to deal with it. */
  #isAtVmrun(port: HostPort): boolean {
    const { started, nested } = this.l0.state(port.index)
    if (!started || nested.guestMode || this.l0.isInTurn(port.index)) return false
    const image = port.read(this.l0.map.vcpus[port.index].vmcb01, VMCB_BYTES)
    return signedExitCode(new DataView(image.buffer, image.byteOffset)) === EXIT.VMRUN
  }

  reset(): void {
    this.#vmruns = this.#position = 0
    this.#isWaiting = false
    this.l0.reset()
  }

  save(): number[] {
    return [this.#vmruns, this.#position, Number(this.#isWaiting), ...this.l0.save()]
  }

  /** Throws RangeError for a list that save() cannot have given. */
  restore([vmruns, position, isWaiting, ...words]: readonly number[]): void {
    this.l0.restore(words)
    this.#vmruns = vmruns
    this.#position = position
    this.#isWaiting = isWaiting !== 0
  }
}

/** createL0() for a machine on which races can be replayed. */
export function createReplayingL0(
  l1Bytes: number,
  options: L0Options,
): { readonly host: HostOptions; readonly program: () => ReplayingL0 } {
  const { host, l0 } = createL0(l1Bytes, options)
  let made: ReplayingL0 | undefined
  return {
    host: {
      ramBytes: host.ramBytes,
      create(ports) {
        host.create(ports)
        return (made = new ReplayingL0(l0()))
      },
    },
    program() {
      if (made === undefined) throw new Error('no machine was made with this host')
      return made
    },
  }
}
