/**
 * Requests for the oracle tests: for every row of the instruction table and every code size in which it exists, the
 * operands that exercise its forms. One operand varies at a time, so the number stays in the tens of thousands.
 */
import type { EncodingRequest, MemoryRequest, OperandRequest } from './encoding-request.ts'
import type { CodeBits, OperandSize, RegisterOperand, Size } from './instruction.ts'
import { branchDistances } from './encode.ts'
import { modeMask } from './encode-match.ts'
import { FWAIT } from './encode-emit.ts'
import { generalRegisterName } from './disassemble.ts'
import { table, type OperandForm, type Row } from './table.ts'

export interface OracleCase {
  readonly row: Row
  readonly request: EncodingRequest
  /** The request in NASM syntax, with `$` as the instruction's own address. */
  readonly text: string
}

/** Every case starts here, so that relative operands are small and RIP-relative ones in reach. */
export const ADDRESS = 0x1000n

function register(
  file: RegisterOperand['file'],
  index: number,
  size: Size,
  highByte = false,
): RegisterOperand {
  return { kind: 'register', file, index, size, highByte }
}

function generalRegisters(size: Size, bits: CodeBits): RegisterOperand[] {
  if (bits !== 64 && size === 8) return []
  const indices = bits === 64 ? [3, 0, 1, 2, 5, 6, 7, 8, 12, 15] : [3, 0, 1, 2, 5, 6, 7]
  const usable = size === 1 && bits !== 64 ? indices.filter((index) => index < 4) : indices
  const highBytes = size === 1 ? [0, 1, 2, 3].map((index) => register('general', index, 1, true)) : []
  return [...usable.map((index) => register('general', index, size)), ...highBytes]
}

const memoryBase: MemoryRequest = {
  kind: 'memory',
  segmentOverride: -1,
  base: -1,
  index: -1,
  scale: 1,
  displacement: 0n,
  displacementSize: 0,
  addressSize: 0,
  ripRelative: false,
  size: 0,
}

type Shape = Partial<MemoryRequest>

const shapes16: Shape[] = [
  { base: 3, index: 6 },
  { base: 3, index: 7, displacement: 1n },
  { base: 5, index: 6, displacement: -129n },
  { base: 5, index: 7 },
  { base: 6 },
  { base: 7, displacement: 127n },
  { base: 5 },
  { base: 3, displacement: 0x1234n },
  { displacement: 0x1234n },
]

const shapes32: Shape[] = [
  { base: 0 },
  { base: 5 },
  { base: 4 },
  { base: 4, displacement: 8n },
  { base: 3, index: 1, scale: 4, displacement: 0x80n },
  { base: 5, index: 5, scale: 2 },
  { index: 1, scale: 4, displacement: -1n },
  { base: 6, displacement: -128n },
  { base: 7, displacement: 0x12345678n },
  { displacement: 0x1234n },
]

const shapes64: Shape[] = [
  { base: 8 },
  { base: 12 },
  { base: 13, displacement: 5n },
  { base: 13 },
  { base: 8, index: 9, scale: 8, displacement: -0x1000n },
  { base: 0, index: 12, scale: 1 },
  { index: 13, scale: 8 },
  { ripRelative: true, displacement: 0x2000n },
]

const segments: Shape[] = [
  { base: 3, segmentOverride: 4 },
  { base: 5, segmentOverride: 5, displacement: 3n },
]

/** All addressing forms of a code size, its other address size included. */
function memoryShapes(bits: CodeBits): Shape[] {
  const sized = (shapes: Shape[], addressSize: 2 | 4 | 8) =>
    shapes.map((shape): Shape => ({ ...shape, addressSize }))
  switch (bits) {
    case 16:
      return [...sized(shapes16, 2), ...sized(segments, 2), ...sized(shapes32.slice(0, 9), 4)]
    case 32:
      return [
        ...sized(shapes32, 4),
        ...sized(segments, 4),
        { base: 3, segmentOverride: 1 },
        ...sized(shapes16.slice(0, 8), 2),
      ]
    case 64:
      return [...sized([...shapes32, ...shapes64, ...segments], 8), ...sized(shapes32.slice(0, 9), 4)]
  }
}

function memories(size: OperandSize | 0, bits: CodeBits): MemoryRequest[] {
  return memoryShapes(bits).map((shape) => ({ ...memoryBase, ...shape, size }))
}

function offsets(size: OperandSize | 0, bits: CodeBits): MemoryRequest[] {
  const displacement = bits === 16 ? 0x1234n : bits === 32 ? 0x12345678n : 0x1234567890abcdefn
  const narrow = { ...memoryBase, displacement: 0x1234n, addressSize: bits === 32 ? 2 : 4, size } as const
  return [
    { ...memoryBase, displacement, displacementSize: bits === 64 ? 8 : 0, size },
    ...(bits === 64 ? [narrow] : []),
  ]
}

function immediates(form: OperandForm, row: Row): bigint[] {
  const width = BigInt(form.size * 8)
  const half = 1n << (width - 1n)
  const unsigned = [1n, 0n, half - 1n]
  if (form.text.startsWith('uimm')) return [...unsigned, 2n * half - 1n]
  const wider = form.extended && row.operandSize > form.size
  return wider ? [...unsigned, -1n, -half] : [...unsigned, -1n, -half, half, 2n * half - 1n]
}

/** NASM takes no size keyword here, or one with another meaning. */
const unsizedMemory = new Set(['bound', 'clflush', 'clflushopt', 'clwb'])

/** What an operand form may be. The first one is the plain one, used while another operand varies. */
function choices(form: OperandForm, row: Row, bits: CodeBits): OperandRequest[] {
  switch (form.kind) {
    case 'register':
    case 'register-in-rm':
    case 'register-in-opcode':
      return generalRegisters(form.size as Size, bits)
    case 'register-or-memory':
      return [...generalRegisters(form.size as Size, bits), ...memories(form.memorySize, bits)]
    case 'memory':
      return memories(unsizedMemory.has(row.mnemonic) ? 0 : form.memorySize, bits)
    case 'far-memory':
      // Only far pointers have a size keyword; that of the descriptor-table instructions is fixed.
      return memories(row.mnemonic.endsWith(' far') ? ((form.memorySize - 2) as OperandSize) : 0, bits)
    case 'memory-offset':
      return offsets(form.memorySize, bits)
    case 'fixed-register':
      return [register(form.file, form.index, form.size as Size)]
    case 'address-register':
      return (bits === 64 ? ([8, 4] as const) : bits === 32 ? ([4, 2] as const) : ([2, 4] as const)).map(
        (size) => register('general', 0, size),
      )
    case 'segment':
      return [3, 0, 2, 4, 5].map((index) => register('segment', index, 2))
    case 'control':
      return [0, 2, 3, 4, 8].map((index) => register('control', index, row.operandSize as Size))
    case 'debug':
      return [0, 1, 3, 6, 7].map((index) => register('debug', index, row.operandSize as Size))
    case 'stack-top':
      return [{ kind: 'stack-register', index: 0 }]
    case 'stack-register':
      return Array.from({ length: 8 }, (_, index) => ({ kind: 'stack-register', index }))
    case 'one':
      return [{ kind: 'immediate', value: 1n, size: 0 }]
    case 'immediate':
      return immediates(form, row).map((value) => ({ kind: 'immediate', value, size: 0 }))
    case 'relative':
      return (form.size === 1 ? [2n, -100n, 100n] : [2n, -0x800n, 0x2000n]).map((distance) => ({
        kind: 'target',
        address: ADDRESS + distance,
        distance: form.size === 1 ? 'short' : 'near',
      }))
    case 'far':
      return [{ kind: 'far', selector: 8, offset: 0x1234n }]
  }
}

const sizeNames: Readonly<Record<number, string | undefined>> = {
  1: 'byte ',
  2: 'word ',
  4: 'dword ',
  8: 'qword ',
  10: 'tword ',
  16: 'oword ',
}
const segmentNames = ['es', 'cs', 'ss', 'ds', 'fs', 'gs']

function memoryText(memory: MemoryRequest, bits: CodeBits): string {
  const addressSize = memory.addressSize || (bits === 64 ? 8 : bits === 32 ? 4 : 2)
  const terms: string[] = []
  if (memory.base >= 0) terms.push(generalRegisterName(memory.base, addressSize))
  if (memory.index >= 0) terms.push(`${generalRegisterName(memory.index, addressSize)}*${memory.scale}`)
  if (memory.displacement !== 0n || terms.length === 0) terms.push(memory.displacement.toString())
  const segment = memory.segmentOverride >= 0 ? `${segmentNames[memory.segmentOverride]}:` : ''
  const plain = terms.length === 1 && memory.base < 0 && memory.index < 0
  const narrow = plain && addressSize !== (bits === 64 ? 8 : bits === 32 ? 4 : 2)
  const keyword = memory.ripRelative
    ? 'rel '
    : narrow
      ? `a${addressSize * 8} `
      : memory.displacementSize === 8
        ? 'qword '
        : ''
  const address = memory.ripRelative
    ? `$+${memory.displacement - ADDRESS}`
    : terms.join('+').replace(/\+-/g, '-')
  return `${sizeNames[memory.size] ?? ''}[${segment}${keyword}${address}]`
}

function operandText(operand: OperandRequest, mnemonic: string, bits: CodeBits): string {
  switch (operand.kind) {
    case 'register':
      if (operand.file === 'general')
        return generalRegisterName(operand.index, operand.size, operand.highByte)
      if (operand.file === 'segment') return segmentNames[operand.index]
      return `${operand.file === 'control' ? 'cr' : 'dr'}${operand.index}`
    case 'stack-register':
      return `st${operand.index}`
    case 'memory':
      return memoryText(operand, bits)
    case 'immediate':
      return operand.value.toString()
    case 'target': {
      const distance = branchDistances(mnemonic).length > 1 ? `${operand.distance} ` : ''
      return `${distance}$+${operand.address - ADDRESS}`
    }
    case 'far':
      return `${operand.selector}:${operand.offset}`
  }
}

/** AH, CH, DH and BH cannot be encoded together with anything that needs a REX prefix. */
function mixesHighByteWithRex(operands: readonly OperandRequest[], row: Row): boolean {
  if (!operands.some((operand) => operand.kind === 'register' && operand.highByte)) return false
  if (row.operandSize === 8) return true
  return operands.some(
    (operand) =>
      (operand.kind === 'memory' && (operand.base >= 8 || operand.index >= 8)) ||
      (operand.kind === 'register' &&
        (operand.index >= 8 || (operand.size === 1 && !operand.highByte && operand.index >= 4))),
  )
}

/** All operands plain, then one of them varied. */
function operandLists(row: Row, bits: CodeBits): OperandRequest[][] {
  const all = row.operands.map((form) => choices(form, row, bits))
  if (all.some((list) => list.length === 0)) return []
  const plain = all.map((list) => list[0])
  const lists = [plain]
  all.forEach((list, i) => {
    for (const operand of list.slice(1)) lists.push(plain.map((other, j) => (j === i ? operand : other)))
  })
  return lists.filter((operands) => !mixesHighByteWithRex(operands, row))
}

/** PUSH tells its size by the keyword before the immediate. */
function withPushSize(row: Row, operands: OperandRequest[]): OperandRequest[] {
  if (row.mnemonic !== 'push') return operands
  return operands.map((operand) =>
    operand.kind === 'immediate' ? { ...operand, size: row.operandSize as Size } : operand,
  )
}

type Variation = Partial<
  Pick<EncodingRequest, 'lock' | 'repeat' | 'operandSize' | 'addressSize' | 'segmentOverride'>
>

/** The prefixes that make sense with a row: none, and each of those that it takes. */
function variations(row: Row, operands: readonly OperandRequest[], bits: CodeBits): Variation[] {
  const byDefault = bits === 16 ? 2 : bits === 64 && row.default64 ? 8 : 4
  const implied = row.operands.every(({ kind }) => kind === 'relative' || kind === 'far')
  if (row.selectedBySize && implied && row.operands.length > 0 && row.operandSize !== byDefault) {
    return [{ operandSize: row.operandSize as 2 | 4 | 8 }]
  }
  const result: Variation[] = [{}]
  if (row.lockable && operands[0]?.kind === 'memory') result.push({ lock: true })
  if (row.repeatable) result.push({ repeat: 'repe' }, { repeat: 'repne' }, { segmentOverride: 4 })
  if (row.hiddenAddressSize && row.addressSize === 0) result.push({ addressSize: bits === 32 ? 2 : 4 })
  if (row.hiddenOperandSize && !row.selectedBySize && row.operandSize === 0) {
    result.push({ operandSize: bits === 16 ? 4 : 2 })
    if (bits === 64 && !row.default64) result.push({ operandSize: 8 })
  }
  return result
}

const repeatNames = { none: '', repe: 'repe ', repne: 'repne ' }

function requestText(row: Row, request: EncodingRequest): string {
  const { bits } = request
  // NASM takes no operands with VMRUN, VMLOAD, VMSAVE and SKINIT; the address size says which accumulator is meant.
  const first = request.operands.at(0)
  const implicit = row.operands.some(({ kind }) => kind === 'address-register') || row.mnemonic === 'skinit'
  const addressSize =
    request.addressSize ||
    (implicit && row.mnemonic !== 'skinit' && first?.kind === 'register' ? first.size : 0)
  const far = first?.kind === 'far'
  const prefixes = [
    request.lock ? 'lock ' : '',
    repeatNames[request.repeat],
    (request.segmentOverride ?? -1) >= 0 ? `${segmentNames[request.segmentOverride!]} ` : '',
    request.operandSize && !far ? `o${request.operandSize * 8} ` : '',
    addressSize ? `a${addressSize * 8} ` : '',
  ]
  const operands = implicit ? [] : request.operands
  const sized = operands.map((operand) => {
    const size = operand.kind === 'immediate' ? operand.size : far ? request.operandSize : 0
    const keyword = sizeNames[size] ?? ''
    return keyword + operandText(operand, row.mnemonic, bits)
  })
  return `${prefixes.join('')}${row.mnemonic} ${sized.join(', ')}`.trim()
}

/** All cases of a code size; `waiting` ones, which the assembler makes two instructions of, only on demand. */
export function* oracleCases(bits: CodeBits, waiting = false): Generator<OracleCase> {
  for (const row of table) {
    if (row.prefix === FWAIT && !waiting) continue
    if (row.decoderOnly || (row.modes & modeMask(bits)) === 0) continue
    for (const operands of operandLists(row, bits)) {
      for (const variation of variations(row, operands, bits)) {
        const request: EncodingRequest = {
          mnemonic: row.mnemonic,
          operands: withPushSize(row, operands),
          bits,
          address: ADDRESS,
          lock: false,
          repeat: 'none',
          operandSize: 0,
          addressSize: 0,
          unresolved: false,
          ...variation,
        }
        yield { row, request, text: requestText(row, request) }
      }
    }
  }
}
