/** The encoder against NASM: the same bytes for every row, code size and operand form. Needs `nasm` on the PATH. */
import { describe, expect, it } from 'vitest'
import { encode } from './encode.ts'
import { assembleWithNasm, hasNasm, UNKNOWN_TO_NASM } from './nasm.fixture.ts'
import { oracleCases, type OracleCase } from './requests.fixture.ts'

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** Where we differ on purpose, and why. */
const differences: readonly { readonly why: string; readonly applies: (one: OracleCase) => boolean }[] = [
  {
    why: 'AMD: a 66 prefix makes near branches 16-bit in 64-bit code; NASM follows Intel, and o16/o32 near it is a bare prefix',
    applies: ({ row, request }) =>
      ['jmp', 'call', 'jcc'].includes(row.operation) && row.selectedBySize && request.operandSize !== 0,
  },
  {
    why: 'as above, for indirect branches',
    applies: ({ row, request }) =>
      ['jmp', 'call'].includes(row.operation) && request.bits === 64 && row.operandSize === 2,
  },
  {
    why: 'NASM has SKINIT in 64-bit code only; the manual has it in protected mode too',
    applies: ({ row, request }) => row.operation === 'skinit' && request.bits !== 64,
  },
  {
    why: 'NASM does not know the instruction',
    applies: ({ row }) => UNKNOWN_TO_NASM.has(row.mnemonic),
  },
  {
    why: 'NASM leaves REX.W out of SLDT, which the result does not show',
    applies: ({ row }) => row.operation === 'sldt' && row.operandSize === 8,
  },
  {
    why: 'NASM gives INVPCID a REX.W that it does not need',
    applies: ({ row, request }) => row.operation === 'invpcid' && request.bits === 64,
  },
]

describe.skipIf(!hasNasm)('encode agrees with NASM (skipped where nasm is not installed)', () => {
  it.each([16, 32, 64] as const)(
    'encodes every row and operand form of %i-bit code to the same bytes',
    (bits) => {
      const cases = [...oracleCases(bits, true)].filter(
        (one) => !differences.some(({ applies }) => applies(one)),
      )
      const expected = assembleWithNasm(
        bits,
        cases.map(({ text }) => text),
      )
      const wrong: string[] = []
      cases.forEach(({ text, request }, i) => {
        const result = encode(request)
        const ours = result.ok ? hex(result.bytes) : result.error.message
        if (ours !== expected[i]) wrong.push(`${text}: ${ours}, NASM: ${expected[i] ?? 'rejected'}`)
      })
      expect(cases.length).toBeGreaterThan(5000)
      expect(wrong).toEqual([])
    },
  )
})
