/**
 * What comes from outside while a machine runs: console input and the edits of somebody at the controls. Each is logged with
 * the instruction count at which it took effect, so that a run can be repeated exactly.
 */
import type { GENERAL_REGISTERS } from './inspect.ts'

/** A register that can be edited. */
export type EditableRegister = (typeof GENERAL_REGISTERS)[number] | 'rip' | 'rflags'

export type Input =
  | { readonly kind: 'serial'; readonly bytes: Uint8Array }
  | { readonly kind: 'memory'; readonly address: number; readonly bytes: Uint8Array }
  | {
      readonly kind: 'register'
      readonly processor: number
      readonly name: EditableRegister
      readonly value: bigint
    }

export interface LoggedInput {
  readonly instructions: number
  readonly input: Input
}

/** The log with a position in it: what lies before the position has taken effect in the present state. */
export class InputLog {
  #entries: LoggedInput[] = []
  #position = 0

  get entries(): readonly LoggedInput[] {
    return this.#entries
  }

  get position(): number {
    return this.#position
  }

  clear(): void {
    this.#entries = []
    this.#position = 0
  }

  /** The machine went back to a state that includes the first `position` inputs. */
  rewind(position: number): void {
    this.#position = position
  }

  /** Instruction count of the next input to repeat; Infinity when there is none. */
  get next(): number {
    return this.#entries.at(this.#position)?.instructions ?? Infinity
  }

  /** The next input, if it takes effect at `instructions`; the position moves behind it. */
  take(instructions: number): Input | undefined {
    if (this.next !== instructions) return undefined
    return this.#entries[this.#position++].input
  }

  /** Logs an input that has just taken effect. What was to come is another future and is forgotten. */
  push(instructions: number, input: Input): void {
    this.#entries.length = this.#position
    this.#entries.push({ instructions, input })
    this.#position++
  }
}
