/** The log of a run for its panel: what the machine always notes, and everything it did in a part that is repeated. */
import { disassemble } from '../../../emulator/isa/index.ts'
import {
  exceptionName,
  STREAM_KINDS,
  type MachineEvent,
  type StreamEvent,
  type StreamEvents,
  type StreamKind,
} from '../../../emulator/machine/index.ts'
import { findCheck, findField } from '../../../emulator/svm/index.ts'
import * as text from '../../strings.ts'
import { hex } from '../format.ts'
import type { LogEntry, LogFilter, LogPage, Stretch } from '../state-protocol.ts'
import type { Bench } from './bench.ts'
import { repeat } from './replay.ts'
import type { RunControl } from './runs.ts'
import { explainTo, keepsBack } from './views.ts'

/** More cannot be read. */
const SHOWN = 500

function textOf(event: MachineEvent, keepsBack: boolean): string {
  switch (event.kind) {
    case 'vmrun': {
      const cached =
        event.fromCache.length === 0 ? '' : `; ${text.fromStateCache(event.fromCache.join(', '))}`
      return `${text.vmrunOf(hex(event.vmcb))}${cached}`
    }
    case 'vmexit': {
      const { name, details, checks } = explainTo(event, keepsBack)
      return [
        text.exitAt(name, hex(event.rip), hex(event.vmcb)),
        ...details,
        ...checks.map(({ id }) => text.checkFailed(id)),
      ].join('; ')
    }
    case 'raised':
    case 'delivered': {
      const what = event.kind === 'raised' ? text.isRaised : text.goesThroughIdt
      const code = event.errorCode < 0 ? '' : `, ${text.errorCode(hex(event.errorCode))}`
      return `${exceptionName(event.vector)} ${what}${code}`
    }
    case 'relied-on-undefined':
      return `${text.reliesOnUndefined(hex(event.address))}${event.field === undefined ? '' : `, ${event.field}`}`
  }
}

type Describe = { readonly [K in StreamKind]: (event: StreamEvents[K]) => string }

const DESCRIBE: Describe = {
  instruction: ({ linear, rip, instruction }) => `${hex(linear)}  ${disassemble(instruction, rip)}`,
  access: ({ write, linear, guestAddress, address, bytes, value }) => {
    const places = [linear, BigInt(guestAddress), BigInt(address)].map(hex).join(' → ')
    return text.accessOf(write, bytes, places, hex(value))
  },
  walk: ({ nested, levels, address, entry }) => text.walkStep(nested, levels, hex(address), hex(entry)),
  tlb: ({ what, entry }) => text.tlbEvent(what, entry.asid),
  intercept: ({ name, taken }) => text.interceptAsked(name, taken),
  check: ({ id, field, value, failed }) =>
    `${text.checkMade(id, findField(field)?.name ?? field, hex(value), failed)} ${findCheck(id)?.section ?? ''}`,
  'world-switch': ({ direction, vmcb, fields }) =>
    (direction === 'vmrun' ? text.vmrunLoads : text.exitStores)(fields.length, hex(vmcb)),
  event: ({ what, vector }) => `${exceptionName(vector)} ${what}`,
  bus: (event) => {
    const data =
      'data' in event
        ? text.transferOf(event.data.length)
        : text.transferOfValue(hex(event.value), event.bytes)
    return text.transferAt(event.kind, hex(event.address), data)
  },
}

function streamText({ kind, event }: StreamEvent): string {
  return (DESCRIBE[kind] as (event: StreamEvent['event']) => string)(event)
}

function passes(entry: LogEntry, { kinds, processor, text: wanted }: LogFilter): boolean {
  return (
    kinds.includes(entry.kind) &&
    (processor === undefined || processor === entry.processor) &&
    entry.text.toLowerCase().includes(wanted.toLowerCase())
  )
}

/** What the machine noted of the run so far. */
export function logOf({ session, hasGuessed }: Bench, filter: LogFilter): LogPage {
  const { events } = session.machine
  const isKeptBack = keepsBack(session.lab, hasGuessed)
  const entries = events
    .since()
    .map((event): LogEntry => {
      const { instructions: at, processor, kind } = event
      return { at, processor, kind, text: textOf(event, isKeptBack) }
    })
    .filter((entry) => passes(entry, filter))
  return { entries: entries.slice(-SHOWN), total: entries.length, forgotten: events.dropped }
}

/** Everything of these kinds that happened in a part of the run, the first entries if there are many. */
export async function detailOf(
  { session, hasGuessed }: Bench,
  { from, to }: Stretch,
  filter: LogFilter,
  control: RunControl,
): Promise<LogPage> {
  const { machine, lab } = session
  const isKeptBack = keepsBack(lab, hasGuessed)
  const kinds = STREAM_KINDS.filter(
    (kind) => filter.kinds.includes(kind) && !(kind === 'check' && isKeptBack),
  )
  const entries: LogEntry[] = []
  let total = 0
  await repeat(session, { from, to }, control, kinds, (event) => {
    const { processor, kind } = event
    const entry: LogEntry = { at: machine.instructions, processor, kind, text: streamText(event) }
    if (!passes(entry, filter)) return
    total++
    if (entries.length < SHOWN) entries.push(entry)
  })
  return { entries, total, forgotten: 0 }
}
