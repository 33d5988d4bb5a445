/** iced-x86 as an oracle for the decoder: its view of an instruction, brought to the shape of ours, for the tests. */
import {
  Decoder,
  DecoderError,
  DecoderOptions,
  Mnemonic,
  OpKind,
  Register,
  type Instruction as IcedInstruction,
} from 'iced-x86'
import { generalRegisterName } from './disassemble.ts'
import type { CodeBits, Instruction, Operand } from './instruction.ts'
import { RIP_BASE } from './instruction.ts'
import { aliases } from './table.ts'

/** What both decoders can say, as text that can be compared. */
export interface View {
  readonly mnemonic: string
  readonly length: number
  readonly operands: readonly string[]
}

export type Opinion = View | 'undefined' | 'truncated'

/** Names of iced that differ from ours. */
const otherNames: Readonly<Record<string, string | undefined>> = {
  pushd: 'push',
  pushq: 'push',
  reservednop: 'nop',
  prefetchreserved: 'prefetch',
  prefetchwt1: 'prefetch',
  cldemote: 'nop',
  rdsspd: 'nop',
  rdsspq: 'nop',
  vmgexit: 'vmmcall',
  prefetchit0: 'nop',
  prefetchit1: 'nop',
  sysretd: 'sysret',
  sysretq: 'sysret',
  sysexitd: 'sysexit',
  sysexitq: 'sysexit',
  pusha: 'pushaw',
  popa: 'popaw',
  pushf: 'pushfw',
  popf: 'popfw',
  iret: 'iretw',
}

function icedMnemonic(iced: IcedInstruction): string {
  const name = Mnemonic[iced.mnemonic].toLowerCase()
  return aliases.get(name) ?? otherNames[name] ?? name
}

/** One of the two decoders lists registers that the other leaves implicit. */
const implicitOperands =
  /^(movs|cmps|scas|lods|stos|ins|outs)[bwdq]$|^(xlatb|vmrun|vmload|vmsave|skinit|invlpga)$/

/** Where iced-x86 lists ST(0) first, and we name the other register only, as the manual does. */
const impliesStackTop = /^(fxch|fu?comp?)$/

/** Instructions on a 16-bit selector or status word, which iced shows in the register of the operand size. */
const takesSelector = /^(lldt|ltr|verr|verw|arpl|lmsw)$/

/**
 * What differs in presentation only: implicit operands, the order of XCHG's, the operands of hint NOPs, the width
 * of a selector's register.
 */
function comparable(mnemonic: string, length: number, operands: readonly string[]): View {
  if (implicitOperands.test(mnemonic)) return { mnemonic, length, operands: [] }
  if (mnemonic === 'xchg') return { mnemonic, length, operands: operands.toSorted() }
  if (mnemonic === 'nop') return { mnemonic, length, operands: [] }
  if (impliesStackTop.test(mnemonic) && operands.length === 2)
    return { mnemonic, length, operands: operands.slice(1) }
  if (takesSelector.test(mnemonic)) return { mnemonic, length, operands: operands.map(narrow) }
  const loadsSegment = mnemonic === 'mov' && /^[c-gs]s$/.test(operands[0])
  const readsSelector = loadsSegment || mnemonic === 'lar' || mnemonic === 'lsl'
  return { mnemonic, length, operands: readsSelector ? [operands[0], narrow(operands[1])] : operands }
}

/** A 32- or 64-bit register's 16-bit name. */
function narrow(register: string): string {
  return register.replace(/^[er](?=[a-z]{2}$)/, '').replace(/^(r\d+)d?$/, '$1w')
}

const hex = (value: bigint) => `0x${value.toString(16)}`

function registerName(register: Register): string {
  const name = Register[register].toLowerCase()
  return /^r\d+l$/.test(name) ? name.replace('l', 'b') : name
}

/** segment:[base + index*scale + displacement]; in 64-bit mode only FS and GS count as segments. */
function memoryText(
  bits: CodeBits,
  segment: string,
  base: string,
  index: string,
  scale: number,
  displacement: bigint,
): string {
  const shown = bits !== 64 || segment === 'fs' || segment === 'gs' ? `${segment}:` : ''
  return `${shown}[${base}+${index}${index === '' ? '' : `*${scale}`}+${hex(displacement)}]`
}

function icedOperand(iced: IcedInstruction, i: number, bits: CodeBits): string {
  switch (iced.opKind(i)) {
    case OpKind.Register:
      return registerName(iced.opRegister(i))
    case OpKind.NearBranch16:
    case OpKind.NearBranch32:
    case OpKind.NearBranch64:
      return `to ${hex(iced.nearBranchTarget)}`
    case OpKind.FarBranch16:
      return `${iced.farBranchSelector}:${hex(BigInt(iced.farBranch16))}`
    case OpKind.FarBranch32:
      return `${iced.farBranchSelector}:${hex(BigInt(iced.farBranch32 >>> 0))}`
    case OpKind.Memory: {
      const ipRelative = iced.memoryBase === Register.RIP || iced.memoryBase === Register.EIP
      const base = ipRelative ? 'ip' : iced.memoryBase === Register.None ? '' : registerName(iced.memoryBase)
      const index = iced.memoryIndex === Register.None ? '' : registerName(iced.memoryIndex)
      const segment = registerName(iced.memorySegment)
      const displacement = iced.memoryDisplacement
      return memoryText(bits, segment, base, index, iced.memoryIndexScale, BigInt.asUintN(64, displacement))
    }
    case OpKind.Immediate8:
    case OpKind.Immediate8_2nd:
    case OpKind.Immediate16:
    case OpKind.Immediate32:
    case OpKind.Immediate64:
    case OpKind.Immediate8to64:
    case OpKind.Immediate32to64:
      return hex(iced.immediate(i))
    case OpKind.Immediate8to16:
      return hex(BigInt.asUintN(16, iced.immediate(i)))
    case OpKind.Immediate8to32:
      return hex(BigInt.asUintN(32, iced.immediate(i)))
    default:
      // The implicit memory operands of string instructions and XLAT, which we do not list.
      return ''
  }
}

/** Decodes with iced-x86 as an AMD processor does. */
export function icedOpinion(bytes: Uint8Array, bits: CodeBits, address: bigint): Opinion {
  const decoder = new Decoder(bits, bytes, DecoderOptions.AMD)
  decoder.ip = address
  const iced = decoder.decode()
  try {
    if (iced.isInvalid) return decoder.lastError === DecoderError.NoMoreBytes ? 'truncated' : 'undefined'
    const operands = Array.from({ length: iced.opCount }, (_, i) => icedOperand(iced, i, bits)).filter(
      (text) => text !== '',
    )
    return comparable(icedMnemonic(iced), iced.length, operands)
  } finally {
    iced.free()
    decoder.free()
  }
}

function ourOperand(operand: Operand, instruction: Instruction, next: bigint): string {
  switch (operand.kind) {
    case 'register':
      if (operand.file === 'general')
        return generalRegisterName(operand.index, operand.size, operand.highByte)
      if (operand.file === 'segment') return ['es', 'cs', 'ss', 'ds', 'fs', 'gs'][operand.index]
      return `${operand.file === 'control' ? 'cr' : 'dr'}${operand.index}`
    case 'memory': {
      const { addressSize } = operand
      const ipRelative = operand.base === RIP_BASE
      const base = ipRelative ? 'ip' : operand.base < 0 ? '' : generalRegisterName(operand.base, addressSize)
      const index = operand.index < 0 ? '' : generalRegisterName(operand.index, addressSize)
      const segment = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'][operand.segment]
      const displacement = ipRelative ? next + operand.displacement : operand.displacement
      return memoryText(
        instruction.bits,
        segment,
        base,
        index,
        operand.scale,
        BigInt.asUintN(addressSize * 8, displacement),
      )
    }
    case 'stack-register':
      return `st${operand.index}`
    case 'immediate':
      return hex(operand.value)
    case 'relative':
      return `to ${hex(BigInt.asUintN(instruction.operandSize * 8, next + operand.displacement))}`
    case 'far':
      return `${operand.selector}:${hex(operand.offset)}`
  }
}

/** Our instruction in the same shape. */
export function ourView(instruction: Instruction, address: bigint): View {
  const next = address + BigInt(instruction.length)
  const operands = instruction.operands.map((operand) => ourOperand(operand, instruction, next))
  return comparable(instruction.mnemonic.replace(' far', ''), instruction.length, operands)
}
