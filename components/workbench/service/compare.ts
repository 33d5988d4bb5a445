/** Two points of a run side by side: what differs in registers, VMCBs and memory. */
import type { CpuState, Machine } from '../../../emulator/machine/index.ts'
import { readField, VMCB_BYTES, VMCB_FIELDS } from '../../../emulator/svm/index.ts'
import * as text from '../../strings.ts'
import { registerName } from '../register-names.ts'
import type { Comparison, FieldDifference, PageDifference, RegisterDifference } from '../state-protocol.ts'
import { ramBytes, type Bench } from './bench.ts'
import { afterMessages } from './runs.ts'

const PAGE = 4096
const SHOWN_PAGES = 64

interface NamedValue {
  readonly name: string
  readonly bytes: number
  readonly value: bigint
}

interface Point {
  readonly at: number
  readonly cpus: readonly (readonly NamedValue[])[]
  readonly memory: Uint8Array
}

/** Every register that the panels show, by its name. */
export function registersOf(cpu: CpuState): NamedValue[] {
  const table = (name: 'gdtr' | 'idtr'): NamedValue[] => [
    { name: `${name.toUpperCase()}.base`, bytes: 8, value: cpu[name].base },
    { name: `${name.toUpperCase()}.limit`, bytes: 2, value: BigInt(cpu[name].limit) },
  ]
  return [
    { name: 'RIP', bytes: 8, value: cpu.rip },
    { name: 'RFLAGS', bytes: 8, value: BigInt(cpu.rflags) },
    ...Object.entries(cpu.general).map(([name, value]) => ({ name: registerName(name), bytes: 8, value })),
    ...Object.entries(cpu.system).map(([name, value]) => ({ name: registerName(name), bytes: 8, value })),
    ...Object.entries(cpu.segments).flatMap(([name, { selector, base, limit, attributes }]) => [
      { name: `${name.toUpperCase()}.selector`, bytes: 2, value: BigInt(selector) },
      { name: `${name.toUpperCase()}.base`, bytes: 8, value: base },
      { name: `${name.toUpperCase()}.limit`, bytes: 4, value: BigInt(limit) },
      { name: `${name.toUpperCase()}.attributes`, bytes: 2, value: BigInt(attributes) },
    ]),
    ...table('gdtr'),
    ...table('idtr'),
    { name: 'CPL', bytes: 1, value: BigInt(cpu.cpl) },
    { name: 'GIF', bytes: 1, value: cpu.gif ? 1n : 0n },
    { name: text.vmcbOfGuest, bytes: 8, value: BigInt(cpu.guest?.vmcb ?? 0) },
  ]
}

function pointOf(machine: Machine, ramBytes: number): Point {
  return {
    at: machine.instructions,
    cpus: Array.from({ length: machine.processors }, (_, n) => registersOf(machine.inspect(n))),
    memory: machine.readMemory(0, ramBytes),
  }
}

function registerDifferences(from: Point, to: Point): RegisterDifference[] {
  return from.cpus.flatMap((registers, processor) =>
    registers.flatMap(({ name, bytes, value }, index) => {
      const { value: now } = to.cpus[processor][index]
      return now === value ? [] : [{ processor, name, bytes, from: value, to: now }]
    }),
  )
}

function fieldDifferences({ build }: Bench, from: Point, to: Point): FieldDifference[] {
  return (build?.vmcbs ?? []).flatMap(({ name, address }) => {
    const [before, after] = [from, to].map(
      ({ memory }) => new DataView(memory.buffer, memory.byteOffset + address, VMCB_BYTES),
    )
    return VMCB_FIELDS.filter(({ bytes }) => bytes <= 8).flatMap((field) => {
      const values = { from: readField(before, field), to: readField(after, field) }
      return values.from === values.to ? [] : [{ vmcb: name, field: field.key, ...values }]
    })
  })
}

/** Pages of `a` that are not the same in `b`; both are whole pages. */
export function pageDifferences(a: Uint8Array, b: Uint8Array): PageDifference[] {
  const found: PageDifference[] = []
  const [x, y] = [a, b].map(
    ({ buffer, byteOffset, length }) => new Uint32Array(buffer, byteOffset, length / 4),
  )
  const isEqual = (address: number): boolean => {
    for (let at = address / 4; at < (address + PAGE) / 4; at++) if (x[at] !== y[at]) return false
    return true
  }
  for (let address = 0; address < a.length; address += PAGE) {
    if (isEqual(address)) continue
    let first = -1
    let bytes = 0
    for (let at = address; at < address + PAGE; at++) {
      if (a[at] === b[at]) continue
      if (first < 0) first = at
      bytes++
    }
    found.push({ address, bytes, first })
  }
  return found
}

/** Afterwards the machine is where it was. */
export async function compare(bench: Bench, from: number, to: number): Promise<Comparison> {
  const { session } = bench
  const { machine } = session
  const ram = ramBytes(bench)
  const [before, after] = await session.elsewhere(async () => {
    session.goTo(from)
    const first = pointOf(machine, ram)
    await afterMessages()
    session.goTo(to)
    return [first, pointOf(machine, ram)]
  })
  const pages = pageDifferences(before.memory, after.memory)
  return {
    from: before.at,
    to: after.at,
    registers: registerDifferences(before, after),
    fields: fieldDifferences(bench, before, after),
    pages: pages.slice(0, SHOWN_PAGES),
    pageCount: pages.length,
  }
}
