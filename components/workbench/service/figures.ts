/** The worker's side of the figures: what each is drawn from. Looking leaves the machine as it is. */
import { decode, isDecodeError, MAXIMUM_LENGTH, RIP_BASE } from '../../../emulator/isa/index.ts'
import {
  GENERAL_REGISTERS,
  SEGMENT_REGISTERS,
  type CpuState,
  type ExceptionEvent,
  type Machine,
  type MachineEvent,
  type Walk,
} from '../../../emulator/machine/index.ts'
import { EXIT, VECTOR } from '../../../emulator/svm/index.ts'
import { stateCacheRecord, type StateCacheRecord } from '../../figures/state-cache-data.ts'
import { walkAt } from '../../figures/walk-data.ts'
import * as text from '../../strings.ts'
import { hex } from '../format.ts'
import type { PlacedAccess, WalkRequest, WalkResult } from '../protocol.ts'
import { valueOf, type Bench } from './bench.ts'
import { codeBits, codeBytes, nextAddress } from './code.ts'

type VmexitEvent = Extract<MachineEvent, { kind: 'vmexit' }>

/** The page walk of an access: one that the reader describes, or one that was. */
export function walkOf(bench: Bench, request: WalkRequest): WalkResult {
  const { machine } = bench.session
  const { processor, access, user } = request
  if (request.at !== undefined)
    return { ok: true, walk: walkAt(machine, request.at, request.linear, access, { user, processor }) }
  const address = valueOf(bench, request.expression)
  if (!address.ok) return address
  if (!isCanonical(address.value)) return { ok: false, message: text.notCanonical(hex(address.value)) }
  return { ok: true, walk: machine.walk(address.value, access, { user, processor }) }
}

function isCanonical(linear: bigint): boolean {
  return BigInt.asUintN(64, BigInt.asIntN(48, linear)) === linear
}

/** Accesses worth a walk: the fetch of the next instruction, what the last one accessed, the last faults of both kinds. */
export function recentAccesses({ session: { machine } }: Bench, processor: number): PlacedAccess[] {
  const { instructions } = machine
  const events = machine.events.since().filter((event) => event.processor === processor)
  const npf = events.findLast(
    (event): event is VmexitEvent => event.kind === 'vmexit' && event.code === BigInt(EXIT.NPF),
  )
  const pageFault = events.findLast(
    (event): event is ExceptionEvent => event.kind === 'raised' && event.vector === VECTOR.PF,
  )
  const cpu = machine.inspect(processor)
  return [
    ...(npf === undefined ? [] : nestedFault(machine, npf)),
    ...(pageFault === undefined ? [] : [faultOf(pageFault)]),
    {
      what: text.fetchOfNext,
      linear: nextAddress(cpu),
      access: 'execute',
      user: cpu.cpl === 3,
      at: instructions,
    },
    ...lastAccesses(machine, processor),
  ]
}

/** Error code of #PF: 1 is W, 2 is U/S, 4 is I/D (APM vol 2 §8.4.2). */
function faultOf({ errorCode, linearAddress, instructions }: ExceptionEvent): PlacedAccess {
  const access = (errorCode & 0x10) !== 0 ? 'execute' : (errorCode & 2) !== 0 ? 'write' : 'read'
  return {
    what: text.lastPageFault,
    linear: linearAddress,
    access,
    user: (errorCode & 4) !== 0,
    at: instructions - 1,
  }
}

/** What the instruction before the present position read and wrote. The machine goes back and repeats it. */
function lastAccesses(machine: Machine, processor: number): PlacedAccess[] {
  const present = machine.instructions
  if (present === 0) return []
  const at = present - 1
  const found = new Map<string, PlacedAccess>()
  machine.elsewhere(() => {
    machine.goTo(at)
    const user = machine.inspect(processor).cpl === 3
    const end = machine.listen(['access'], (event) => {
      if (event.kind !== 'access' || event.processor !== processor) return
      const { linear, write } = event.event
      const what = write ? text.lastStore : text.lastLoad
      found.set(`${what} ${linear}`, { what, linear, access: write ? 'write' : 'read', user, at })
    })
    try {
      machine.goTo(present)
    } finally {
      end()
    }
  })
  return [...found.values()].slice(0, MOST_ACCESSES)
}

const MOST_ACCESSES = 4

/**
 * A nested page fault tells the gPA and not the linear address: of the addresses that the instruction can have accessed, the one
 * whose walk ends as EXITINFO1 and EXITINFO2 say.
 */
function nestedFault(machine: Machine, exit: VmexitEvent): PlacedAccess[] {
  const { processor, info1, info2 } = exit
  const at = exit.instructions - 1
  return machine.elsewhere(() => {
    machine.goTo(at)
    const cpu = machine.inspect(processor)
    const user = cpu.cpl === 3
    const found = candidates(machine, processor, cpu).find(([linear, access]) => {
      const { outcome } = machine.walk(linear, access, { user, processor })
      return outcome.kind === 'nested-page-fault' && outcome.info1 === info1 && outcome.info2 === info2
    })
    if (found === undefined) return []
    const [linear, access] = found
    return [{ what: text.lastNestedPageFault, linear, access, user, at }]
  })
}

function candidates(machine: Machine, processor: number, cpu: CpuState): [bigint, Walk['access']][] {
  const fetch = nextAddress(cpu)
  const { general } = cpu
  const data = [
    ...operandAddresses(machine, processor, cpu),
    ...[general.rsp, general.rsp - 8n, general.rsi, general.rdi].map((address) =>
      BigInt.asUintN(64, address),
    ),
  ].filter(isCanonical)
  return [
    [fetch, 'execute'],
    ...data.flatMap((linear): [bigint, Walk['access']][] => [
      [linear, 'read'],
      [linear, 'write'],
    ]),
  ]
}

/** The linear addresses of an instruction's memory operands. */
function operandAddresses(machine: Machine, processor: number, cpu: CpuState): bigint[] {
  const bytes = codeBytes(machine, processor, cpu, nextAddress(cpu), MAXIMUM_LENGTH)
  const instruction = decode(bytes, 0, bytes.length, codeBits(cpu))
  if (isDecodeError(instruction)) return []
  const register = (index: number): bigint =>
    index === RIP_BASE
      ? cpu.rip + BigInt(instruction.length)
      : index < 0
        ? 0n
        : cpu.general[GENERAL_REGISTERS[index]]
  return instruction.operands.flatMap((operand) => {
    if (operand.kind !== 'memory') return []
    const { base, index, scale, displacement, addressSize, segment } = operand
    const offset = register(base) + register(index) * BigInt(scale) + displacement
    const name = SEGMENT_REGISTERS[segment]
    return [BigInt.asUintN(64, BigInt.asUintN(addressSize * 8, offset) + segmentBase(cpu, name))]
  })
}

/** In 64-bit mode only FS and GS have a base (APM vol 2 §4.5.3). */
function segmentBase(cpu: CpuState, name: (typeof SEGMENT_REGISTERS)[number]): bigint {
  return codeBits(cpu) === 64 && name !== 'fs' && name !== 'gs' ? 0n : cpu.segments[name].base
}

/** What a processor keeps of the VMCB at an address, beside memory. */
export function stateCacheOf({ session }: Bench, vmcb: number, processor: number): StateCacheRecord {
  const policy = session.lab.machine.state_cache ?? session.options.stateCache ?? 'lazy'
  return stateCacheRecord(session.machine, policy, vmcb, processor)
}
