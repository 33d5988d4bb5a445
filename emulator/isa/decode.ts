/**
 * The decoder: bytes to `Instruction` (APM vol 3 chapter 1). The opcode maps are built once from the instruction table;
 * decoding then reads prefixes, opcode, ModRM, SIB, displacement and immediates without looking at any text.
 */
import type { CodeBits, Instruction, MemoryOperand, Operand, OperandSize, Size } from './instruction.ts'
import { RIP_BASE } from './instruction.ts'
import { CS, DS, ES, FS, GS, RBP, RSP, SS } from './registers.ts'
import { MODE_16, MODE_32, MODE_64, NO_PREFIX, type OperandForm, type Row } from './table/row.ts'
import { table } from './table.ts'

/**
 * Why bytes are not an instruction: 'undefined' raises #UD, 'too-long' (more than 15 bytes) raises #GP(0), 'truncated'
 * asks for bytes beyond the limit. `length` is the number of bytes read.
 */
export interface DecodeError {
  readonly kind: 'undefined' | 'too-long' | 'truncated'
  readonly length: number
}

export function isDecodeError(result: Instruction | DecodeError): result is DecodeError {
  return 'kind' in result
}

/** The longest instruction (APM vol 3 §1.1). */
export const MAXIMUM_LENGTH = 15

const modes = [
  { bits: 16, mask: MODE_16 },
  { bits: 32, mask: MODE_32 },
  { bits: 64, mask: MODE_64 },
] as const

/** The rows of one opcode, by effective operand size (2, 4, 8 bytes) and ModRM.reg: `rows[size index * 8 + reg]`. */
interface OpcodeEntry {
  readonly modrm: boolean
  readonly rows: Row[][]
}

type OpcodeMaps = (OpcodeEntry | undefined)[]

/**
 * Whether the effective operand size `size`, as the prefixes and the code size alone give it, selects the row.
 * With default-64, four bytes (no prefix) means eight in 64-bit mode.
 */
function selects(row: Row, size: number, bits: CodeBits): boolean {
  if (size === 8 && bits !== 64) return false
  if (!row.selectedBySize || row.operandSize === size) return true
  if (size === 4) return row.operandSize === 8 && row.default64 && bits === 64
  return size === 8 && row.operandSize === 4 && row.ignoresRexW
}

/** Rows that ask for more (a mandatory prefix, a fixed field) are tried before those that ask for less. */
function specificity(row: Row): number {
  return (
    (row.prefix !== 0 ? 8 : 0) +
    (row.rm >= 0 ? 4 : 0) +
    (row.mod !== 'any' ? 2 : 0) +
    (row.digit >= 0 || row.noRexB ? 1 : 0)
  )
}

function buildMaps(bits: CodeBits, mask: number): OpcodeMaps {
  const maps = new Array<OpcodeEntry | undefined>(4 * 256).fill(undefined)
  const rows = table.filter((row) => !row.assemblerOnly && (row.modes & mask) !== 0)
  for (const row of rows.sort((a, b) => specificity(b) - specificity(a))) {
    for (let register = 0; register < (row.opcodeRegister ? 8 : 1); register++) {
      const key = row.map * 256 + row.opcode + register
      const entry = (maps[key] ??= { modrm: row.modrm, rows: Array.from({ length: 24 }, () => []) })
      if (entry.modrm !== row.modrm)
        throw new Error(`Instruction table: '${row.opcodeText}' disagrees about ModRM`)
      for (let sizeIndex = 0; sizeIndex < 3; sizeIndex++) {
        if (!selects(row, 2 << sizeIndex, bits)) continue
        for (let digit = 0; digit < 8; digit++) {
          if (row.digit < 0 || row.digit === digit) entry.rows[sizeIndex * 8 + digit].push(row)
        }
      }
    }
  }
  return maps
}

const maps16 = buildMaps(modes[0].bits, modes[0].mask)
const maps32 = buildMaps(modes[1].bits, modes[1].mask)
const maps64 = buildMaps(modes[2].bits, modes[2].mask)

function mapsOf(bits: CodeBits): OpcodeMaps {
  return bits === 64 ? maps64 : bits === 32 ? maps32 : maps16
}

/** Whether the opcode of opcode map 0..3 (one byte, 0F, 0F 38, 0F 3A) has a ModRM byte. */
export function hasModrm(map: number, opcode: number, bits: CodeBits): boolean {
  return mapsOf(bits)[map * 256 + opcode]?.modrm === true
}

/** The decoder's cursor: module variables, so that decoding allocates nothing but its result. */
let code: Uint8Array = new Uint8Array(0)
let position = 0
let end = 0
let codeBits: CodeBits = 64
let rex = 0
let modrm = 0
let addressSize: 2 | 4 | 8 = 8
let segmentOverride = -1

/** The next byte; 0 beyond the end, which `decode` then sees in `position`. */
function readByte(): number {
  const byte = position < end ? code[position] : 0
  position++
  return byte
}

function readUnsigned(size: number): bigint {
  if (size === 8) {
    const low = readUnsigned(4)
    return low | (readUnsigned(4) << 32n)
  }
  let value = readByte()
  if (size >= 2) value |= readByte() << 8
  if (size === 4) value |= (readByte() << 16) | (readByte() << 24)
  return BigInt(value >>> 0)
}

/** Reads a displacement of 1, 2 or 4 bytes, sign-extended. */
function readSigned(size: number): number {
  let value = readByte()
  if (size === 1) return (value << 24) >> 24
  value |= readByte() << 8
  if (size === 2) return (value << 16) >> 16
  return value | (readByte() << 16) | (readByte() << 24)
}

function memory(
  base: number,
  index: number,
  scale: 1 | 2 | 4 | 8,
  displacement: number | bigint,
  size: OperandSize | 0,
): MemoryOperand {
  const defaultSegment = base === RSP || base === RBP ? SS : DS
  return {
    kind: 'memory',
    segment: segmentOverride >= 0 ? segmentOverride : defaultSegment,
    base,
    index,
    scale,
    displacement: BigInt(displacement),
    addressSize,
    size,
  }
}

/** Base and index of 16-bit addressing by ModRM.rm (APM vol 3 table A-33): BX BP SI DI are 3 5 6 7. */
const base16 = [3, 3, 5, 5, 6, 7, 5, 3]
const index16 = [6, 7, 6, 7, -1, -1, -1, -1]

/**
 * ModRM: mod 7:6, reg 5:3, rm 2:0. SIB: scale 7:6, index 5:3, base 2:0 (APM vol 3 §1.4).
 * mod 0: no displacement, except rm 5 (rm 6 with 16-bit addresses): displacement alone, RIP-relative in 64-bit mode.
 * mod 1: disp8; mod 2: disp32 (disp16).
 */
function readMemory(size: OperandSize | 0): MemoryOperand {
  const mod = modrm >> 6
  const rm = modrm & 7
  if (addressSize === 2) {
    if (mod === 0 && rm === 6) return memory(-1, -1, 1, readSigned(2), size)
    return memory(base16[rm], index16[rm], 1, mod === 0 ? 0 : readSigned(mod), size)
  }
  if (rm !== 4) {
    if (mod === 0 && rm === 5) return memory(codeBits === 64 ? RIP_BASE : -1, -1, 1, readSigned(4), size)
    return memory(rm | ((rex & 1) << 3), -1, 1, mod === 0 ? 0 : readSigned(mod === 1 ? 1 : 4), size)
  }
  const sib = readByte()
  const indexBits = ((sib >> 3) & 7) | ((rex & 2) << 2)
  const index = indexBits === RSP ? -1 : indexBits
  const scale = (index < 0 ? 1 : 1 << (sib >> 6)) as 1 | 2 | 4 | 8
  if (mod === 0 && (sib & 7) === 5) return memory(-1, index, scale, readSigned(4), size)
  const base = (sib & 7) | ((rex & 1) << 3)
  return memory(base, index, scale, mod === 0 ? 0 : readSigned(mod === 1 ? 1 : 4), size)
}

/** Without REX, byte registers 4..7 are AH, CH, DH, BH. */
function general(number: number, size: Size): Operand {
  const highByte = size === 1 && rex === 0 && number >= 4
  return { kind: 'register', file: 'general', index: highByte ? number - 4 : number, size, highByte }
}

/** CR0, CR2, CR3, CR4 and CR8 exist (APM vol 2 §3.1). */
const controlRegisters = 0b1_0001_1101

/** One operand, or undefined where the encoding names a register that does not exist. */
function readOperand(form: OperandForm, row: Row, opcode: number, operandSize: Size): Operand | undefined {
  const registerField = ((modrm >> 3) & 7) | ((rex & 4) << 1)
  const rmField = (modrm & 7) | ((rex & 1) << 3)
  switch (form.kind) {
    case 'register':
      return general(registerField, form.size as Size)
    case 'register-in-rm':
      return general(rmField, form.size as Size)
    case 'register-in-opcode':
      return general((opcode & 7) | ((rex & 1) << 3), form.size as Size)
    case 'register-or-memory':
      return modrm >= 0xc0 ? general(rmField, form.size as Size) : readMemory(form.memorySize)
    case 'memory':
    case 'far-memory':
      return readMemory(form.memorySize)
    case 'memory-offset': {
      const offset = readUnsigned(addressSize)
      return memory(-1, -1, 1, BigInt.asIntN(addressSize * 8, offset), form.memorySize)
    }
    case 'fixed-register':
      return {
        kind: 'register',
        file: form.file,
        index: form.index,
        size: form.size as Size,
        highByte: false,
      }
    case 'address-register':
      return { kind: 'register', file: 'general', index: 0, size: addressSize, highByte: false }
    case 'segment': {
      const index = (modrm >> 3) & 7
      if (index > GS || (index === CS && row.operands[0] === form)) return undefined
      return { kind: 'register', file: 'segment', index, size: 2, highByte: false }
    }
    case 'control':
      if (((controlRegisters >> registerField) & 1) === 0) return undefined
      return { kind: 'register', file: 'control', index: registerField, size: operandSize, highByte: false }
    case 'debug':
      if (registerField > 7) return undefined
      return { kind: 'register', file: 'debug', index: registerField, size: operandSize, highByte: false }
    case 'stack-top':
      return { kind: 'stack-register', index: 0 }
    case 'stack-register':
      return { kind: 'stack-register', index: modrm & 7 }
    case 'one':
      return { kind: 'immediate', value: 1n, size: 1 }
    case 'immediate': {
      const value = readUnsigned(form.size)
      if (!form.extended) return { kind: 'immediate', value, size: form.size as Size }
      const extended = BigInt.asUintN(operandSize * 8, BigInt.asIntN(form.size * 8, value))
      return { kind: 'immediate', value: extended, size: operandSize }
    }
    case 'relative':
      return { kind: 'relative', displacement: BigInt(readSigned(form.size)) }
    case 'far': {
      const offset = readUnsigned(form.size)
      return { kind: 'far', selector: Number(readUnsigned(2)), offset }
    }
  }
}

function effectiveOperandSize(row: Row, size: Size): Size {
  if (row.operandSize !== 0) return row.operandSize
  return row.default64 && codeBits === 64 && size === 4 ? 8 : size
}

/** F2 and F3 select rows with a mandatory prefix; 66 does so where neither of them stands. */
function prefixMatches(row: Row, repeat: number, operandPrefix: boolean): boolean {
  if (row.prefix === 0) return true
  if (row.prefix === NO_PREFIX) return repeat === 0 && (row.selectedBySize || !operandPrefix)
  return row.prefix === 0x66 ? repeat === 0 && operandPrefix : row.prefix === repeat
}

function findRow(
  entry: OpcodeEntry,
  sizeIndex: number,
  repeat: number,
  operandPrefix: boolean,
): Row | undefined {
  const candidates = entry.rows[sizeIndex * 8 + ((modrm >> 3) & 7)]
  const form = modrm >= 0xc0 ? 'register' : 'memory'
  for (let i = 0; i < candidates.length; i++) {
    const row = candidates[i]
    if (
      prefixMatches(row, repeat, operandPrefix) &&
      (row.mod === 'any' || row.mod === form) &&
      (row.rm < 0 || row.rm === (modrm & 7)) &&
      (row.addressSize === 0 || row.addressSize === addressSize) &&
      !(row.noRexB && (rex & 1) !== 0)
    ) {
      return row
    }
  }
  return undefined
}

function failure(start: number, kind: DecodeError['kind']): DecodeError {
  if (position <= end) return { kind, length: position - start }
  const length = end - start
  return { kind: length === MAXIMUM_LENGTH ? 'too-long' : 'truncated', length }
}

/** Legacy prefixes and their segment register, in one place for the prefix loop. */
const segmentPrefixes: Readonly<Record<number, number>> = {
  0x26: ES,
  0x2e: CS,
  0x36: SS,
  0x3e: DS,
  0x64: FS,
  0x65: GS,
}

/**
 * Decodes the instruction at `bytes[offset]` for code of size `bits`. Bytes at `limit` and beyond are not read.
 * Never throws; every byte sequence gives an instruction or a `DecodeError`.
 */
export function decode(
  bytes: Uint8Array,
  offset: number,
  limit: number,
  bits: CodeBits,
): Instruction | DecodeError {
  code = bytes
  position = offset
  end = Math.min(limit, bytes.length, offset + MAXIMUM_LENGTH)
  codeBits = bits
  rex = 0
  modrm = 0
  segmentOverride = -1
  let operandPrefix = false
  let addressPrefix = false
  let lock = false
  let repeat = 0

  // Legacy prefixes in any order, the last of a group wins; REX counts only directly before the opcode.
  let opcode = readByte()
  for (; ; opcode = readByte()) {
    if (bits === 64 && (opcode & 0xf0) === 0x40) {
      rex = opcode
      continue
    }
    if (opcode === 0x66) operandPrefix = true
    else if (opcode === 0x67) addressPrefix = true
    else if (opcode === 0xf0) lock = true
    else if (opcode === 0xf2 || opcode === 0xf3) repeat = opcode
    else if (opcode === 0x64 || opcode === 0x65) segmentOverride = segmentPrefixes[opcode]!
    else if (opcode === 0x26 || opcode === 0x2e || opcode === 0x36 || opcode === 0x3e) {
      // In 64-bit mode these are ignored (APM vol 3 §1.2.4).
      if (bits !== 64) segmentOverride = segmentPrefixes[opcode]!
    } else break
    rex = 0
  }

  let map = 0
  if (opcode === 0x0f) {
    map = 1
    opcode = readByte()
    if (opcode === 0x38 || opcode === 0x3a) {
      map = opcode === 0x38 ? 2 : 3
      opcode = readByte()
    }
  }
  const entry = mapsOf(bits)[map * 256 + opcode]
  if (entry === undefined) return failure(offset, 'undefined')
  if (entry.modrm) modrm = readByte()

  addressSize = bits === 64 ? (addressPrefix ? 4 : 8) : (bits === 32) !== addressPrefix ? 4 : 2
  const size: Size = (rex & 8) !== 0 ? 8 : (bits === 16) === operandPrefix ? 4 : 2
  const row = findRow(entry, size >> 2, repeat, operandPrefix)
  if (row === undefined) return failure(offset, 'undefined')

  if (lock) {
    if (row.lockSelectsCr8) rex |= 4
    else if (!row.lockable || modrm >= 0xc0) return failure(offset, 'undefined')
  }
  const operandSize = effectiveOperandSize(row, size)
  const operands: Operand[] = []
  for (let i = 0; i < row.operands.length; i++) {
    const operand = readOperand(row.operands[i], row, opcode, operandSize)
    if (operand === undefined) return failure(offset, 'undefined')
    operands.push(operand)
  }
  if (position > end) return failure(offset, 'truncated')
  return {
    mnemonic: row.mnemonic,
    operation: row.operation,
    condition: row.condition,
    operands,
    operandSize,
    addressSize,
    length: position - offset,
    bits,
    lock: lock && row.lockable,
    repeat: !row.repeatable || repeat === 0 ? 'none' : repeat === 0xf3 ? 'repe' : 'repne',
    segmentOverride,
    opcode: (opcode << 8) | (entry.modrm ? modrm : 0),
    flagsRead: row.flagsRead,
    flagsWritten: row.flagsWritten,
  }
}
