/** The encoder against NASM: the same bytes for every row, code size and operand form. Needs `nasm` on the PATH. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { encode } from './encode.ts'
import type { CodeBits } from './instruction.ts'
import { oracleCases, type OracleCase } from './oracle-requests.ts'

const hasNasm = spawnSync('nasm', ['--version']).status === 0

/** The bytes that NASM makes of each line, undefined for lines that it rejects. */
function assembleWithNasm(bits: CodeBits, texts: readonly string[]): (string | undefined)[] {
  const folder = mkdtempSync(join(tmpdir(), 'world-switch-nasm-'))
  try {
    const source = join(folder, 'lines.asm')
    const listing = join(folder, 'lines.lst')
    writeFileSync(source, `bits ${bits}\n${texts.join('\n')}\n`)
    // A listing is written even when some lines are wrong; rejected lines are then assembled away.
    const first = spawnSync('nasm', ['-w-all', '-f', 'bin', '-o', join(folder, 'out'), source], {
      encoding: 'utf8',
    })
    const rejected = new Set(
      [...first.stderr.matchAll(/lines\.asm:(\d+): error/g)].map((match) => Number(match[1]) - 2),
    )
    const accepted = texts.map((text, i) => (rejected.has(i) ? '' : text))
    writeFileSync(source, `bits ${bits}\n${accepted.join('\n')}\n`)
    execFileSync('nasm', ['-w-all', '-f', 'bin', '-l', listing, '-o', join(folder, 'out'), source])
    return parseListing(readFileSync(listing, 'utf8'), texts.length).map((bytes, i) =>
      rejected.has(i) ? undefined : bytes,
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Listing lines: line number, offset, bytes (continued after a '-'), source. */
function parseListing(listing: string, lines: number): string[] {
  const bytes = new Array<string>(lines).fill('')
  for (const line of listing.split('\n')) {
    const match = /^ *(\d+) [0-9A-F]{8} ([0-9A-F]+)-?(?: |$)/.exec(line)
    if (match) bytes[Number(match[1]) - 2] += match[2]!.toLowerCase()
  }
  return bytes
}

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
    why: 'NASM leaves REX.W out of SLDT, which the result does not show',
    applies: ({ row }) => row.operation === 'sldt' && row.operandSize === 8,
  },
]

describe.skipIf(!hasNasm)('encode agrees with NASM (skipped where nasm is not installed)', () => {
  it.each([16, 32, 64] as const)(
    'encodes every row and operand form of %i-bit code to the same bytes',
    (bits) => {
      const cases = [...oracleCases(bits)].filter((one) => !differences.some(({ applies }) => applies(one)))
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
