/** A decoded instruction: what the decoder produces and the disassembler, semantics and executors consume. */

/** Code size: CS.D and CS.L select it (APM vol 2 §4.7.2). */
export type CodeBits = 16 | 32 | 64

/** Operand width in bytes. 6 and 10 are far pointers and descriptor-table operands, 10 is also an 80-bit number; 16 is CMPXCHG16B. */
export type Size = 1 | 2 | 4 | 8
export type OperandSize = Size | 6 | 10 | 16

/** A register operand. `highByte` marks AH, CH, DH, BH, which `index` 0..3 then names. */
export interface RegisterOperand {
  readonly kind: 'register'
  readonly file: 'general' | 'segment' | 'control' | 'debug'
  readonly index: number
  readonly size: Size
  readonly highByte: boolean
}

/** ST(index), 0..7: a register of the x87 stack, counted from its top. */
export interface StackRegisterOperand {
  readonly kind: 'stack-register'
  readonly index: number
}

/**
 * A memory operand: segment:[base + index * scale + displacement].
 * `base` and `index` are general register numbers or -1; `base` is RIP_BASE for RIP-relative addressing,
 * where `displacement` counts from the end of the instruction. `displacement` is sign-extended;
 * the sum is truncated to `addressSize` bytes.
 */
export interface MemoryOperand {
  readonly kind: 'memory'
  readonly segment: number
  readonly base: number
  readonly index: number
  readonly scale: 1 | 2 | 4 | 8
  readonly displacement: bigint
  readonly addressSize: 2 | 4 | 8
  /** Bytes accessed; 0 where nothing is (LEA, INVLPG, NOP). */
  readonly size: OperandSize | 0
}

/** `base` of a RIP-relative memory operand. */
export const RIP_BASE = 16

/** An immediate, already sign- or zero-extended to the operand's `size` as the row says, as an unsigned value. */
export interface ImmediateOperand {
  readonly kind: 'immediate'
  readonly value: bigint
  readonly size: Size
}

/** A branch displacement counted from the end of the instruction. */
export interface RelativeOperand {
  readonly kind: 'relative'
  readonly displacement: bigint
}

/** ptr16:16 or ptr16:32. */
export interface FarOperand {
  readonly kind: 'far'
  readonly selector: number
  readonly offset: bigint
}

export type Operand =
  RegisterOperand | StackRegisterOperand | MemoryOperand | ImmediateOperand | RelativeOperand | FarOperand

export interface Instruction {
  /** NASM spelling, e.g. 'movsb', 'jnz', 'vmrun'. */
  readonly mnemonic: string
  /** Name of its semantics, shared by all rows that mean the same: 'movs', 'jcc', 'add'. */
  readonly operation: string
  /** 0..15 for jcc, setcc, cmovcc (APM vol 3 table 1-? "condition codes"); otherwise -1. */
  readonly condition: number
  /** The operands in the manual's order, destination first. Implicit ones (RCX of LOOP) are not listed. */
  readonly operands: readonly Operand[]
  /** Effective operand size in bytes (1 for byte forms) and effective address size in bytes. */
  readonly operandSize: Size
  readonly addressSize: 2 | 4 | 8
  /** Bytes, prefixes included: 1..15. */
  readonly length: number
  readonly bits: CodeBits
  readonly lock: boolean
  /** F3 / F2 on a string instruction; 'none' elsewhere. */
  readonly repeat: 'none' | 'repe' | 'repne'
  /** Segment-override prefix that applies, or -1. Memory operands already have it applied. */
  readonly segmentOverride: number
  /** 15:8 last opcode byte, 7:0 ModRM or 0: of this the x87 keeps bits 10:0. */
  readonly opcode: number
  /** What the row says of flags: bit masks in rFLAGS positions. `flagsWritten` includes undefined ones. */
  readonly flagsRead: number
  readonly flagsWritten: number
}
