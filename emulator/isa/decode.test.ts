import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decode, isDecodeError, type DecodeError } from './decode.ts'
import type { CodeBits, Instruction } from './instruction.ts'
import { RIP_BASE } from './instruction.ts'
import { CF, DS, ES, FS, SS } from './registers.ts'

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
}

function decodeText(text: string, bits: CodeBits): Instruction | DecodeError {
  const bytes = bytesOf(text)
  return decode(bytes, 0, bytes.length, bits)
}

function instruction(text: string, bits: CodeBits): Instruction {
  const result = decodeText(text, bits)
  if (isDecodeError(result)) throw new Error(`${text}: ${result.kind}`)
  return result
}

describe('operand sizes', () => {
  it('follow the 66 prefix and REX.W', () => {
    expect(instruction('01 d8', 64).operandSize).toBe(4)
    expect(instruction('66 01 d8', 64).operandSize).toBe(2)
    expect(instruction('48 01 d8', 64).operandSize).toBe(8)
    expect(instruction('66 48 01 d8', 64).operandSize).toBe(8)
    expect(instruction('01 d8', 16).operandSize).toBe(2)
    expect(instruction('66 01 d8', 16).operandSize).toBe(4)
  })

  it('are 64 bits by default for pushes and near branches in 64-bit code', () => {
    expect(instruction('50', 64).operandSize).toBe(8)
    expect(instruction('66 50', 64).operandSize).toBe(2)
    expect(instruction('e8 00 00 00 00', 64).operandSize).toBe(8)
    expect(instruction('c3', 64).operandSize).toBe(8)
    expect(instruction('c3', 32).operandSize).toBe(4)
  })

  it('make a near branch 16-bit under 66 in 64-bit code, as AMD processors do', () => {
    const call = instruction('66 e8 fe ff', 64)
    expect(call).toMatchObject({
      operandSize: 2,
      length: 4,
      operands: [{ kind: 'relative', displacement: -2n }],
    })
  })

  it('are fixed for MOV CRn and for the descriptor-table registers in 64-bit code', () => {
    expect(instruction('66 0f 22 c0', 64).operandSize).toBe(8)
    expect(instruction('0f 01 10', 64)).toMatchObject({
      mnemonic: 'lgdt',
      operandSize: 8,
      operands: [{ size: 10 }],
    })
    expect(instruction('66 0f 01 10', 32)).toMatchObject({
      mnemonic: 'lgdt',
      operandSize: 2,
      operands: [{ size: 6 }],
    })
  })
})

describe('prefixes', () => {
  it('count from the last one of a group', () => {
    expect(instruction('f2 f3 a4', 32).repeat).toBe('repe')
    expect(instruction('64 26 8b 00', 32).operands[1]).toMatchObject({ segment: ES })
  })

  it('make REX void unless it stands directly before the opcode', () => {
    expect(instruction('48 66 01 d8', 64).operandSize).toBe(2)
    expect(instruction('41 48 01 d8', 64).operands[0]).toMatchObject({ index: 0, size: 8 })
  })

  it('override FS and GS only in 64-bit code', () => {
    expect(instruction('26 8b 00', 64)).toMatchObject({
      segmentOverride: -1,
      operands: [{}, { segment: DS }],
    })
    expect(instruction('64 26 8b 00', 64)).toMatchObject({
      segmentOverride: FS,
      operands: [{}, { segment: FS }],
    })
  })

  it('select among instructions that share an opcode', () => {
    expect(instruction('90', 64).mnemonic).toBe('nop')
    expect(instruction('f3 90', 64).mnemonic).toBe('pause')
    expect(instruction('41 90', 64)).toMatchObject({
      mnemonic: 'xchg',
      operands: [{ index: 0 }, { index: 8 }],
    })
    expect(instruction('f3 0f b8 c1', 64).mnemonic).toBe('popcnt')
    expect(instruction('f3 0f 1e fa', 64)).toMatchObject({ mnemonic: 'endbr64', operation: 'nop' })
    expect(instruction('f3 0f 09', 64).mnemonic).toBe('wbnoinvd')
    expect(instruction('0f 09', 64).mnemonic).toBe('wbinvd')
  })

  it('lock only memory destinations of instructions that can be locked', () => {
    expect(instruction('f0 01 18', 64).lock).toBe(true)
    expect(decodeText('f0 01 d8', 64)).toMatchObject({ kind: 'undefined' })
    expect(decodeText('f0 03 18', 64)).toMatchObject({ kind: 'undefined' })
    expect(decodeText('f0 89 18', 64)).toMatchObject({ kind: 'undefined' })
  })

  it('turn CR0 into CR8 with LOCK, outside of 64-bit code too', () => {
    expect(instruction('f0 0f 20 c0', 32)).toMatchObject({
      lock: false,
      operands: [{ index: 0 }, { index: 8 }],
    })
  })
})

describe('operands', () => {
  it('name AH to BH without REX and SPL to DIL with it', () => {
    expect(instruction('88 e0', 64).operands).toMatchObject([{ index: 0 }, { index: 0, highByte: true }])
    expect(instruction('40 88 e0', 64).operands).toMatchObject([{ index: 0 }, { index: 4, highByte: false }])
  })

  it('are RIP-relative in 64-bit code where 32-bit code has an absolute displacement', () => {
    expect(instruction('8b 05 10 00 00 00', 64).operands[1]).toMatchObject({
      base: RIP_BASE,
      displacement: 16n,
    })
    expect(instruction('8b 05 10 00 00 00', 32).operands[1]).toMatchObject({ base: -1, displacement: 16n })
  })

  it('use SS with RSP and RBP as base', () => {
    expect(instruction('8b 04 24', 64).operands[1]).toMatchObject({ base: 4, index: -1, segment: SS })
    expect(instruction('8b 45 00', 64).operands[1]).toMatchObject({ base: 5, segment: SS })
    expect(instruction('41 8b 45 00', 64).operands[1]).toMatchObject({ base: 13, segment: DS })
  })

  it('extend immediates to the operand size', () => {
    expect(instruction('48 83 c0 ff', 64).operands[1]).toEqual({
      kind: 'immediate',
      value: 2n ** 64n - 1n,
      size: 8,
    })
    expect(instruction('6a ff', 64).operands[0]).toEqual({
      kind: 'immediate',
      value: 2n ** 64n - 1n,
      size: 8,
    })
    expect(instruction('c1 e0 ff', 64).operands[1]).toEqual({ kind: 'immediate', value: 255n, size: 1 })
    expect(instruction('48 b8 88 77 66 55 44 33 22 11', 64).operands[1]).toMatchObject({
      value: 0x1122334455667788n,
    })
  })

  it('of the SVM instructions list the accumulator with the address size', () => {
    expect(instruction('0f 01 d8', 64)).toMatchObject({
      mnemonic: 'vmrun',
      operands: [{ index: 0, size: 8 }],
    })
    expect(instruction('67 0f 01 d8', 64)).toMatchObject({
      mnemonic: 'vmrun',
      operands: [{ index: 0, size: 4 }],
    })
  })
})

describe('bytes that are no instruction', () => {
  it('are undefined where the table has no row', () => {
    for (const text of ['0f 04', 'd6', '0f 0a', '0f 01 c0 00', '8e c8', '44 0f 21 c0', '0f 22 c8', 'c7 48']) {
      const bytes = bytesOf(text.padEnd(45, ' 00'))
      expect([text, decode(bytes, 0, bytes.length, 64)]).toMatchObject([text, { kind: 'undefined' }])
    }
  })

  it('are undefined in 64-bit code where AMD64 took the opcode away', () => {
    for (const text of ['06', '27', '60', '62 00', 'ce', '9a', 'ea', 'd4 0a', '82 c0 00']) {
      expect(decodeText(text, 64)).toMatchObject({ kind: 'undefined' })
    }
  })

  it('are truncated while more bytes could complete them, and too long after 15', () => {
    expect(decodeText('48 b8 00', 64)).toEqual({ kind: 'truncated', length: 3 })
    expect(decodeText('', 64)).toEqual({ kind: 'truncated', length: 0 })
    expect(decodeText('66'.repeat(14) + '90', 64)).toMatchObject({ mnemonic: 'nop', length: 15 })
    expect(decodeText('66'.repeat(15) + '90', 64)).toEqual({ kind: 'too-long', length: 15 })
    expect(decodeText('66'.repeat(12) + '81 c0 34 12', 64)).toEqual({ kind: 'too-long', length: 15 })
    expect(decodeText('66'.repeat(14), 64)).toEqual({ kind: 'truncated', length: 14 })
  })

  it('never make the decoder throw or read beyond its limits', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.nat(40),
        fc.nat(40),
        fc.constantFrom(16, 32, 64),
        (bytes, offset, limit, bits) => {
          const result = decode(bytes, offset, limit, bits)
          const available = Math.max(0, Math.min(limit, bytes.length) - offset)
          expect(result.length).toBeLessThanOrEqual(Math.min(15, available))
        },
      ),
      { numRuns: 5000 },
    )
  })
})

describe('what a row says of flags', () => {
  it('comes with the instruction', () => {
    expect(instruction('11 d8', 64)).toMatchObject({ operation: 'adc', flagsRead: CF })
    expect(instruction('72 00', 64)).toMatchObject({
      operation: 'jcc',
      condition: 2,
      flagsRead: CF,
      flagsWritten: 0,
    })
  })
})
