/** NASM as an oracle for the encoder and the disassembler, for the tests. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CodeBits } from './instruction.ts'

/** Whether NASM can be asked at all; tests that need it skip by name otherwise. */
export const hasNasm = spawnSync('nasm', ['--version']).status === 0

/** Instructions that NASM does not know; it takes their names for labels. */
export const UNKNOWN_TO_NASM: ReadonlySet<string> = new Set(['rdpru', 'invlpgb', 'tlbsync'])

/** The bytes that NASM makes of each line, undefined for lines that it rejects. */
export function assembleWithNasm(bits: CodeBits, texts: readonly string[]): (string | undefined)[] {
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
    if (match) bytes[Number(match[1]) - 2] += match[2].toLowerCase()
  }
  return bytes
}
