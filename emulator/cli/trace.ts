/** `--trace`: the event stream of a machine as text, a line for each event. */
import { disassemble } from '../isa/index.ts'
import { hex } from '../lab/index.ts'
import type { L0, L0Event } from '../hypervisor/index.ts'
import { explainExit } from '../svm/index.ts'
import {
  STREAM_KINDS,
  type Machine,
  type StreamEvent,
  type StreamEvents,
  type StreamKind,
} from '../machine/index.ts'
import { UsageError } from './command.ts'

const address = (value: number | bigint): string => hex(BigInt(value))

/** How each kind of event reads. */
const DESCRIBE: { readonly [K in StreamKind]: (event: StreamEvents[K]) => string } = {
  instruction: ({ rip, instruction }) => `${address(rip)}  ${disassemble(instruction, rip)}`,
  access: ({ write, linear, guestAddress, address: physical, bytes, value, memoryType }) =>
    `${write ? 'store' : 'load'} of ${bytes} at gVA ${address(linear)}, gPA ${address(guestAddress)}, ` +
    `sPA ${address(physical)}: ${hex(value)}${memoryType ? `, ${memoryType.effective}` : ''}`,
  walk: ({ nested, levels, address: at, entry }) =>
    `${nested ? 'nested ' : ''}level ${levels} entry at ${address(at)}: ${hex(entry)}`,
  tlb: ({ what, entry }) =>
    `${what} of ${address(entry.linear)}, ASID ${entry.asid}, to sPA ${address(entry.address)}`,
  intercept: ({ name, taken }) => `${name}: ${taken ? 'taken' : 'not asked for'}`,
  check: ({ id, field, value, failed }) => `${failed ? 'fails' : 'passes'} ${id} (${field} = ${hex(value)})`,
  'world-switch': ({ direction, vmcb, fields }) =>
    `${direction === 'vmrun' ? 'VMRUN from' : '#VMEXIT to'} ${address(vmcb)}: ` +
    fields.map(({ field, value, source }) => `${field} = ${hex(value)} (${source})`).join(', '),
  event: ({ what, vector }) => `vector ${vector} ${what}`,
  bus: (event) => {
    const bytes = 'data' in event ? event.data.length : event.bytes
    const value = 'data' in event ? '' : `: ${hex(event.value)}`
    const cause = 'cause' in event ? ` (${event.cause})` : ''
    return `${event.kind} of ${bytes} at ${address(event.address)}${value}${cause}`
  },
}

/** Instruction count, processor, kind and what happened. */
export function describeEvent({ kind, processor, instructions, event }: StreamEvent): string {
  const text = (DESCRIBE[kind] as (event: StreamEvents[StreamKind]) => string)(event)
  return `${String(instructions).padStart(8)}  ${processor}  ${kind.padEnd(12)}  ${text}`
}

function describeL0(event: L0Event): string {
  switch (event.kind) {
    case 'vmrun':
      return `L1 executes VMRUN of ${address(event.vmcb)}`
    case 'vmexit': {
      const checks = event.failedChecks.length === 0 ? '' : `: ${event.failedChecks.join(', ')}`
      const { name } = explainExit({ ...event, instructions: 0, failedChecks: [] })
      return `L1 gets #VMEXIT(${name}) in ${address(event.vmcb)}${checks}`
    }
    case 'look':
      return `reads vmcb12 from ${address(event.offset)}, ${event.bytes} bytes, to ${event.purpose}`
    case 'decision':
      return `${event.field} = ${hex(event.value)} (${event.rule})`
    case 'restored':
      return event.error === ''
        ? `the vCPU is moved while ${event.guestMode ? 'L2' : 'L1'} runs`
        : `the saved state is refused with ${event.error}: ${event.rule}`
  }
}

/** As describeEvent(), with the processor's own count of instructions. */
export function describeL0Event(event: L0Event): string {
  const count = String(event.ownInstructions).padStart(8)
  return `${count}  ${event.processor}  ${'l0'.padEnd(12)}  ${describeL0(event)}`
}

/** What --trace can name: the events of the machine, and those of L0. */
export const TRACE_KINDS = [...STREAM_KINDS, 'l0'] as const
export type TraceKind = (typeof TRACE_KINDS)[number]

/** The kinds that `--trace` names, separated by commas; `all` stands for every one. Throws UsageError. */
export function traceKinds(text: string): readonly TraceKind[] {
  if (text === 'all') return TRACE_KINDS
  return text.split(',').map((name) => {
    const kind = TRACE_KINDS.find((known) => known === name)
    if (kind === undefined)
      throw new UsageError(`--trace knows no '${name}'; there are: all, ${TRACE_KINDS.join(', ')}`)
    return kind
  })
}

/** Prints the events of these kinds as they happen; those of L0, where there is one. */
export function printEvents(
  machine: Machine,
  l0: L0 | undefined,
  kinds: readonly TraceKind[],
  print: (line: string) => void,
): void {
  const ofMachine = kinds.filter((kind) => kind !== 'l0')
  if (ofMachine.length > 0) machine.listen(ofMachine, (event) => print(describeEvent(event)))
  if (kinds.includes('l0')) l0?.listen((event) => print(describeL0Event(event)))
}
