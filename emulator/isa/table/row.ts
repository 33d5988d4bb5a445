/**
 * The notation of the instruction table and its parser. A line of the table is a line of APM vol 3 chapters 3 and 4:
 *
 *   mnemonic operands          | opcode           | options
 *   add reg/mem64, simm8       | 83 /0 ib
 *
 * Operands (APM vol 3 §2.5.1): `reg32`, `mem32`, `reg/mem32`, `imm8`, `rel8off`, `pntr16:32`, `mem16:32`, `moffset8`,
 * `segReg`, `CRn`, `DRn`, `1`, a register's name, and `rAX` for the accumulator of the address size. Three additions:
 * `simm8` and `simm32` are immediates that the manual's text says are sign-extended to the operand size, and
 * `reg32/mem16` is a ModRM operand whose register and memory forms differ in size. Of vol 5: `ST(0)`, `ST(i)`, and memory with its
 * number format: `mem64real`, `mem32int`, `mem80dec`, `mem512env`.
 *
 * Opcode (APM vol 3 §2.5.2): hexadecimal bytes, `/0`..`/7`, `/r`, `+r` (register in the opcode byte), `+cc` (condition),
 * `ib iw id iq` (immediate), `cb cw cd` (branch displacement). A byte after a complete opcode is a fixed ModRM byte;
 * `C0+i` is one that names ST(i) in its low bits. The operand size means nothing to opcodes D8 to DF. 9B before one of them is FWAIT.
 * `NP` says that none of the prefixes F2, F3 and (unless it selects the operand size) 66 may stand before it; a leading 66, F2 or F3 is a mandatory prefix.
 *
 * `*` stands for the three lines of the manual with 16-, 32- and 64-bit operands: `reg*` is reg16, reg32, reg64;
 * `imm*` is imm16, imm32, simm32; `rel*` is rel16off, rel32off, rel32off; `i*` and `c*` follow.
 *
 * Options:
 *   o8 o16 o32 o64   the operand size, where the first operand does not tell; o* stands for the three of them
 *   fixed            the operand-size prefix and REX.W change nothing
 *   default-64       the operand size is 64 bits in 64-bit mode without REX.W; 32 bits does not exist there
 *   ignores-rex.w    the 32-bit line also applies with REX.W
 *   a16 a32 a64      the line applies with this address size
 *   not-64, only-64  modes in which it exists
 *   mod=3            ModRM.mod must be 3 (the register form)
 *   not-self-64      not for the accumulator itself in 64-bit mode, where 90 is NOP and clears nothing
 *   rex.b=0          the line applies without REX.B
 *   assembler-only   another way of writing an instruction that decodes as another line
 *   decoder-only     an encoding that the assembler does not choose
 */
import type { OperandSize, Size } from '../instruction.ts'
import { conditions } from './conditions.ts'

export type OperandKind =
  | 'register' // in ModRM.reg
  | 'register-in-rm'
  | 'register-in-opcode'
  | 'register-or-memory'
  | 'memory'
  | 'far-memory' // a far pointer or a descriptor-table operand
  | 'memory-offset'
  | 'fixed-register'
  | 'address-register' // the accumulator at the address size
  | 'segment'
  | 'control'
  | 'debug'
  | 'stack-top' // ST(0)
  | 'stack-register' // ST(i) in ModRM.rm
  | 'one'
  | 'immediate'
  | 'relative'
  | 'far'

/** What an operand of a row may be and where its encoding lies. Sizes in bytes, 0 where there is none. */
export interface OperandForm {
  readonly text: string
  readonly kind: OperandKind
  /** Of the register, or of the immediate or displacement as encoded. */
  readonly size: Size | 0
  readonly memorySize: OperandSize | 0
  /** Sign-extended to the operand size. */
  readonly extended: boolean
  /** Of a fixed register. */
  readonly file: 'general' | 'segment'
  readonly index: number
}

/** Opcode maps: one byte, 0F, 0F 38, 0F 3A (APM vol 3 appendix A). */
export type OpcodeMap = 0 | 1 | 2 | 3

/** Bits of `Row.modes`. */
export const MODE_16 = 1
export const MODE_32 = 2
export const MODE_64 = 4

/** `Row.prefix` of a row marked NP. */
export const NO_PREFIX = -1

/** One encoding of one instruction. */
export interface Row {
  readonly mnemonic: string
  readonly operation: string
  readonly title: string
  readonly section: string
  /** The row as the manual prints it. */
  readonly operandText: string
  readonly opcodeText: string
  readonly condition: number
  readonly operands: readonly OperandForm[]
  readonly map: OpcodeMap
  readonly opcode: number
  readonly opcodeRegister: boolean
  /** Mandatory prefix 66, F2 or F3; 9B, an FWAIT that the mnemonic implies (assembler only); NO_PREFIX if none of them is allowed; 0 if any is. */
  readonly prefix: number
  readonly modrm: boolean
  /** Required ModRM.reg and ModRM.rm, -1 for any. */
  readonly digit: number
  readonly rm: number
  readonly mod: 'any' | 'memory' | 'register'
  /** Required REX.B = 0. */
  readonly noRexB: boolean
  /** 0: whatever size is in effect. */
  readonly operandSize: Size | 0
  /** The effective operand size selects this row among its neighbours. */
  readonly selectedBySize: boolean
  readonly default64: boolean
  readonly ignoresRexW: boolean
  readonly addressSize: 0 | 2 | 4 | 8
  readonly modes: number
  readonly lockable: boolean
  readonly lockSelectsCr8: boolean
  readonly repeatable: boolean
  /** The operand or address size matters, but neither mnemonic nor operands show it. */
  readonly hiddenOperandSize: boolean
  readonly hiddenAddressSize: boolean
  readonly flagsRead: number
  readonly flagsWritten: number
  readonly notSelf64: boolean
  readonly assemblerOnly: boolean
  readonly decoderOnly: boolean
}

/** What all lines of an instruction share. */
export interface Properties {
  /** Flag masks: `writes` are defined results, `leavesUndefined` are those that the manual calls undefined. */
  readonly reads?: number
  readonly writes?: number
  readonly leavesUndefined?: number
  /** LOCK is allowed on lines whose first operand may be memory. */
  readonly lock?: true
  readonly repeat?: true
  /** LOCK stands for REX.R: it selects CR8 in every mode (APM vol 3, MOV CRn). */
  readonly lockSelectsCr8?: true
  readonly hiddenOperandSize?: true
  readonly hiddenAddressSize?: true
  /** Where the manual describes it, when that is not the instruction's own page in APM vol 3. */
  readonly section?: string
}

const registerNames: readonly [string, 'general' | 'segment', number, Size][] = [
  ['AL', 'general', 0, 1],
  ['CL', 'general', 1, 1],
  ['AX', 'general', 0, 2],
  ['CX', 'general', 1, 2],
  ['DX', 'general', 2, 2],
  ['EAX', 'general', 0, 4],
  ['ECX', 'general', 1, 4],
  ['RAX', 'general', 0, 8],
  ['RCX', 'general', 1, 8],
  ['ES', 'segment', 0, 2],
  ['CS', 'segment', 1, 2],
  ['SS', 'segment', 2, 2],
  ['DS', 'segment', 3, 2],
  ['FS', 'segment', 4, 2],
  ['GS', 'segment', 5, 2],
]

const farMemorySizes: Readonly<Record<string, OperandSize | undefined>> = {
  'mem16:16': 4,
  'mem16:32': 6,
  'mem16:64': 10,
}

function form(text: string, kind: OperandKind, parts: Partial<OperandForm> = {}): OperandForm {
  return { text, kind, size: 0, memorySize: 0, extended: false, file: 'general', index: 0, ...parts }
}

function bytes(bits: string | undefined): Size {
  return (Number(bits) / 8) as Size
}

/** Parses one operand; `plainRegister` says where a `regN` lies. */
function parseOperand(text: string, plainRegister: OperandKind): OperandForm {
  const named = registerNames.find(([name]) => name === text)
  if (named) return form(text, 'fixed-register', { file: named[1], index: named[2], size: named[3] })
  const far = farMemorySizes[text]
  if (far) return form(text, 'far-memory', { memorySize: far })
  switch (text) {
    case '1':
      return form(text, 'one', { size: 1 })
    case 'rAX':
      return form(text, 'address-register')
    case 'segReg':
      return form(text, 'segment', { size: 2 })
    case 'CRn':
      return form(text, 'control')
    case 'DRn':
      return form(text, 'debug')
    case 'ST(0)':
      return form(text, 'stack-top')
    case 'ST(i)':
      return form(text, 'stack-register')
    case 'mem':
    case 'mem14/28env':
    case 'mem94/108env':
    case 'mem512env':
      return form(text, 'memory')
    case 'mem2env':
      return form(text, 'memory', { memorySize: 2 })
    case 'pntr16:16':
      return form(text, 'far', { size: 2 })
    case 'pntr16:32':
      return form(text, 'far', { size: 4 })
    case 'mem16&mem16':
      return form(text, 'memory', { memorySize: 4 })
    case 'mem32&mem32':
      return form(text, 'memory', { memorySize: 8 })
  }
  const number = /^mem(16|32|64|80)(real|int|dec)$/.exec(text)
  if (number) return form(text, 'memory', { memorySize: (Number(number[1]) / 8) as OperandSize })
  const match = /^(reg\/mem|reg|mem|moffset|imm|simm|uimm|rel)(8|16|32|64|128)(?:off|\/mem(16))?$/.exec(text)
  if (!match) throw new Error(`Instruction table: unknown operand '${text}'`)
  const size = bytes(match[2])
  switch (match[1]) {
    case 'reg/mem':
      return form(text, 'register-or-memory', { size, memorySize: size })
    case 'reg':
      return match[3]
        ? form(text, 'register-or-memory', { size, memorySize: bytes(match[3]) })
        : form(text, plainRegister, { size })
    case 'mem':
      return form(text, 'memory', { memorySize: size })
    case 'moffset':
      return form(text, 'memory-offset', { memorySize: size })
    case 'rel':
      return form(text, 'relative', { size })
    default:
      return form(text, 'immediate', { size, extended: match[1] === 'simm' })
  }
}

interface Opcode {
  map: OpcodeMap
  opcode: number
  opcodeRegister: boolean
  prefix: number
  modrm: boolean
  digit: number
  rm: number
}

function parseOpcode(text: string): Opcode {
  const result: Opcode = {
    map: 0,
    opcode: -1,
    opcodeRegister: false,
    prefix: 0,
    modrm: false,
    digit: -1,
    rm: -1,
  }
  for (const token of text.split(/\s+/)) {
    if (token === 'NP') result.prefix = NO_PREFIX
    else if (token === '+r') result.opcodeRegister = true
    else if (token === '/r') result.modrm = true
    else if (/^\/[0-7]$/.test(token)) {
      result.modrm = true
      result.digit = Number(token[1])
    } else if (/^[C-F][08]\+i$/.test(token)) {
      result.modrm = true
      result.digit = (parseInt(token, 16) >> 3) & 7
    } else if (/^[0-9A-F]{2}$/.test(token)) {
      const byte = parseInt(token, 16)
      if (result.opcode >= 0) {
        // A fixed ModRM byte: mod 3, and its fields.
        result.modrm = true
        result.digit = (byte >> 3) & 7
        result.rm = byte & 7
      } else if (result.map === 0 && byte === 0x0f) result.map = 1
      else if (result.map === 1 && byte === 0x38) result.map = 2
      else if (result.map === 1 && byte === 0x3a) result.map = 3
      else if (result.map === 0 && [0x66, 0x9b, 0xf2, 0xf3].includes(byte) && / [0-9A-F]{2}/.test(text))
        result.prefix = byte
      else result.opcode = byte
    } else if (!/^[ic][bwdq]$/.test(token))
      throw new Error(`Instruction table: unknown opcode token '${token}'`)
  }
  return result
}

function parseOperands(text: string, opcode: Opcode): OperandForm[] {
  if (text === '') return []
  const parts = text.split(', ')
  const special = parts.includes('CRn') || parts.includes('DRn')
  const plain = opcode.opcodeRegister
    ? 'register-in-opcode'
    : opcode.digit >= 0 || special
      ? 'register-in-rm'
      : 'register'
  return parts.map((part) => parseOperand(part, plain))
}

/** The lines that a line with `*` stands for. */
function expandSizes(line: string): string[] {
  if (!line.includes('*')) return [line]
  return [16, 32, 64].map((bits) => {
    const encoded = Math.min(bits, 32)
    const letter = bits === 16 ? 'w' : 'd'
    const text = line
      .replace(/\bo\*/, '')
      .replace(/\bimm\*/g, bits === 64 ? 'simm32' : `imm${bits}`)
      .replace(/\brel\*/g, `rel${encoded}off`)
      .replace(/\b([ic])\*/g, `$1${letter}`)
      .replace(/\*/g, String(bits))
    return `${text}${text.split('|').length < 3 ? ' |' : ''} o${bits}`
  })
}

/** The lines that a line with `cc` stands for, with their condition. */
function expandConditions(line: string): [string, number][] {
  if (!line.includes('+cc')) return [[line, -1]]
  return conditions.map(({ names }, condition) => {
    const text = line
      .replace(/^(\w*?)cc\b/, `$1${names[0]}`)
      .replace(/([0-9A-F])0 \+cc/, (_, high: string) => high + condition.toString(16).toUpperCase())
    return [text, condition]
  })
}

function firstOperandSize(operands: readonly OperandForm[]): Size | 0 {
  const first = operands.at(0)
  if (!first || first.kind === 'immediate' || first.kind === 'relative' || first.kind === 'far') return 0
  if (first.kind === 'fixed-register' && first.file === 'segment') return 0
  const size = first.size || first.memorySize
  return size === 1 || size === 2 || size === 4 || size === 8 ? size : 0
}

function parseLine(
  line: string,
  condition: number,
  operation: string,
  title: string,
  properties: Properties,
): Row {
  const [left = '', opcodeText = '', optionText = ''] = line.split('|').map((part) => part.trim())
  const options = new Set(optionText.split(/\s+/).filter((word) => word !== ''))
  const option = (name: string) => options.delete(name)
  const space = left.indexOf(' ')
  const far = /^(\w+ far)(.*)$/.exec(left)
  const mnemonic = far ? far[1] : space < 0 ? left : left.slice(0, space)
  const operandText = left.slice(mnemonic.length).trim()
  const opcode = parseOpcode(opcodeText)
  const operands = parseOperands(operandText, opcode)

  const size = [8, 16, 32, 64].find((bits) => option(`o${bits}`))
  const operandSize = size ? bytes(String(size)) : firstOperandSize(operands)
  const fixed = option('fixed')
  const isX87 = opcode.map === 0 && opcode.opcode >= 0xd8 && opcode.opcode <= 0xdf
  const selectedBySize = operandSize > 1 && !fixed && !isX87
  const default64 = option('default-64')
  const address = [16, 32, 64].find((bits) => option(`a${bits}`))
  const only64 = option('only-64') || (selectedBySize && operandSize === 8)
  const not64 = option('not-64') || (selectedBySize && operandSize === 4 && default64)
  const modes =
    (only64 ? MODE_64 : not64 ? MODE_16 | MODE_32 : MODE_16 | MODE_32 | MODE_64) &
    (address === 64 ? MODE_64 : address === 16 ? MODE_16 | MODE_32 : ~0)
  const memory = operands.some(({ kind }) => kind === 'memory' || kind === 'far-memory')
  const registerOnly =
    option('mod=3') ||
    opcode.rm >= 0 ||
    (opcode.digit >= 0 && operands.some((o) => o.kind === 'register-in-rm' || o.kind === 'stack-register'))
  const first = operands[0]?.kind
  const row: Row = {
    mnemonic,
    operation,
    title: condition < 0 ? title : `${title} ${conditions[condition].meaning}`,
    section: properties.section ?? 'APM vol 3',
    operandText,
    opcodeText,
    condition,
    operands,
    ...opcode,
    mod: memory ? 'memory' : registerOnly ? 'register' : 'any',
    noRexB: option('rex.b=0'),
    operandSize,
    selectedBySize,
    default64,
    ignoresRexW: option('ignores-rex.w'),
    addressSize: address ? (bytes(String(address)) as 2 | 4 | 8) : 0,
    modes,
    lockable: properties.lock === true && (first === 'register-or-memory' || first === 'memory'),
    lockSelectsCr8: properties.lockSelectsCr8 === true,
    repeatable: properties.repeat === true,
    hiddenOperandSize: properties.hiddenOperandSize === true,
    hiddenAddressSize: properties.hiddenAddressSize === true,
    flagsRead: (properties.reads ?? 0) | (conditions[condition]?.flags ?? 0),
    flagsWritten: (properties.writes ?? 0) | (properties.leavesUndefined ?? 0),
    notSelf64: option('not-self-64'),
    assemblerOnly: option('assembler-only'),
    decoderOnly: option('decoder-only'),
  }
  if (options.size > 0)
    throw new Error(`Instruction table: unknown option '${[...options].join(' ')}' in '${line}'`)
  return row
}

/**
 * The rows of one operation: `define(operation, title, properties)` is a template tag for lines in the notation above.
 * `title` is a short name for people. Throws if a line is not in the notation, so a slip in the table shows as soon as
 * the module loads.
 */
export function define(operation: string, title: string, properties: Properties = {}) {
  return (texts: TemplateStringsArray, ...values: (string | number)[]): Row[] =>
    String.raw(texts, ...values)
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
      .flatMap(expandConditions)
      .flatMap(([line, condition]) =>
        expandSizes(line).map((text) => parseLine(text, condition, operation, title, properties)),
      )
}
