/** The reader's stops, in terms of lines, symbols and names, as stops of the machine. */
import { describeRunResult, type RunResult, type Stop } from '../../../emulator/machine/index.ts'
import { EXIT_CODES, exitName, exitOf, findField } from '../../../emulator/svm/index.ts'
import * as text from '../../strings.ts'
import { hex } from '../format.ts'
import type { ReaderStop, ResolvedStop } from '../protocol.ts'
import { describeReaderStop } from '../stop-text.ts'
import { ramBytes, valueOf, type Bench } from './bench.ts'

function refused(message: string): ResolvedStop & { readonly ok: false } {
  return { ok: false, message }
}

/** The first instruction that begins at a line, or at the next line that has one. */
export function codeAt({ build }: Bench, file: string, line: number): bigint | undefined {
  const candidates = (build?.program.lines ?? []).filter(
    (place) => place.kind === 'instruction' && place.file === file && place.line >= line,
  )
  const nearest = Math.min(...candidates.map((place) => place.line))
  return candidates.find((place) => place.line === nearest)?.address
}

/** What a stop is in the machine, as it was last built. */
export function resolveStop(bench: Bench, stop: ReaderStop): ResolvedStop {
  switch (stop.kind) {
    case 'line': {
      const address = codeAt(bench, stop.file, stop.line)
      if (address === undefined) return refused(text.noInstructionAfter(stop.file, stop.line))
      return { ok: true, stop: { kind: 'code', address } }
    }
    case 'address': {
      const address = valueOf(bench, stop.address)
      return address.ok ? { ok: true, stop: { kind: 'code', address: address.value } } : address
    }
    case 'exit': {
      if (stop.name === undefined) return { ok: true, stop: { kind: 'exit' } }
      const code = EXIT_CODES.find(({ key }) => key === stop.name)?.code
      if (code === undefined) return refused(text.noSuchExitCode(stop.name))
      return { ok: true, stop: { kind: 'exit', code } }
    }
    case 'exception':
      return { ok: true, stop: { kind: 'exception', vector: stop.vector } }
    case 'register':
      return checked(bench, { kind: 'register', name: stop.name, processor: stop.processor })
    case 'memory': {
      const address = valueOf(bench, stop.address)
      if (!address.ok) return address
      return watch(bench, address.value, stop.bytes, stop.access)
    }
    case 'field': {
      const vmcb = valueOf(bench, stop.vmcb)
      if (!vmcb.ok) return vmcb
      const field = findField(stop.field)
      if (field === undefined) return refused(text.noSuchField(stop.field))
      return watch(bench, vmcb.value + BigInt(field.offset), Math.min(field.bytes, 8), 'write')
    }
  }
}

/** An access to memory. The machine judges addresses that a number can hold. */
function watch(bench: Bench, address: bigint, bytes: number, access: 'read' | 'write'): ResolvedStop {
  if (address > BigInt(Number.MAX_SAFE_INTEGER)) return refused(text.ramEndsBefore(hex(ramBytes(bench))))
  return checked(bench, { kind: 'memory', address: Number(address), bytes, access })
}

/** A stop that the machine takes. */
function checked({ session }: Bench, stop: Stop): ResolvedStop {
  try {
    session.machine.setStops([stop])
    return { ok: true, stop }
  } catch (error) {
    if (error instanceof RangeError) return refused(error.message)
    throw error
  } finally {
    session.machine.setStops([])
  }
}

/** Tells the machine, and the reader what became of each. */
export function applyStops(bench: Bench): readonly ResolvedStop[] {
  bench.l1Exits = [
    ...bench.stops.flatMap((stop) => (stop.kind === 'exit' && stop.to !== 'L0' ? [stop.name] : [])),
    ...bench.destination.flatMap((stop) => (stop.kind === 'exit' ? [undefined] : [])),
  ]
  bench.resolved = bench.stops.map((stop) => resolveStop(bench, stop))
  const readers = bench.resolved.flatMap((one, index) => {
    const stop = bench.stops[index]
    return one.ok && !(stop.kind === 'exit' && stop.to === 'L1') ? [one.stop] : []
  })
  bench.session.machine.setStops([...readers, ...bench.destination])
  return bench.resolved
}

/** What ended a run, in the reader's terms where it is one of the reader's stops. */
function describeHit(bench: Bench, result: Extract<RunResult, { reason: 'stop' }>): string {
  const index = bench.resolved.findIndex((one) => one.ok && one.stop === result.stop)
  if (index < 0 || result.before !== undefined) return describeRunResult(result)
  return text.stopBefore(describeReaderStop(bench.stops[index]), hex(result.rip))
}

/** Makes runs end where L0 gives L1 an exit that a stop asks for: the machine knows only the processor's own. */
export function hearExitsOfL1(bench: Bench): void {
  const { l0, machine } = bench.session
  l0?.listen((event) => {
    if (event.kind !== 'vmexit' || !bench.isAdvancing) return
    const key = exitOf(event.code)?.key
    if (!bench.l1Exits.some((name) => name === undefined || name === key)) return
    bench.l1Exit = exitName(event.code)
    machine.stop()
  })
}

/** Runs on as the session does. */
export function advance(bench: Bench, instructions: number): RunResult {
  bench.l1Exit = undefined
  bench.isAdvancing = true
  try {
    return bench.session.run(instructions)
  } finally {
    bench.isAdvancing = false
  }
}

/** Which stop ended a part of a run, in words; undefined if none did. */
export function metStop(bench: Bench, result: RunResult): string | undefined {
  if (result.reason === 'stop') return describeHit(bench, result)
  return bench.l1Exit === undefined ? undefined : text.exitOfL1(bench.l1Exit)
}
