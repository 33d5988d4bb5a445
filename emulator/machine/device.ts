/** What the machine asks of its parts besides processors and RAM. */

/** A part with state of its own. */
export interface StatefulPart {
  readonly name: string
  /** Back to the state after power-on. */
  reset(): void
  /** The whole state as unsigned 32-bit numbers; equal states give equal lists. */
  save(): number[]
  /** Takes what save() gave. Throws RangeError for a list that save() cannot have given. */
  restore(state: readonly number[]): void
}

/** A device on the I/O ports. */
export interface Device extends StatefulPart {
  /** The ports it claims: `count` of them from `base` on. */
  readonly base: number
  readonly count: number
  /** True: accesses of 2 and 4 bytes arrive as they are. False: the bus splits them into bytes at consecutive ports. */
  readonly wide: boolean
  read(offset: number, size: 1 | 2 | 4): number
  write(offset: number, size: 1 | 2 | 4, value: number): void
}
