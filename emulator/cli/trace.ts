/** `--trace`: the event stream of a machine as text, a line for each event. */
import { disassemble } from '../isa/index.ts'
import { hex } from '../lab/index.ts'
import { STREAM_KINDS, type StreamEvent, type StreamEvents, type StreamKind } from '../machine/index.ts'
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

/** The kinds that `--trace` names, separated by commas; `all` stands for every one. Throws UsageError. */
export function traceKinds(text: string): readonly StreamKind[] {
  if (text === 'all') return STREAM_KINDS
  return text.split(',').map((name) => {
    const kind = STREAM_KINDS.find((known) => known === name)
    if (kind === undefined)
      throw new UsageError(`--trace knows no '${name}'; there are: all, ${STREAM_KINDS.join(', ')}`)
    return kind
  })
}
