/**
 * A machine's state as bytes. All numbers are 32-bit, little-endian:
 *
 *   "WSWS", layout fingerprint, RAM in pages, processors, length of the text
 *   text            JSON: what each device saved, by its name
 *   registers, TLB  processor by processor: REGISTER_BYTES of the vCPU block, the number of words that saveTlb() gives, and these
 *   pages           page number and 4096 bytes of every page that is not zero; FFFF_FFFFh ends the list
 *   checksum        128 bits of hash.ts over everything before
 */
import { dropContexts } from '../paging/contexts.ts'
import { isSavedTlb, restoreTlb, saveTlb } from '../paging/tlb.ts'
import { FIELDS_END, OFFSET } from '../state/layout.ts'
import { PAGE_SIZE, REGISTER_BYTES } from '../state/memory-map.ts'
import { createHash } from './hash.ts'
import type { Parts } from './parts.ts'

/** A saved state that cannot be loaded. The machine is as it was. */
export class SavedStateError extends Error {
  constructor(message: string) {
    super(`saved state: ${message}`)
    this.name = 'SavedStateError'
  }
}

const MAGIC = 0x5357_5357
const HEADER_WORDS = 5
const CHECKSUM_BYTES = 16
const END_OF_PAGES = 0xffff_ffff
const PAGE_RECORD = 4 + PAGE_SIZE

/** Raised whenever the meaning of a field or of the TLB changes while all fields stay in their places. */
const FORMAT_VERSION = 5

/** Says where every field of the vCPU block lies: another build of the machine may have them elsewhere. */
function layoutFingerprint(): number {
  const hash = createHash()
  hash.add(new TextEncoder().encode(JSON.stringify([FORMAT_VERSION, OFFSET, FIELDS_END])))
  return parseInt(hash.digest().slice(0, 8), 16)
}

function checksum(bytes: Uint8Array): Uint8Array {
  const hash = createHash()
  hash.add(bytes)
  return Uint8Array.from(hash.digest().match(/../g)!, (digits) => parseInt(digits, 16))
}

function words(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer)
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** The state of a machine, without its history and logs. */
export function saveParts({ cpus, memory, devices }: Parts): Uint8Array {
  const text = new TextEncoder().encode(
    JSON.stringify(Object.fromEntries(devices.map((device) => [device.name, device.save()]))),
  )
  const parts = [
    words(MAGIC, layoutFingerprint(), memory.ramBytes / PAGE_SIZE, cpus.length, text.length),
    text,
    ...cpus.flatMap(({ state }) => {
      const tlb = saveTlb(state)
      return [
        memory.bytes.slice(state.base, state.base + REGISTER_BYTES),
        words(tlb.length),
        new Uint8Array(tlb.buffer),
      ]
    }),
  ]
  for (let page = 0; page * PAGE_SIZE < memory.ramBytes; page++) {
    const contents = memory.dump(page * PAGE_SIZE, PAGE_SIZE)
    if (contents.some((byte) => byte !== 0)) parts.push(words(page), contents)
  }
  parts.push(words(END_OF_PAGES))
  const body = concatenate(parts)
  return concatenate([body, checksum(body)])
}

interface SavedState {
  readonly devices: ReadonlyMap<string, readonly number[]>
  /** By processor. */
  readonly processors: readonly { readonly registers: Uint8Array; readonly tlb: Uint32Array }[]
  readonly pages: readonly { readonly page: number; readonly contents: Uint8Array }[]
}

function parseDevices(text: Uint8Array): Map<string, readonly number[]> {
  let parsed: unknown
  try {
    parsed = JSON.parse(new TextDecoder().decode(text))
  } catch {
    throw new SavedStateError('the description of the devices is not JSON')
  }
  const entries = Object.entries(parsed ?? {})
  for (const [name, state] of entries)
    if (!Array.isArray(state) || !state.every((value) => Number.isInteger(value)))
      throw new SavedStateError(`the state of device ${name} is not a list of integers`)
  return new Map(entries as [string, number[]][])
}

/** Takes the bytes apart and checks all that can be checked without a machine. */
function parse(bytes: Uint8Array, ramPages: number, cpus: number): SavedState {
  const shortest = HEADER_WORDS * 4 + cpus * (REGISTER_BYTES + 4) + 4 + CHECKSUM_BYTES
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 4 || view.getUint32(0, true) !== MAGIC)
    throw new SavedStateError('it does not begin with "WSWS"')
  if (bytes.length < shortest)
    throw new SavedStateError(`it has ${bytes.length} bytes, fewer than the ${shortest} that every state has`)
  if (view.getUint32(4, true) !== layoutFingerprint())
    throw new SavedStateError('it was saved by another version of the machine')
  const body = bytes.subarray(0, bytes.length - CHECKSUM_BYTES)
  const expected = checksum(body)
  if (!expected.every((byte, i) => byte === bytes[body.length + i]))
    throw new SavedStateError('the checksum at its end does not fit: bytes were changed or lost')
  const savedPages = view.getUint32(8, true)
  if (savedPages !== ramPages)
    throw new SavedStateError(`it has ${savedPages} pages of RAM, this machine has ${ramPages}`)
  const savedCpus = view.getUint32(12, true)
  if (savedCpus !== cpus)
    throw new SavedStateError(`it has ${savedCpus} processors, this machine has ${cpus}`)

  let at = HEADER_WORDS * 4
  const take = (length: number, what: string): Uint8Array => {
    if (at + length > body.length) throw new SavedStateError(`it ends within ${what}`)
    at += length
    return bytes.subarray(at - length, at)
  }
  const devices = parseDevices(take(view.getUint32(16, true), 'the description of the devices'))
  const takeNumber = (what: string): number => {
    const bytes = take(4, what)
    return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
  }
  const takeTlb = (): Uint32Array => {
    const tlb = new Uint32Array(take(takeNumber('the TLB') * 4, 'the TLB').slice().buffer)
    if (!isSavedTlb(tlb)) throw new SavedStateError('the TLB has entries that cannot be')
    return tlb
  }
  const processors = Array.from({ length: cpus }, () => ({
    registers: take(REGISTER_BYTES, 'the registers'),
    tlb: takeTlb(),
  }))
  const pages: { page: number; contents: Uint8Array }[] = []
  while (at + PAGE_RECORD <= body.length) {
    const page = view.getUint32(at, true)
    if (page >= ramPages) throw new SavedStateError(`page ${page} lies beyond the ${ramPages} pages of RAM`)
    pages.push({ page, contents: take(PAGE_RECORD, 'a page').subarray(4) })
  }
  if (at + 4 !== body.length || view.getUint32(at, true) !== END_OF_PAGES)
    throw new SavedStateError('the list of pages does not end where it should')
  return { devices, processors, pages }
}

/** Puts a saved state into the machine. Throws SavedStateError, and then the machine is as it was. */
export function loadParts({ cpus, memory, devices }: Parts, bytes: Uint8Array): void {
  const saved = parse(bytes, memory.ramBytes / PAGE_SIZE, cpus.length)
  const names = new Set(devices.map(({ name }) => name))
  for (const name of names)
    if (!saved.devices.has(name)) throw new SavedStateError(`it lacks the state of device ${name}`)
  for (const name of saved.devices.keys())
    if (!names.has(name)) throw new SavedStateError(`it has the state of ${name}, which this machine lacks`)
  restoreDevices(devices, saved.devices)
  const zero = new Uint8Array(PAGE_SIZE)
  const contents = new Map(saved.pages.map(({ page, contents }) => [page, contents]))
  for (let page = 0; page * PAGE_SIZE < memory.ramBytes; page++)
    memory.load(page * PAGE_SIZE, contents.get(page) ?? zero)
  for (const cpu of cpus) {
    const { registers, tlb } = saved.processors[cpu.index]
    memory.bytes.set(registers, cpu.state.base)
    restoreTlb(cpu.state, tlb)
    dropContexts(cpu)
    cpu.mapLocalApic()
  }
}

/** All devices or none. */
function restoreDevices(devices: Parts['devices'], saved: SavedState['devices']): void {
  const before = devices.map((device) => device.save())
  try {
    for (const device of devices) device.restore(saved.get(device.name)!)
  } catch (error) {
    devices.forEach((device, i) => device.restore(before[i]))
    throw new SavedStateError(error instanceof Error ? error.message : String(error))
  }
}
