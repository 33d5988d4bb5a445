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
import type { RegisterOperand, Size } from './instruction.ts'
import { oracleCases } from './oracle-requests.ts'
import { aliases } from './table.ts'

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

/** A request's operand as the decoder should give it back, or undefined where that depends on the form chosen. */
function expectedOperand(operand: OperandRequest): object | undefined {
  switch (operand.kind) {
    case 'register':
      return operand
    case 'memory':
      if (operand.ripRelative) return { kind: 'memory', base: 16, index: -1 }
      return { kind: 'memory', scale: operand.scale, displacement: operand.displacement }
    case 'far':
      return operand
    default:
      return undefined
  }
}

describe('encode and decode', () => {
  it.each([16, 32, 64] as const)(
    'give back what was asked for every row and operand form of %i-bit code',
    (bits) => {
      for (const { row, request, text } of oracleCases(bits)) {
        const encoded = encode(request)
        if (!encoded.ok) throw new Error(`${text}: ${encoded.error.message}`)
        const decoded = decode(encoded.bytes, 0, encoded.bytes.length, bits)
        if (isDecodeError(decoded)) throw new Error(`${text}: ${decoded.kind}`)
        expect([text, decoded.length]).toEqual([text, encoded.bytes.length])
        // XCHG of an accumulator with itself is NOP, and operands swap in the forms that only the assembler has.
        if (decoded.operation === 'nop' && row.operation === 'xchg') continue
        expect([text, decoded.operation, decoded.lock]).toEqual([text, row.operation, request.lock])
        if (row.assemblerOnly || row.operation === 'xchg' || row.operation === 'mov-segment') continue
        // The shortest way to load a 64-bit register may be a 32-bit move.
        if (row.operation === 'mov' && row.operandSize === 8 && decoded.operandSize === 4) continue
        expect([text, decoded.mnemonic]).toEqual([text, aliases.get(row.mnemonic) ?? row.mnemonic])
        row.operands.forEach((_, i) => {
          const expected = expectedOperand(request.operands[i]!)
          if (expected) expect([text, decoded.operands[i]]).toMatchObject([text, expected])
        })
      }
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
