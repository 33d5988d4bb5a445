/** Why a run ended. */
import { EXCEPTION_MNEMONICS } from '../state/exit-codes.ts'
import { VECTOR } from '../state/faults.ts'
import { hex } from '../state/notation.ts'
import type { ExceptionEvent } from './events.ts'
import type { StopHit } from './stops.ts'

export type RunEnd =
  | { readonly reason: 'budget' | 'stopped' }
  /** `processor` is given where there are several. */
  | { readonly reason: 'breakpoint'; readonly rip: bigint; readonly processor?: number }
  /** One of the stops that were set. */
  | ({ readonly reason: 'stop'; readonly rip: bigint; readonly processor?: number } & StopHit)
  /** HLT with nothing that could wake any processor; `rip` is that of the one whose turn it is. */
  | { readonly reason: 'halted-forever'; readonly rip: bigint }
  /** Shutdown after exceptions that could not be delivered; `exceptions` are the last ones, oldest first. */
  | {
      readonly reason: 'shutdown'
      readonly rip: bigint
      readonly processor?: number
      readonly exceptions: readonly ExceptionEvent[]
    }
  /** The guest wrote `code` to port F4h. */
  | { readonly reason: 'debug-exit'; readonly code: number }

/** `instructions`: how many were executed in this run. */
export type RunResult = RunEnd & { readonly instructions: number }

/** "#PF", "NMI", "interrupt 32". */
export function exceptionName(vector: number): string {
  if (vector === VECTOR.NMI) return 'NMI'
  const mnemonic = EXCEPTION_MNEMONICS[vector]
  return mnemonic ? `#${mnemonic}` : `interrupt ${vector}`
}

function describeException({ vector, errorCode, linearAddress }: ExceptionEvent): string {
  const name = exceptionName(vector)
  const code = errorCode < 0 ? '' : `(${hex(errorCode)})`
  return vector === 14 ? `${name}${code} at ${hex(linearAddress)}` : name + code
}

/** " of processor 2", where there are several. */
function ofProcessor({ processor }: { readonly processor?: number }): string {
  return processor === undefined ? '' : ` of processor ${processor}`
}

function describeStop({ stop, before, after }: StopHit): string {
  const change = before === after ? '' : ` (${hex(before ?? 0n)} to ${hex(after ?? 0n)})`
  switch (stop.kind) {
    case 'code':
      return 'stop'
    case 'exit':
      return '#VMEXIT'
    case 'exception':
      return 'exception'
    case 'memory':
      return `${stop.access} at ${hex(stop.address)}${change}`
    case 'register':
      return `${stop.name} has changed${change}`
  }
}

/** One line for people. */
export function describeRunResult(result: RunResult): string {
  switch (result.reason) {
    case 'budget':
      return `the budget of ${result.instructions} instructions is used up`
    case 'stopped':
      return 'stopped'
    case 'breakpoint':
      return `breakpoint at rIP ${hex(result.rip)}${ofProcessor(result)}`
    case 'stop':
      return `${describeStop(result)} before rIP ${hex(result.rip)}${ofProcessor(result)}`
    case 'halted-forever':
      return `HLT before rIP ${hex(result.rip)}, and nothing can wake the processor`
    case 'shutdown':
      return (
        `shutdown at rIP ${hex(result.rip)}${ofProcessor(result)}: ` +
        (result.exceptions.map(describeException).join(', then ') || 'no exception is on record')
      )
    case 'debug-exit':
      return `the guest ended the run with code ${hex(result.code)}`
  }
}
