/** A statement: what a line of source becomes, parsed once and walked over by every pass of the layout. */
import type { CodeBits, OperandSize, RegisterOperand, Size, StackRegisterOperand } from '../instruction.ts'
import type { MemoryRequest } from '../encoding-request.ts'
import type { Place, Range } from './diagnostics.ts'
import type { Expression } from './expression.ts'
import type { Position, SymbolEntry } from './symbols.ts'

/** `times count`, or the padding that `align` inserts. */
export type Repeat =
  | { readonly kind: 'times'; readonly count: Expression; readonly at: Range }
  | { readonly kind: 'align'; readonly boundary: number }

export interface MemoryOperandSource {
  readonly kind: 'memory'
  /** All but the displacement. */
  readonly request: MemoryRequest
  readonly displacement: Expression
  readonly at: Range
}

export type OperandSource =
  | ((RegisterOperand | StackRegisterOperand) & { readonly at?: undefined })
  | MemoryOperandSource
  | {
      readonly kind: 'immediate'
      readonly value: Expression
      readonly size: Size | 0
      readonly strict: boolean
      readonly at: Range
    }
  | { readonly kind: 'target'; readonly address: Expression; readonly at: Range }
  | {
      readonly kind: 'far'
      readonly selector: Expression
      readonly offset: Expression
      readonly size: OperandSize | 0
      readonly at: Range
    }

export interface InstructionBody {
  readonly kind: 'instruction'
  readonly at: Range
  readonly mnemonic: string
  readonly operands: readonly OperandSource[]
  readonly operandRanges: readonly Range[]
  readonly bits: CodeBits
  readonly lock: boolean
  readonly repeat: 'none' | 'repe' | 'repne'
  readonly operandSize: 0 | 2 | 4 | 8
  readonly addressSize: 0 | 2 | 4 | 8
  /** The byte of a segment prefix where no memory operand takes it (`es movsb`); 0 without. */
  readonly segmentPrefix: number
  /** Near and short jumps: the form in use. */
  distance: 'short' | 'near'
  /** It was near and is short again, which happens at most once. */
  hasShrunk: boolean
  /** The writer did not choose the distance. */
  readonly relaxable: boolean
  /** An operand is encoded relative to the instruction: a branch target or a RIP-relative address. */
  readonly isRelative: boolean
  /** No operand depends on a symbol or on the place of the instruction. */
  readonly isConstant: boolean
  /** The length may change with the values of symbols. Branches apart, relative operands have one width. */
  readonly hasVaryingLength: boolean
  /** The encoding of a constant instruction, once it is known. */
  bytes: Uint8Array | undefined
}

/** One item of db, dw, dd, dq: text, a number, or `?`. */
export type DataItem =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'value'; readonly value: Expression; readonly at: Range }
  | { readonly kind: 'reserve' }

export type Body =
  | InstructionBody
  | { readonly kind: 'data'; readonly unit: Size; readonly items: readonly DataItem[] }
  | { readonly kind: 'reserve'; readonly unit: Size; readonly count: Expression; readonly at: Range }
  | { readonly kind: 'label' }
  | { readonly kind: 'equ'; readonly symbol: SymbolEntry; readonly value: Expression }

/** Its position is that of its first byte. */
export interface Statement extends Position {
  readonly place: Place
  readonly at: Range
  readonly body: Body
  readonly repeat: Repeat | undefined
  /** Bytes of one repetition and number of repetitions, from the last pass. */
  size: number
  count: number
}

/** Bytes of one repetition as far as the text alone tells; the layout finds the rest. */
export function sizeOfData(body: Body): number {
  if (body.kind !== 'data') return 0
  return body.items.reduce((sum, item) => sum + (item.kind === 'bytes' ? item.bytes.length : body.unit), 0)
}
