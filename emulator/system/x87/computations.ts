/** Instructions that compute and compare (APM vol 1 §6.4.5 to §6.4.7). */
import type { Instruction } from '../../isa/instruction.ts'
import { CF, PF, ZF } from '../../isa/registers.ts'
import type { Cpu, SystemInstruction } from '../../state/cpu.ts'
import { setArithmeticFlags } from '../../state/flags.ts'
import type { Vcpu } from '../../state/vcpu.ts'
import { memoryOperand } from '../operands.ts'
import {
  add,
  compare,
  divide,
  extract,
  fromInteger,
  multiply,
  remainder,
  roundToInteger,
  scale,
  squareRoot,
  subtract,
} from './arithmetic.ts'
import { loadOperand } from './memory.ts'
import {
  DOUBLE,
  type Extended,
  fromMemoryFormat,
  INDEFINITE,
  isDenormal,
  isInfinity,
  isNan,
  isUnsupported,
  isZero,
  SINGLE,
  zero,
} from './number.ts'
import { CONDITION, EXCEPTION, type Result } from './round.ts'
import {
  computing,
  isEmpty,
  pop,
  raise,
  readStack,
  STACK_OVERFLOW,
  STACK_UNDERFLOW,
  setTop,
  top,
  writeStack,
} from './stack.ts'
import { stackOperand } from './transfers.ts'

/** The second operand: of the stack or of memory. Undefined: an empty register. */
interface Source {
  readonly value: Extended | undefined
  /** It was a denormal number of 32 or 64 bits, which the register format does not show. */
  readonly denormal: boolean
}

function fromStack(state: Vcpu, index: number): Source {
  return { value: isEmpty(state, index) ? undefined : readStack(state, index), denormal: false }
}

function realSource(cpu: Cpu, instruction: Instruction): Source {
  if (instruction.operands.at(-1)?.kind !== 'memory') return fromStack(cpu.state, stackOperand(instruction))
  const format = memoryOperand(instruction, 0).size === 4 ? SINGLE : DOUBLE
  return fromMemoryFormat(loadOperand(cpu, instruction), format)
}

function integerSource(cpu: Cpu, instruction: Instruction): Source {
  const bits = memoryOperand(instruction, 0).size * 8
  return { value: fromInteger(BigInt.asIntN(bits, loadOperand(cpu, instruction))), denormal: false }
}

/** DE for a denormal operand of memory, unless an exception or a NaN decided the result before. */
function denormalStatus({ value, status }: Result, source: Source): number {
  const decided = (status & (EXCEPTION.IE | EXCEPTION.ZE)) !== 0 || isNan(value)
  return source.denormal && !decided ? status | EXCEPTION.DE : status
}

type Binary = (a: Extended, b: Extended, control: number) => Result

/** The destination, ST(0) or the stack register named first, becomes `compute(destination, source)`. */
function arithmetic(
  compute: Binary,
  sourceOf: (cpu: Cpu, instruction: Instruction) => Source,
  pops = false,
): SystemInstruction {
  return computing((cpu, instruction) => {
    const { state } = cpu
    const source = sourceOf(cpu, instruction)
    const first = instruction.operands[0]
    const index = first.kind === 'stack-register' ? first.index : 0
    const destination = fromStack(state, index).value
    const result =
      destination === undefined || source.value === undefined
        ? STACK_UNDERFLOW
        : compute(destination, source.value, state.fpuControl)
    if (!raise(state, denormalStatus(result, source))) return
    writeStack(state, index, result.value)
    if (pops) pop(state)
  })
}

const reversed =
  (compute: Binary): Binary =>
  (a, b, control) =>
    compute(b, a, control)

const BINARY: Readonly<Record<string, Binary>> = {
  add,
  mul: multiply,
  sub: subtract,
  subr: reversed(subtract),
  div: divide,
  divr: reversed(divide),
}

/** Each with a real operand, with an integer one, and with a pop. */
const binaryInstructions = Object.fromEntries(
  Object.entries(BINARY).flatMap(([name, compute]) => [
    [`f${name}`, arithmetic(compute, realSource)],
    [`fi${name}`, arithmetic(compute, integerSource)],
    [`f${name}p`, arithmetic(compute, realSource, true)],
  ]),
)

/** ST(0) becomes a function of itself. */
function unary(compute: (a: Extended, control: number) => Result): SystemInstruction {
  return computing(({ state }) => {
    const { value, status } = isEmpty(state, 0)
      ? STACK_UNDERFLOW
      : compute(readStack(state, 0), state.fpuControl)
    if (raise(state, status)) writeStack(state, 0, value)
  })
}

const ALL_CONDITIONS = CONDITION.C0 | CONDITION.C1 | CONDITION.C2 | CONDITION.C3

/** ST(0) becomes a function of itself and ST(1), which may set all condition codes of `conditions`. */
function withNext(compute: Binary, conditions: number): SystemInstruction {
  return computing(({ state }) => {
    const empty = isEmpty(state, 0) || isEmpty(state, 1)
    const { value, status } = empty
      ? STACK_UNDERFLOW
      : compute(readStack(state, 0), readStack(state, 1), state.fpuControl)
    if (raise(state, status, conditions)) writeStack(state, 0, value)
  })
}

const fxtract = computing(({ state }) => {
  if (isEmpty(state, 0) || !isEmpty(state, 7)) {
    const fault = isEmpty(state, 0) ? STACK_UNDERFLOW : STACK_OVERFLOW
    if (raise(state, fault.status)) replaceByTwo(state, INDEFINITE, INDEFINITE)
    return
  }
  const { exponent, significand, status } = extract(readStack(state, 0))
  if (raise(state, status)) replaceByTwo(state, exponent, significand)
})

function replaceByTwo(state: Vcpu, below: Extended, above: Extended): void {
  writeStack(state, 0, below)
  setTop(state, top(state) - 1)
  writeStack(state, 0, above)
}

/** The condition codes of a comparison; all of them together say that the operands are unordered. */
const UNORDERED = CONDITION.C0 | CONDITION.C2 | CONDITION.C3

/** The condition codes and exceptions of comparing ST(0) with a source. */
function comparison(state: Vcpu, source: Source, quiet: boolean): number {
  if (isEmpty(state, 0) || source.value === undefined) return STACK_UNDERFLOW.status | UNORDERED
  const status = compare(readStack(state, 0), source.value, quiet)
  const unordered = (status & UNORDERED) === UNORDERED
  return source.denormal && !unordered ? status | EXCEPTION.DE : status
}

/** Compares ST(0) with a source, sets the condition codes even if an exception is not masked, and pops `pops` times. */
function comparing(
  sourceOf: (cpu: Cpu, instruction: Instruction) => Source,
  pops: number,
  quiet = false,
): SystemInstruction {
  return computing((cpu, instruction) => {
    const { state } = cpu
    const status = comparison(state, sourceOf(cpu, instruction), quiet)
    const continues = raise(state, status, ALL_CONDITIONS)
    state.fpuStatus |= status & UNORDERED
    if (continues) for (let i = 0; i < pops; i++) pop(state)
  })
}

/** Compares ST(0) with another register and sets rFLAGS: C0 is CF, C2 PF, C3 ZF; the other arithmetic flags are cleared. */
function comparingFlags(pops: number, quiet: boolean): SystemInstruction {
  return computing(({ state }, instruction) => {
    const status = comparison(state, fromStack(state, stackOperand(instruction)), quiet)
    if (!raise(state, status & ~UNORDERED)) return
    const flag = (condition: number, value: number) => (status & condition ? value : 0)
    setArithmeticFlags(state, flag(CONDITION.C0, CF) | flag(CONDITION.C2, PF) | flag(CONDITION.C3, ZF))
    for (let i = 0; i < pops; i++) pop(state)
  })
}

/** C3, C2 and C0 say what ST(0) is (APM vol 5, FXAM), C1 is its sign. */
const fxam = computing(({ state }) => {
  const value = readStack(state, 0)
  const sign = value.negative ? CONDITION.C1 : 0
  raise(state, (isEmpty(state, 0) ? CONDITION.C3 | CONDITION.C0 : classOf(value)) | sign, ALL_CONDITIONS)
})

function classOf(value: Extended): number {
  if (isUnsupported(value)) return 0
  if (isNan(value)) return CONDITION.C0
  if (isInfinity(value)) return CONDITION.C2 | CONDITION.C0
  if (isZero(value)) return CONDITION.C3
  return isDenormal(value) ? CONDITION.C3 | CONDITION.C2 : CONDITION.C2
}

export const computationInstructions: Readonly<Record<string, SystemInstruction>> = {
  ...binaryInstructions,
  fsqrt: unary(squareRoot),
  frndint: unary(roundToInteger),
  fscale: withNext(scale, CONDITION.C1),
  fprem: withNext((a, b, control) => remainder(a, b, false, control), ALL_CONDITIONS),
  fprem1: withNext((a, b, control) => remainder(a, b, true, control), ALL_CONDITIONS),
  fxtract,
  fcom: comparing(realSource, 0),
  fcomp: comparing(realSource, 1),
  fcompp: comparing(realSource, 2),
  ficom: comparing(integerSource, 0),
  ficomp: comparing(integerSource, 1),
  fucom: comparing(realSource, 0, true),
  fucomp: comparing(realSource, 1, true),
  fucompp: comparing(realSource, 2, true),
  fcomi: comparingFlags(0, false),
  fcomip: comparingFlags(1, false),
  fucomi: comparingFlags(0, true),
  fucomip: comparingFlags(1, true),
  ftst: comparing(() => ({ value: zero(false), denormal: false }), 0),
  fxam,
}
