import { expect, test } from 'vitest'
import { aliases, operations, table } from '../emulator/isa/index.ts'
import { EXIT_CODES } from '../emulator/svm/index.ts'
import { codeSizes, interceptsOf, MNEMONIC_GROUPS } from './instructions.ts'

const KEYS = new Set(EXIT_CODES.map(({ key }) => key))

/** The exits of a mnemonic's rows. */
function exitsOf(mnemonic: string): Set<string> {
  return new Set(table.filter((row) => row.mnemonic === mnemonic).flatMap((row) => interceptsOf(row, KEYS)))
}

test('every row of the table is on the page of one group, every alias at its mnemonic', () => {
  const mnemonics = MNEMONIC_GROUPS.flatMap((group) => group.mnemonics)
  expect(mnemonics.flatMap(({ rows }) => rows)).toHaveLength(table.length)
  expect(new Set(mnemonics.map(({ mnemonic }) => mnemonic)).size).toBe(mnemonics.length)
  expect(mnemonics.flatMap((entry) => entry.aliases).sort()).toEqual([...aliases.keys()].sort())
})

test('an instruction names the exits of appendix C that it can cause', () => {
  expect([...exitsOf('vmrun')]).toEqual(['vmrun'])
  expect([...exitsOf('wrmsr')]).toEqual(['msr', 'efer_write_trap'])
  expect([...exitsOf('wbnoinvd')]).toEqual(['wbinvd'])
  expect([...exitsOf('monitorx')]).toEqual(['monitor'])
  expect([...exitsOf('add')]).toEqual([])
})

test('every exit named after an instruction is some instruction’s, but for those that this machine does not have', () => {
  const named = new Set(table.flatMap((row) => interceptsOf(row, KEYS)))
  const ofInstructions = EXIT_CODES.filter(({ cause }) => /^[A-Z]+ instruction$/.test(cause))
  const unnamed = ofInstructions.map(({ key }) => key).filter((key) => !named.has(key))
  expect(unnamed).toEqual(['mcommit', 'vmgexit'])
  for (const key of named) expect(KEYS).toContain(key)
})

test('operations are exits by the same name only where the exit is the instruction’s', () => {
  const same = operations.filter((operation) => KEYS.has(operation))
  expect(same).toContain('cpuid')
  for (const operation of same) {
    expect(EXIT_CODES.find(({ key }) => key === operation)?.cause).toMatch(/ instruction\b/)
  }
})

test('encodings say where they exist, unless it is everywhere', () => {
  const swapgs = table.find(({ mnemonic }) => mnemonic === 'swapgs')!
  const daa = table.find(({ mnemonic }) => mnemonic === 'daa')!
  expect(codeSizes(swapgs)).toBe('64-bit code only')
  expect(codeSizes(daa)).toBe('16- and 32-bit code only')
  expect(codeSizes(table.find(({ mnemonic }) => mnemonic === 'cpuid')!)).toBe('')
})
