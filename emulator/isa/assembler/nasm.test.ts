/** The yardstick: NASM's flat binaries, byte for byte. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { assemble } from './assemble.ts'
import { samplePrograms } from './sample-programs.ts'

const hasNasm = spawnSync('nasm', ['--version']).status === 0
const folder = mkdtempSync(join(tmpdir(), 'world-switch-nasm-'))
afterAll(() => rmSync(folder, { recursive: true }))

function nasm(source: string): string {
  writeFileSync(join(folder, 'in.asm'), source)
  execFileSync('nasm', ['-w-all', '-f', 'bin', '-o', 'out.bin', 'in.asm'], { cwd: folder })
  return readFileSync(join(folder, 'out.bin')).toString('hex')
}

function ours(source: string): string {
  const { bytes, diagnostics } = assemble({ files: new Map([['in.asm', source]]), entry: 'in.asm' })
  expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([])
  return Buffer.from(bytes).toString('hex')
}

/** Labels a few instructions apart, with branches and label differences among them. */
const branchProgram = fc
  .array(
    fc.record({
      mnemonic: fc.constantFrom('jmp', 'jz', 'jnbe', 'call', 'mov eax,', 'add ecx,', 'push'),
      reach: fc.integer({ min: -70, max: 70 }),
      padding: fc.integer({ min: 0, max: 4 }),
      difference: fc.boolean(),
    }),
    { minLength: 20, maxLength: 200 },
  )
  .chain((lines) => fc.constantFrom(16, 32, 64).map((bits) => ({ lines, bits })))
  .map(({ lines, bits }) => {
    const text = lines.map(({ mnemonic, reach, padding, difference }, i) => {
      const target = `l${Math.min(lines.length - 1, Math.max(0, i + reach))}`
      const isBranch = /^[jc]/.test(mnemonic)
      return `l${i}: ${mnemonic} ${target}${difference && !isBranch ? `-l${i}` : ''}\n times ${padding} nop`
    })
    return `bits ${bits}\n${text.join('\n')}\n`
  })

describe.skipIf(!hasNasm)('compared with nasm -f bin', () => {
  it.each(samplePrograms)('assembles $about alike', ({ source }) => {
    expect(ours(source)).toBe(nasm(source))
  })

  it('chooses short and near branches alike', () => {
    fc.assert(
      fc.property(branchProgram, (source) => {
        expect(ours(source)).toBe(nasm(source))
      }),
      { numRuns: 30 },
    )
  })
})

describe.skipIf(hasNasm)('without nasm', () => {
  it.each(samplePrograms)('still assembles $about', ({ source }) => {
    expect(ours(source)).not.toBe('')
  })
})
