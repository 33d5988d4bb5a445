/** Loads, stores, constants, exchanges and conditional moves (APM vol 1 §6.4.1 to §6.4.4). */
import type { Instruction, Size } from '../../isa/instruction.ts'
import { CF, PF, ZF } from '../../isa/registers.ts'
import type { Cpu, SystemInstruction } from '../../state/cpu.ts'
import { readRflags } from '../../state/flags.ts'
import { memoryOperand } from '../operands.ts'
import { fromInteger } from './arithmetic.ts'
import { nanResult } from './operands.ts'
import { fromDecimal, toDecimal } from './decimal.ts'
import {
  extendedFields,
  type Field,
  loadOperand,
  readExtendedBits,
  recordReader,
  storeFields,
} from './memory.ts'
import {
  DOUBLE,
  exactValue,
  type Extended,
  EXTENDED,
  type Format,
  fromMemoryFormat,
  INDEFINITE,
  isInfinity,
  isZero,
  packExtended,
  SINGLE,
  toMemoryFormat,
  unpackExtended,
} from './number.ts'
import { CONDITION, EXCEPTION, type Result, round, ROUNDING, roundingControl, roundToScale } from './round.ts'
import {
  computing,
  forbidsResult,
  isEmpty,
  pop,
  push,
  raise,
  readStack,
  STACK_UNDERFLOW,
  writeStack,
} from './stack.ts'

/** The stack register that the instruction names last; `otherwise` where it names none. */
export function stackOperand(instruction: Instruction, otherwise = 1): number {
  const operand = instruction.operands.at(-1)
  return operand?.kind === 'stack-register' ? operand.index : otherwise
}

function formatOf(size: number): Format {
  return size === 4 ? SINGLE : DOUBLE
}

const fld = computing((cpu, instruction) => {
  const { state } = cpu
  const operand = instruction.operands[0]
  if (operand.kind === 'stack-register')
    push(
      state,
      isEmpty(state, operand.index) ? STACK_UNDERFLOW : { value: readStack(state, operand.index), status: 0 },
    )
  else push(state, loadReal(cpu, instruction))
})

/** A number in memory, as FLD makes one of the register format: a signaling NaN of 32 or 64 bits becomes quiet. */
function loadReal(cpu: Cpu, instruction: Instruction): Result {
  const operand = memoryOperand(instruction, 0)
  if (operand.size === 10)
    return { value: unpackExtended(readExtendedBits(recordReader(cpu, operand), 0)), status: 0 }
  const { value, denormal } = fromMemoryFormat(loadOperand(cpu, instruction), formatOf(operand.size))
  return nanResult(value, value) ?? { value, status: denormal ? EXCEPTION.DE : 0 }
}

const fild = computing((cpu, instruction) => {
  const bits = memoryOperand(instruction, 0).size * 8
  push(cpu.state, { value: fromInteger(BigInt.asIntN(bits, loadOperand(cpu, instruction))), status: 0 })
})

const fbld = computing((cpu, instruction) => {
  const bits = readExtendedBits(recordReader(cpu, memoryOperand(instruction, 0)), 0)
  push(cpu.state, { value: fromDecimal(bits), status: 0 })
})

/** What a store puts into memory, with the exceptions of the conversion. */
interface Stored {
  readonly bits: bigint
  readonly status: number
}

/** Overflow and underflow that are not masked: a store then raises them alone. */
function unmaskedRange(status: number, control: number): number {
  return status & ~control & (EXCEPTION.OE | EXCEPTION.UE)
}

/**
 * Stores ST(0) as `convert` makes it, then pops if asked to. An unmasked exception keeps memory and stack as they are, but for that
 * of precision.
 */
function storing(
  convert: (value: Extended, control: number, bytes: number) => Stored,
  pops: boolean,
): SystemInstruction {
  return computing((cpu, instruction) => {
    const { state } = cpu
    const operand = memoryOperand(instruction, 0)
    const empty = isEmpty(state, 0)
    const converted = convert(empty ? INDEFINITE : readStack(state, 0), state.fpuControl, operand.size)
    const status = empty ? STACK_UNDERFLOW.status : converted.status
    const range = unmaskedRange(status, state.fpuControl)
    if (range !== 0 || forbidsResult(state, status)) {
      raise(state, range === 0 ? status : range)
      return
    }
    storeFields(cpu, operand, fieldsOf(converted.bits, operand.size))
    raise(state, status)
    if (pops) pop(state)
  })
}

function fieldsOf(bits: bigint, bytes: number): Field[] {
  return bytes === 10 ? extendedFields(0, bits) : [{ offset: 0, size: bytes as Size, value: bits }]
}

function toReal(value: Extended, control: number, bytes: number): Stored {
  if (bytes === 10) return { bits: packExtended(value), status: 0 }
  const format = formatOf(bytes)
  const nan = nanResult(value, value)
  if (nan) return { bits: toMemoryFormat(nan.value, format), status: nan.status }
  if (isInfinity(value) || isZero(value)) return { bits: toMemoryFormat(value, format), status: 0 }
  const result = round({ ...exactValue(value), sticky: false }, format, control)
  const stored = unmaskedRange(result.status, control) === 0
  return { bits: stored ? toMemoryFormat(result.value, format) : 0n, status: result.status }
}

/** The integer indefinite, the most negative one, stands for NaNs and what does not fit. */
function toInteger(value: Extended, control: number, bytes: number): Stored {
  const bits = bytes * 8
  const invalid = { bits: 1n << BigInt(bits - 1), status: EXCEPTION.IE }
  if (nanResult(value, value) || isInfinity(value)) return invalid
  if (isZero(value)) return { bits: 0n, status: 0 }
  const { significand, inexact, up } = roundToScale(
    { ...exactValue(value), sticky: false },
    0,
    roundingControl(control),
  )
  const integer = value.negative ? -significand : significand
  if (BigInt.asIntN(bits, integer) !== integer) return invalid
  const status = (inexact ? EXCEPTION.PE : 0) | (up ? CONDITION.C1 : 0)
  return { bits: BigInt.asUintN(bits, integer), status }
}

function toTruncatedInteger(value: Extended, control: number, bytes: number): Stored {
  return toInteger(value, control | (ROUNDING.truncate << 10), bytes)
}

/** FST and FSTP to a register copy, to memory they convert. */
function storeReal(pops: boolean): SystemInstruction {
  const toMemory = storing(toReal, pops)
  const toRegister = computing(({ state }, instruction) => {
    const empty = isEmpty(state, 0)
    if (!raise(state, empty ? STACK_UNDERFLOW.status : 0)) return
    writeStack(state, stackOperand(instruction), empty ? INDEFINITE : readStack(state, 0))
    if (pops) pop(state)
  })
  return (cpu, instruction) =>
    (instruction.operands[0].kind === 'memory' ? toMemory : toRegister)(cpu, instruction)
}

/** log2 10, log2 e, pi, log10 2, ln 2: 64 bits before `sticky`, the exponent of the last one, and the bits that follow. */
const IRRATIONAL = {
  fldl2t: [0xd49a784bcd1b8afen, -62, 0x492bn],
  fldl2e: [0xb8aa3b295c17f0bbn, -63, 0xbe87n],
  fldpi: [0xc90fdaa22168c234n, -62, 0xc4c6n],
  fldlg2: [0x9a209a84fbcff798n, -65, 0x8f89n],
  fldln2: [0xb17217f7d1cf79abn, -64, 0xc9e3n],
} as const

/** Constants are rounded by the rounding control, without an exception. */
function loadConstant(significand: bigint, scale: number, next: bigint): SystemInstruction {
  const exact = {
    negative: false,
    significand: (significand << 16n) | next,
    scale: scale - 16,
    sticky: next !== 0n,
  }
  return computing(({ state }) => {
    push(state, { value: round(exact, EXTENDED, state.fpuControl).value, status: 0 })
  })
}

const constants = Object.fromEntries(
  Object.entries(IRRATIONAL).map(([name, [significand, scale, next]]) => [
    name,
    loadConstant(significand, scale, next),
  ]),
)

const fxch = computing(({ state }, instruction) => {
  const other = stackOperand(instruction)
  const bothFull = !isEmpty(state, 0) && !isEmpty(state, other)
  if (!raise(state, bothFull ? 0 : STACK_UNDERFLOW.status)) return
  const [a, b] = [0, other].map((index) => (isEmpty(state, index) ? INDEFINITE : readStack(state, index)))
  writeStack(state, 0, b)
  writeStack(state, other, a)
})

/** FCMOVcc: moves if one of `flags` is set, or with `negated` if none is. */
function conditionalMove(flags: number, negated: boolean): SystemInstruction {
  return computing(({ state }, instruction) => {
    const source = stackOperand(instruction)
    const empty = isEmpty(state, 0) || isEmpty(state, source)
    if (!raise(state, empty ? STACK_UNDERFLOW.status : 0)) return
    if (empty) writeStack(state, 0, INDEFINITE)
    else if (((readRflags(state) & flags) !== 0) !== negated) writeStack(state, 0, readStack(state, source))
  })
}

/** FCHS and FABS change the sign bit of whatever ST(0) holds. */
function signChange(sign: (negative: boolean) => boolean): SystemInstruction {
  return computing(({ state }) => {
    const empty = isEmpty(state, 0)
    if (!raise(state, empty ? STACK_UNDERFLOW.status : 0)) return
    const value = readStack(state, 0)
    writeStack(state, 0, empty ? INDEFINITE : { ...value, negative: sign(value.negative) })
  })
}

export const transferInstructions: Readonly<Record<string, SystemInstruction>> = {
  fld,
  fild,
  fbld,
  fst: storeReal(false),
  fstp: storeReal(true),
  fist: storing(toInteger, false),
  fistp: storing(toInteger, true),
  fisttp: storing(toTruncatedInteger, true),
  fbstp: storing(toDecimal, true),
  fld1: loadConstant(1n << 63n, -63, 0n),
  fldz: computing(({ state }) => push(state, { value: fromInteger(0n), status: 0 })),
  ...constants,
  fxch,
  fchs: signChange((negative) => !negative),
  fabs: signChange(() => false),
  fcmovb: conditionalMove(CF, false),
  fcmove: conditionalMove(ZF, false),
  fcmovbe: conditionalMove(CF | ZF, false),
  fcmovu: conditionalMove(PF, false),
  fcmovnb: conditionalMove(CF, true),
  fcmovne: conditionalMove(ZF, true),
  fcmovnbe: conditionalMove(CF | ZF, true),
  fcmovnu: conditionalMove(PF, true),
}
