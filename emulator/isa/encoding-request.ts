/** What the assembler asks of the encoder, and what it gets: one instruction, its operands resolved to numbers. */
import type {
  CodeBits,
  FarOperand,
  OperandSize,
  RegisterOperand,
  Size,
  StackRegisterOperand,
} from './instruction.ts'

/** A memory operand as written. `size` 0: no size keyword was given; after `far` it is the size of the offset. `displacementSize` forces disp8 or disp16/32. */
export interface MemoryRequest {
  readonly kind: 'memory'
  readonly segmentOverride: number
  readonly base: number
  readonly index: number
  readonly scale: 1 | 2 | 4 | 8
  readonly displacement: bigint
  readonly displacementSize: 0 | 1 | 2 | 4 | 8
  /** 0: as the registers in the expression imply, else the code size's default. */
  readonly addressSize: 0 | 2 | 4 | 8
  /** In 64-bit code: `[rel x]`. `displacement` is then the target address. */
  readonly ripRelative: boolean
  readonly size: OperandSize | 0
}

/** An immediate. `size` 0: no size keyword; the encoder takes the shortest form that holds the value. */
export interface ImmediateRequest {
  readonly kind: 'immediate'
  readonly value: bigint
  readonly size: Size | 0
  /** The full width, even where a shorter form holds the value: for `strict`, and for addresses, which may move. */
  readonly strict?: boolean
}

/** A branch target, an absolute offset in the code segment. `distance` is what the writer or the relaxation pass chose. */
export interface TargetRequest {
  readonly kind: 'target'
  readonly address: bigint
  readonly distance: 'short' | 'near'
}

export type OperandRequest =
  RegisterOperand | StackRegisterOperand | MemoryRequest | ImmediateRequest | TargetRequest | FarOperand

export interface EncodingRequest {
  /** In lower case. `far` before a memory operand belongs to it: 'jmp far', 'call far'. */
  readonly mnemonic: string
  readonly operands: readonly OperandRequest[]
  readonly bits: CodeBits
  /** Offset of the instruction's first byte, for relative operands. */
  readonly address: bigint
  readonly lock: boolean
  readonly repeat: 'none' | 'repe' | 'repne'
  /** Forced by o16/o32/o64 (or by the keyword of `jmp dword 8:x`) and a16/a32/a64; 0: not forced. */
  readonly operandSize: 0 | 2 | 4 | 8
  readonly addressSize: 0 | 2 | 4 | 8
  /** A segment prefix for instructions without a memory operand (`fs movsb`); absent or -1: none. */
  readonly segmentOverride?: number
  /**
   * Values not known yet (a forward reference in an earlier pass): the encoder then reserves the widest form of those
   * operands instead of testing their range.
   */
  readonly unresolved: boolean
}

/** Why a request has no encoding. `code` is stable and kebab-case; `operand` is the index at fault, or -1. */
export interface EncodingError {
  readonly code:
    | 'unknown-mnemonic'
    | 'no-such-form'
    | 'operand-size-unknown'
    | 'operand-size-mismatch'
    | 'value-out-of-range'
    | 'branch-out-of-range'
    | 'not-in-this-mode'
    | 'invalid-address'
    | 'prefix-not-allowed'
  readonly message: string
  readonly hint: string
  readonly operand: number
}

export type EncodingResult =
  { readonly ok: true; readonly bytes: Uint8Array } | { readonly ok: false; readonly error: EncodingError }
