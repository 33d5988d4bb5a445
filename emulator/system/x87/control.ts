/** Control instructions: control and status word, exceptions, the stack's top, environment and whole state (APM vol 1 §6.4.8). */
import { RAX } from '../../isa/registers.ts'
import type { MemoryOperand } from '../../isa/instruction.ts'
import type { Cpu, SystemInstruction } from '../../state/cpu.ts'
import { Fault, undefinedOpcode, VECTOR } from '../../state/faults.ts'
import { CR0, MODE } from '../../state/mode.ts'
import type { Vcpu } from '../../state/vcpu.ts'
import { memoryOperand, writeOperand, writeRegister } from '../operands.ts'
import {
  extendedFields,
  type Field,
  loadOperand,
  readExtendedBits,
  recordReader,
  storeFields,
} from './memory.ts'
import { isInfinity, isNan, isUnsupported, isZero, unpackExtended } from './number.ts'
import { CONDITION } from './round.ts'
import {
  clearExceptions,
  computing,
  free,
  initialize,
  nonWaiting,
  raisePending,
  registerBits,
  setControl,
  setRegisterBits,
  setTop,
  top,
  waiting,
} from './stack.ts'
import { stackOperand } from './transfers.ts'

/** FWAIT looks at CR0.TS only while CR0.MP is 1, and not at CR0.EM. */
const fwait: SystemInstruction = ({ state, model }) => {
  if (!model.has('fpu')) undefinedOpcode()
  const both = CR0.MP | CR0.TS
  if ((state.cr0 & both) === both) throw new Fault(VECTOR.NM)
  raisePending(state)
}

function moveTop(by: number): SystemInstruction {
  return computing(({ state }) => {
    setTop(state, top(state) + by)
    state.fpuStatus &= ~CONDITION.C1
  })
}

const fldcw = waiting((cpu, instruction) => {
  setControl(cpu.state, Number(loadOperand(cpu, instruction)))
})

const fnstcw = nonWaiting((cpu, instruction) => {
  writeOperand(cpu, instruction, 0, BigInt(cpu.state.fpuControl))
})

const fnstsw = nonWaiting((cpu, instruction) => {
  const value = BigInt(cpu.state.fpuStatus)
  if (instruction.operands[0].kind === 'register') writeRegister(cpu.state, RAX, 2, value)
  else writeOperand(cpu, instruction, 0, value)
})

/** Tags of two bits, as the environment has them: 0 valid, 1 zero, 2 special, 3 empty (APM vol 1 §6.2.4). */
function tagWord(state: Vcpu): number {
  let word = 0
  for (let register = 0; register < 8; register++) {
    const index = (register - top(state)) & 7
    const value = unpackExtended(registerBits(state, index))
    const special = isNan(value) || isInfinity(value) || isUnsupported(value) || value.exponent === 0
    const tag = (state.fpuTags >> register) & 1 ? (isZero(value) ? 1 : special ? 2 : 0) : 3
    word |= tag << (register * 2)
  }
  return word
}

function setTagWord(state: Vcpu, word: number): void {
  state.fpuTags = 0
  for (let register = 0; register < 8; register++)
    if (((word >> (register * 2)) & 3) !== 3) state.fpuTags |= 1 << register
}

function isProtected(state: Vcpu): boolean {
  return (state.mode & MODE.protected) !== 0
}

/**
 * The environment as seven words of 16 or 32 bits (APM vol 2 figures 11-6 to 11-9): control, status, tags, instruction pointer,
 * CS with the opcode above it, data pointer, DS. Real mode stores linear addresses; their upper bits lie from bit 12 of the word
 * behind, above the opcode.
 */
function environment(state: Vcpu, size: 2 | 4): Field[] {
  const wide = size === 4
  const words = [state.fpuControl, state.fpuStatus, tagWord(state)]
  const ip = Number(BigInt.asUintN(32, state.fpuIp))
  const dp = Number(BigInt.asUintN(32, state.fpuDp))
  if (isProtected(state)) {
    words.push(ip, state.fpuCs | (wide ? state.fpuOpcode << 16 : 0), dp, state.fpuDs)
  } else {
    const linear = (selector: number, offset: number) => (selector * 16 + offset) >>> 0
    const [code, data] = [linear(state.fpuCs, ip), linear(state.fpuDs, dp)]
    words.push(code & 0xffff, ((code >>> 16) << 12) | state.fpuOpcode, data & 0xffff, (data >>> 16) << 12)
  }
  return words.map((word, i) => ({ offset: i * size, size, value: BigInt.asUintN(size * 8, BigInt(word)) }))
}

/** Bytes of an environment whose words have the operand size of the instruction. */
function wordSize(operandSize: number): 2 | 4 {
  return operandSize === 2 ? 2 : 4
}

function loadEnvironment(state: Vcpu, words: readonly number[], size: 2 | 4): void {
  const [control, status, tags, ip, code, dp, data] = words
  state.fpuStatus = status & 0xffff
  setControl(state, control)
  setTagWord(state, tags)
  if (isProtected(state)) {
    state.fpuIp = BigInt(ip)
    state.fpuCs = code & 0xffff
    // The 16-bit format has no opcode.
    state.fpuOpcode = size === 4 ? (code >>> 16) & 0x7ff : 0
    state.fpuDp = BigInt(dp)
    state.fpuDs = data & 0xffff
    return
  }
  state.fpuIp = BigInt((((code >>> 12) << 16) | (ip & 0xffff)) >>> 0)
  state.fpuOpcode = code & 0x7ff
  state.fpuDp = BigInt((((data >>> 12) << 16) | (dp & 0xffff)) >>> 0)
  state.fpuCs = state.fpuDs = 0
}

function readEnvironment(cpu: Cpu, operand: MemoryOperand, size: 2 | 4): number[] {
  const read = recordReader(cpu, operand)
  return Array.from({ length: 7 }, (_, i) => Number(read(i * size, size)))
}

/** Stores the environment, then masks all exceptions. */
const fnstenv = nonWaiting((cpu, instruction) => {
  storeFields(cpu, memoryOperand(instruction, 0), environment(cpu.state, wordSize(instruction.operandSize)))
  setControl(cpu.state, cpu.state.fpuControl | 0x3f)
})

const fldenv = waiting((cpu, instruction) => {
  const size = wordSize(instruction.operandSize)
  loadEnvironment(cpu.state, readEnvironment(cpu, memoryOperand(instruction, 0), size), size)
})

/** The eight registers follow the environment, ST(0) first. */
const fnsave = nonWaiting((cpu, instruction) => {
  const { state } = cpu
  const size = wordSize(instruction.operandSize)
  const registers = Array.from({ length: 8 }, (_, i) =>
    extendedFields(7 * size + 10 * i, registerBits(state, i)),
  )
  storeFields(cpu, memoryOperand(instruction, 0), [...environment(state, size), ...registers.flat()])
  initialize(state)
})

const frstor = waiting((cpu, instruction) => {
  const operand = memoryOperand(instruction, 0)
  const size = wordSize(instruction.operandSize)
  const words = readEnvironment(cpu, operand, size)
  const read = recordReader(cpu, operand)
  const registers = Array.from({ length: 8 }, (_, i) => readExtendedBits(read, 7 * size + 10 * i))
  loadEnvironment(cpu.state, words, size)
  registers.forEach((bits, i) => setRegisterBits(cpu.state, i, bits))
})

/** Bytes of the x87 part of an FXSAVE or XSAVE image. */
export const IMAGE = { control: 0, status: 2, tags: 4, opcode: 6, ip: 8, dp: 16, registers: 32 } as const

/**
 * The x87 part of an FXSAVE or XSAVE image (APM vol 2 §11.4.4): one bit for each tag, and pointers of 64 bits (`wide`) or of 32
 * with their selectors.
 */
export function imageFields(state: Vcpu, wide: boolean): Field[] {
  const pointer = (offset: bigint, selector: number) =>
    wide ? offset : BigInt.asUintN(32, offset) | (BigInt(selector) << 32n)
  return [
    { offset: IMAGE.control, size: 2, value: BigInt(state.fpuControl) },
    { offset: IMAGE.status, size: 2, value: BigInt(state.fpuStatus) },
    { offset: IMAGE.tags, size: 2, value: BigInt(state.fpuTags) },
    { offset: IMAGE.opcode, size: 2, value: BigInt(state.fpuOpcode) },
    { offset: IMAGE.ip, size: 8, value: pointer(state.fpuIp, state.fpuCs) },
    { offset: IMAGE.dp, size: 8, value: pointer(state.fpuDp, state.fpuDs) },
    ...Array.from({ length: 8 }, (_, i): Field[] => {
      const [significand, rest] = extendedFields(IMAGE.registers + 16 * i, registerBits(state, i))
      return [significand, { ...rest, size: 8 }]
    }).flat(),
  ]
}

/** Loads what `imageFields` stores; nothing changes if a read faults. */
export function loadImage(cpu: Cpu, operand: MemoryOperand, wide: boolean): void {
  const { state } = cpu
  const read = recordReader(cpu, operand)
  const [control, status, tags, opcode] = [IMAGE.control, IMAGE.status, IMAGE.tags, IMAGE.opcode].map(
    (offset) => Number(read(offset, 2)),
  )
  const [ip, dp] = [read(IMAGE.ip, 8), read(IMAGE.dp, 8)]
  const registers = Array.from({ length: 8 }, (_, i) => readExtendedBits(read, IMAGE.registers + 16 * i))
  state.fpuStatus = status
  setControl(state, control)
  state.fpuTags = tags & 0xff
  state.fpuOpcode = opcode & 0x7ff
  state.fpuIp = wide ? ip : BigInt.asUintN(32, ip)
  state.fpuCs = wide ? 0 : Number((ip >> 32n) & 0xffffn)
  state.fpuDp = wide ? dp : BigInt.asUintN(32, dp)
  state.fpuDs = wide ? 0 : Number((dp >> 32n) & 0xffffn)
  registers.forEach((bits, i) => setRegisterBits(state, i, bits))
}

export const controlInstructions: Readonly<Record<string, SystemInstruction>> = {
  fnop: computing(() => undefined),
  fwait,
  ffree: computing(({ state }, instruction) => free(state, stackOperand(instruction))),
  fincstp: moveTop(1),
  fdecstp: moveTop(-1),
  fldcw,
  fnstcw,
  fnstsw,
  fnclex: nonWaiting(({ state }) => clearExceptions(state)),
  fninit: nonWaiting(({ state }) => initialize(state)),
  fldenv,
  fnstenv,
  frstor,
  fnsave,
}
