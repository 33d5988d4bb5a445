// The reference, derived from the emulator's tables: addresses of the entries, and what ties them to each other and to labs.
import {
  CHECKS,
  EXIT_CODES,
  hex,
  VMCB_FIELDS,
  type Check,
  type ExitCode,
  type VmcbField,
} from '../emulator/svm/index.ts'
import { labSlugs, readLab, type LabSource } from './labs.ts'

/** The checks that read the field. */
export function checksOf({ key }: VmcbField): Check[] {
  return CHECKS.filter(({ fields }) => fields.includes(key))
}

/** An exit code as the manual writes it; the negative ones in all 64 bits. */
export function exitNumber({ code }: ExitCode): string {
  return hex(BigInt.asUintN(64, BigInt(code)))
}

const LABS: readonly LabSource[] = labSlugs().map(readLab)

/** The labs one of whose texts, the solution's included, holds `name` as a word. */
export function labsNaming(name: string): LabSource[] {
  const word = new RegExp(`(?<![\\w.])${name.replaceAll('.', '\\.')}(?![\\w])`)
  return LABS.filter(({ files }) => Object.values(files).some((text) => word.test(text)))
}

/** All strings in a value from YAML. */
function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(strings) : []
}

/** The exits that a lab's goals ask for or forbid: the values of conditions called exits, no-exit, l0-exits-include and so on. */
function exitsInGoals({ lab }: LabSource): Set<string> {
  const conditions = lab.goals.flatMap(({ when }) => when.flatMap((condition) => Object.entries(condition)))
  return new Set(conditions.flatMap(([name, value]) => (/exits?\b/.test(name) ? strings(value) : [])))
}

const EXITS_IN_GOALS = new Map(LABS.map((source) => [source, exitsInGoals(source)]))

/** The labs whose goals or texts name the exit. */
export function labsWithExit({ key, name }: ExitCode): LabSource[] {
  const named = new Set(labsNaming(name))
  return LABS.filter((source) => named.has(source) || EXITS_IN_GOALS.get(source)!.has(key))
}

/** A lab's programs, the solution's included, in lower case and without comments. */
function programsOf({ files }: LabSource): string {
  const programs = Object.entries(files).filter(([path]) => /\.(asm|inc)$/.test(path))
  return programs.map(([, text]) => text.replaceAll(/;.*$/gm, '').toLowerCase()).join('\n')
}

const PROGRAMS = LABS.map((source) => {
  const code = programsOf(source)
  return { source, code, words: new Set(code.match(/\w+/g)) }
})

/** The labs whose programs use the mnemonic. */
export function labsUsing(mnemonic: string): LabSource[] {
  return PROGRAMS.filter(({ words }) => words.has(mnemonic)).map(({ source }) => source)
}

/** The labs whose programs load ECX with the number of the MSR, as 0x277 or 277h, a few lines before RDMSR or WRMSR. */
export function labsWithMsr(index: number): LabSource[] {
  const digits = index.toString(16)
  const access = new RegExp(`ecx, *(0x0*${digits}|0*${digits}h)\\b(.*\n){1,6}.*\\b(rd|wr)msr\\b`)
  return PROGRAMS.filter(({ code }) => access.test(code)).map(({ source }) => source)
}

export { CHECKS, EXIT_CODES, hex, LABS, VMCB_FIELDS }
