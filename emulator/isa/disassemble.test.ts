import { describe, expect, it } from 'vitest'
import { decode, isDecodeError } from './decode.ts'
import { disassemble } from './disassemble.ts'
import { encode } from './encode.ts'
import type { CodeBits, Instruction } from './instruction.ts'
import { RIP_BASE } from './instruction.ts'
import { assembleWithNasm, hasNasm, UNKNOWN_TO_NASM } from './nasm.fixture.ts'
import { ADDRESS, oracleCases } from './requests.fixture.ts'

function textOf(hex: string, bits: CodeBits, address = 0n): string {
  const bytes = Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
  const instruction = decode(bytes, 0, bytes.length, bits)
  if (isDecodeError(instruction)) throw new Error(`${hex}: ${instruction.kind}`)
  return disassemble(instruction, address)
}

/** The text with `$` in targets, so that each line of a batch can stand at its own address. */
function relocatable(instruction: Instruction): string {
  const relative = instruction.operands.some(
    (operand) => operand.kind === 'relative' || (operand.kind === 'memory' && operand.base === RIP_BASE),
  )
  const symbol = (address: bigint) => `$+${address - ADDRESS}`
  return disassemble(instruction, ADDRESS, relative ? { symbol } : {})
}

describe('disassemble', () => {
  it('writes operands as NASM does', () => {
    expect(textOf('48 89 43 08', 64)).toBe('mov [rbx+8], rax')
    expect(textOf('c7 44 8b f0 78 56 34 12', 64)).toBe('mov dword [rbx+rcx*4-0x10], 0x12345678')
    expect(textOf('64 8b 04 25 10 00 00 00', 64)).toBe('mov eax, [fs:abs 0x10]')
    expect(textOf('d2 23', 64)).toBe('shl byte [rbx], cl')
    expect(textOf('ff 2b', 32)).toBe('jmp dword far [ebx]')
    expect(textOf('ea 34 12 00 00 08 00', 32)).toBe('jmp dword 8:0x1234')
    expect(textOf('0f 01 d8', 64)).toBe('vmrun rax')
  })

  it('shows prefixes that change something and nothing else shows', () => {
    expect(textOf('f3 48 a5', 64)).toBe('rep movsq')
    expect(textOf('f2 ae', 64)).toBe('repne scasb')
    expect(textOf('f0 48 0f b1 0b', 64)).toBe('lock cmpxchg [rbx], rcx')
    expect(textOf('67 e2 fd', 64, 0x10n)).toBe('a32 loop 0x10')
    expect(textOf('48 cb', 64)).toBe('o64 retf')
    expect(textOf('66 c3', 64)).toBe('o16 ret')
    expect(textOf('64 a4', 64)).toBe('fs movsb')
  })

  it('resolves branch targets and RIP-relative addresses, with names where it is given them', () => {
    expect(textOf('eb fe', 64, 0x7c00n)).toBe('jmp 0x7c00')
    expect(textOf('48 8d 05 f9 0f 00 00', 64, 0x1000n)).toBe('lea rax, [rel 0x2000]')
    const bytes = Uint8Array.of(0xe8, 0xfb, 0x0f, 0, 0)
    const call = decode(bytes, 0, 5, 64) as Instruction
    const symbol = (address: bigint) => (address === 0x2000n ? 'guest_entry' : undefined)
    expect(disassemble(call, 0x1000n, { symbol })).toBe('call guest_entry')
  })

  it.skipIf(!hasNasm).each([16, 32, 64] as const)(
    'writes %i-bit code that NASM assembles to an instruction that decodes alike (needs nasm)',
    (bits) => {
      const originals: Instruction[] = []
      for (const { row, request } of oracleCases(bits)) {
        // NASM takes these without operands only, and branches of the other operand size as Intel defines them.
        if (row.section.startsWith('APM vol 2') || (row.hiddenOperandSize && request.operandSize !== 0))
          continue
        if (UNKNOWN_TO_NASM.has(row.mnemonic)) continue
        if (row.operation === 'sldt' && row.operandSize === 8) continue
        if (['jmp', 'call'].includes(row.operation) && row.operandSize !== 0 && bits === 64) continue
        const encoded = encode(request)
        if (!encoded.ok) throw new Error(encoded.error.message)
        originals.push(decode(encoded.bytes, 0, encoded.bytes.length, bits) as Instruction)
      }
      const texts = originals.map(relocatable)
      const assembled = assembleWithNasm(bits, texts)
      const wrong = originals.flatMap((original, i) => {
        const bytes = assembled[i] === undefined ? undefined : Buffer.from(assembled[i], 'hex')
        if (bytes === undefined) return [`${texts[i]}: rejected`]
        const again = decode(bytes, 0, bytes.length, bits)
        if (isDecodeError(again)) return [`${texts[i]}: ${again.kind}`]
        // Either order of XCHG's operands is the same encoding.
        const sameText = original.operation === 'xchg' || relocatable(again) === texts[i]
        const same = sameText && again.operation === original.operation
        return same ? [] : [`${texts[i]}: came back as ${relocatable(again)}`]
      })
      expect(wrong).toEqual([])
    },
  )
})
