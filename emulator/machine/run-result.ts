/** Why a run ended. */
import type { ExceptionEvent } from './events.ts'

export type RunEnd =
  | { readonly reason: 'budget' | 'stopped' }
  | { readonly reason: 'breakpoint'; readonly rip: bigint }
  /** HLT with nothing that could wake the processor. */
  | { readonly reason: 'halted-forever'; readonly rip: bigint }
  /** Shutdown after exceptions that could not be delivered; `exceptions` are the last ones, oldest first. */
  | { readonly reason: 'shutdown'; readonly rip: bigint; readonly exceptions: readonly ExceptionEvent[] }
  /** The guest wrote `code` to port F4h. */
  | { readonly reason: 'debug-exit'; readonly code: number }

/** `instructions`: how many were executed in this run. */
export type RunResult = RunEnd & { readonly instructions: number }

/** Names of the exception vectors (APM vol 2 table 8-1). */
const MNEMONIC: Readonly<Record<number, string>> = {
  ...{ 0: '#DE', 1: '#DB', 2: 'NMI', 3: '#BP', 4: '#OF', 5: '#BR', 6: '#UD', 7: '#NM', 8: '#DF', 10: '#TS' },
  ...{ 11: '#NP', 12: '#SS', 13: '#GP', 14: '#PF', 16: '#MF', 17: '#AC', 18: '#MC', 19: '#XF', 21: '#CP' },
  ...{ 28: '#HV', 29: '#VC', 30: '#SX' },
}

function hex(value: bigint | number): string {
  return `${value.toString(16).toUpperCase()}h`
}

function describeException({ vector, errorCode, linearAddress }: ExceptionEvent): string {
  const name = MNEMONIC[vector] ?? `interrupt ${vector}`
  const code = errorCode < 0 ? '' : `(${hex(errorCode)})`
  return vector === 14 ? `${name}${code} at ${hex(linearAddress)}` : name + code
}

/** One line for people. */
export function describeRunResult(result: RunResult): string {
  switch (result.reason) {
    case 'budget':
      return `the budget of ${result.instructions} instructions is used up`
    case 'stopped':
      return 'stopped'
    case 'breakpoint':
      return `breakpoint at rIP ${hex(result.rip)}`
    case 'halted-forever':
      return `HLT before rIP ${hex(result.rip)}, and nothing can wake the processor`
    case 'shutdown':
      return (
        `shutdown at rIP ${hex(result.rip)}: ` +
        (result.exceptions.map(describeException).join(', then ') || 'no exception is on record')
      )
    case 'debug-exit':
      return `the guest ended the run with code ${hex(result.code)}`
  }
}
