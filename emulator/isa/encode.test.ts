import { describe, expect, it } from 'vitest'
import { decode, isDecodeError } from './decode.ts'
import { branchDistances, encode } from './encode.ts'
import type {
  EncodingError,
  EncodingRequest,
  ImmediateRequest,
  MemoryRequest,
  OperandRequest,
} from './encoding-request.ts'
import type { Operand, RegisterOperand, Size } from './instruction.ts'
import { RIP_BASE } from './instruction.ts'
import { oracleCases, type OracleCase } from './requests.fixture.ts'

function reg(index: number, size: Size, highByte = false): RegisterOperand {
  return { kind: 'register', file: 'general', index, size, highByte }
}

function imm(value: bigint, size: Size | 0 = 0): ImmediateRequest {
  return { kind: 'immediate', value, size }
}

function mem(parts: Partial<MemoryRequest>): MemoryRequest {
  return {
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
    ...parts,
  }
}

function ask(
  mnemonic: string,
  operands: readonly OperandRequest[],
  parts: Partial<EncodingRequest> = {},
): EncodingRequest {
  return {
    mnemonic,
    operands,
    bits: 64,
    address: 0n,
    lock: false,
    repeat: 'none',
    operandSize: 0,
    addressSize: 0,
    unresolved: false,
    ...parts,
  }
}

function hexOf(request: EncodingRequest): string {
  const result = encode(request)
  if (!result.ok) throw new Error(result.error.message)
  return Buffer.from(result.bytes).toString('hex')
}

function errorOf(request: EncodingRequest): EncodingError {
  const result = encode(request)
  if (result.ok) throw new Error(`encoded as ${Buffer.from(result.bytes).toString('hex')}`)
  return result.error
}

/** Whether a decoded operand says what was asked for. `end` is the address after the instruction. */
function isWhatWasAsked(asked: OperandRequest, decoded: Operand, end: bigint, addressBits: number): boolean {
  switch (asked.kind) {
    case 'register':
      return decoded.kind === 'register' && registerFields.every((field) => asked[field] === decoded[field])
    case 'stack-register':
      return decoded.kind === 'stack-register' && decoded.index === asked.index
    case 'memory':
      if (decoded.kind !== 'memory') return false
      if (asked.ripRelative)
        return decoded.base === RIP_BASE && end + decoded.displacement === asked.displacement
      return (
        decoded.displacement === BigInt.asIntN(addressBits, asked.displacement) &&
        memoryFields.every((field) => asked[field] === decoded[field])
      )
    case 'immediate':
      return decoded.kind === 'immediate' && BigInt.asUintN(decoded.size * 8, asked.value) === decoded.value
    case 'target':
      return (
        decoded.kind === 'relative' && BigInt.asUintN(16, end + decoded.displacement - asked.address) === 0n
      )
    case 'far':
      return decoded.kind === 'far' && decoded.selector === asked.selector && decoded.offset === asked.offset
  }
}

const registerFields = ['file', 'index', 'size', 'highByte'] as const
const memoryFields = ['base', 'index', 'scale'] as const

/** What is wrong with the way there and back, or undefined. */
function roundTripFault({ row, request }: OracleCase): string | undefined {
  const encoded = encode(request)
  if (!encoded.ok) return encoded.error.message
  const decoded = decode(encoded.bytes, 0, encoded.bytes.length, request.bits)
  if (isDecodeError(decoded)) return decoded.kind
  if (decoded.length !== encoded.bytes.length) return `length ${decoded.length}`
  // XCHG of the accumulator with itself is NOP.
  if (decoded.operation === 'nop' && row.operation === 'xchg') return undefined
  if (decoded.operation !== row.operation || decoded.lock !== request.lock) return decoded.operation
  // Operands differ in the forms that only the assembler has, and the shortest way to load a 64-bit register or to move
  // a selector may be a 32-bit move.
  if (row.assemblerOnly || ['xchg', 'mov-segment'].includes(row.operation)) return undefined
  if (row.operation === 'mov' && row.operandSize === 8 && decoded.operandSize === 4) return undefined
  if (decoded.mnemonic !== row.mnemonic) return decoded.mnemonic
  const end = request.address + BigInt(decoded.length)
  const wrong = row.operands.findIndex(
    (_, i) => !isWhatWasAsked(request.operands[i], decoded.operands[i], end, decoded.addressSize * 8),
  )
  return wrong < 0 ? undefined : `operand ${wrong}`
}

describe('encode and decode', () => {
  it.each([16, 32, 64] as const)(
    'give back what was asked for every row and operand form of %i-bit code',
    (bits) => {
      const faults = [...oracleCases(bits)].flatMap((one) => {
        const fault = roundTripFault(one)
        return fault === undefined ? [] : [`${one.text}: ${fault}`]
      })
      expect(faults).toEqual([])
    },
  )
})

describe('the shortest form', () => {
  it('is chosen for immediates', () => {
    expect(hexOf(ask('add', [reg(0, 4), imm(5n)]))).toBe('83c005')
    expect(hexOf(ask('add', [reg(0, 4), imm(500n)]))).toBe('05f4010000')
    expect(hexOf(ask('add', [reg(3, 4), imm(500n)]))).toBe('81c3f4010000')
    expect(hexOf(ask('push', [imm(1n)]))).toBe('6a01')
    expect(hexOf(ask('push', [imm(128n)]))).toBe('6880000000')
    expect(hexOf(ask('imul', [reg(0, 4), imm(5n)]))).toBe('6bc005')
  })

  it('is chosen for constants in 64-bit registers', () => {
    expect(hexOf(ask('mov', [reg(0, 8), imm(1n)]))).toBe('b801000000')
    expect(hexOf(ask('mov', [reg(0, 8), imm(-1n)]))).toBe('48c7c0ffffffff')
    expect(hexOf(ask('mov', [reg(0, 8), imm(0x123456789n)]))).toBe('48b88967452301000000')
  })

  it('is not NOP for XCHG EAX, EAX in 64-bit code, which clears the upper half', () => {
    expect(hexOf(ask('xchg', [reg(0, 4), reg(0, 4)]))).toBe('87c0')
    expect(hexOf(ask('xchg', [reg(0, 4), reg(0, 4)], { bits: 32 }))).toBe('90')
  })

  it('gives way to the widest one while a value is unknown', () => {
    expect(hexOf(ask('add', [reg(3, 4), imm(0n)], { unresolved: true }))).toHaveLength(12)
    expect(hexOf(ask('mov', [reg(0, 8), imm(0n)], { unresolved: true }))).toHaveLength(20)
    expect(hexOf(ask('mov', [reg(0, 4), mem({ base: 3 })], { unresolved: true }))).toHaveLength(12)
    expect(hexOf(ask('shl', [reg(0, 4), imm(1n)], { unresolved: true }))).toHaveLength(6)
  })
})

describe('branches', () => {
  const target = (address: bigint, distance: 'short' | 'near') =>
    ({ kind: 'target', address, distance }) as const

  it('are as far as asked', () => {
    expect(hexOf(ask('jz', [target(0n, 'short')]))).toBe('74fe')
    expect(hexOf(ask('je', [target(0n, 'near')]))).toBe('0f84faffffff')
    expect(branchDistances('jmp')).toEqual(['short', 'near'])
    expect(branchDistances('call')).toEqual(['near'])
    expect(branchDistances('loop')).toEqual(['short'])
    expect(branchDistances('mov')).toEqual([])
  })

  it('say how far they would have had to reach', () => {
    expect(errorOf(ask('jmp', [target(200n, 'short')]))).toMatchObject({
      code: 'branch-out-of-range',
      message: 'the target is 198 bytes away, this branch reaches -128 to 127',
      operand: 0,
    })
  })

  it('wrap around the 16-bit code segment', () => {
    expect(hexOf(ask('jmp', [target(0xfff0n, 'near')], { bits: 16 }))).toBe('e9edff')
  })
})

describe('RIP-relative operands', () => {
  it('count from the end of the instruction, immediates included', () => {
    const here = mem({ ripRelative: true, displacement: 0x110n, size: 4 })
    expect(hexOf(ask('mov', [here, imm(9n)], { address: 0x100n }))).toBe('c7050600000009000000')
    expect(hexOf(ask('mov', [reg(0, 4), here], { address: 0x100n }))).toBe('8b050a000000')
  })
})

it('CMPXCHG8B and CMPXCHG16B name the size of their memory operand', () => {
  const memory = [mem({ base: 3 })]
  expect(hexOf(ask('cmpxchg8b', memory))).toBe('0fc70b')
  expect(hexOf(ask('cmpxchg16b', memory))).toBe('480fc70b')
  expect(hexOf(ask('cmpxchg16b', memory, { lock: true }))).toBe('f0480fc70b')
})

describe('SVM instructions', () => {
  it('take their implicit registers or leave them out', () => {
    expect(hexOf(ask('vmrun', []))).toBe('0f01d8')
    expect(hexOf(ask('vmrun', [reg(0, 8)]))).toBe('0f01d8')
    expect(hexOf(ask('vmrun', [reg(0, 4)]))).toBe('670f01d8')
    expect(hexOf(ask('vmload', [reg(0, 8)]))).toBe('0f01da')
    expect(hexOf(ask('vmsave', [reg(0, 8)]))).toBe('0f01db')
    expect(hexOf(ask('invlpga', [reg(0, 8), reg(1, 4)]))).toBe('0f01df')
    expect(hexOf(ask('skinit', [reg(0, 4)]))).toBe('0f01de')
    expect(errorOf(ask('vmrun', [reg(3, 8)])).code).toBe('no-such-form')
  })
})

describe('errors', () => {
  it('name the value and the range it misses', () => {
    expect(errorOf(ask('add', [reg(0, 1), imm(300n)]))).toMatchObject({
      code: 'value-out-of-range',
      message: '300 does not fit in 8 bits: -128 to 255',
      operand: 1,
    })
    expect(errorOf(ask('add', [reg(0, 8), imm(0x80000000n)])).message).toBe(
      '2147483648 does not fit in 32 sign-extended bits: -2147483648 to 2147483647',
    )
    expect(errorOf(ask('int', [imm(256n)])).code).toBe('value-out-of-range')
  })

  it('ask for the size of memory', () => {
    expect(errorOf(ask('add', [mem({ base: 3 }), imm(3n)]))).toMatchObject({
      code: 'operand-size-unknown',
      hint: 'write a size before it: byte, word, dword, qword',
      operand: 0,
    })
    expect(hexOf(ask('call', [mem({ base: 0 })]))).toBe('ff10')
  })

  it('suggest a mnemonic that exists', () => {
    expect(errorOf(ask('vmrnu', []))).toMatchObject({ code: 'unknown-mnemonic', hint: 'did you mean vmrun?' })
  })

  it('tell modes, sizes, forms and prefixes apart', () => {
    expect(errorOf(ask('pusha', [])).code).toBe('not-in-this-mode')
    expect(errorOf(ask('swapgs', [], { bits: 32 })).code).toBe('not-in-this-mode')
    expect(errorOf(ask('mov', [reg(8, 4), reg(0, 4)], { bits: 32 })).code).toBe('not-in-this-mode')
    expect(errorOf(ask('push', [reg(0, 4)])).code).toBe('operand-size-mismatch')
    expect(errorOf(ask('mov', [reg(0, 4), reg(0, 8)])).code).toBe('operand-size-mismatch')
    expect(errorOf(ask('mov', [mem({ base: 0, size: 4 }), mem({ base: 0, size: 4 })])).code).toBe(
      'no-such-form',
    )
    expect(errorOf(ask('mov', [reg(0, 4), reg(3, 4)], { lock: true })).code).toBe('prefix-not-allowed')
    expect(errorOf(ask('mov', [reg(0, 1, true), reg(8, 1)])).code).toBe('no-such-form')
  })

  it('refuse addresses that no ModRM byte can say', () => {
    expect(errorOf(ask('mov', [reg(0, 4), mem({ base: 0, index: 4, scale: 2 })])).code).toBe(
      'invalid-address',
    )
    expect(errorOf(ask('mov', [reg(0, 4), mem({ base: 0, addressSize: 2 })], { bits: 16 })).code).toBe(
      'invalid-address',
    )
    expect(errorOf(ask('mov', [reg(0, 4), mem({ base: 0, displacement: 1n << 40n })])).code).toBe(
      'invalid-address',
    )
    expect(errorOf(ask('mov', [reg(0, 4), mem({ base: 3, addressSize: 2 })])).code).toBe('invalid-address')
  })
})
