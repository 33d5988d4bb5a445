// The instructions as the reference shows them.
import { aliases, INSTRUCTION_GROUPS, type Row } from '../emulator/isa/index.ts'

const CONTROL_REGISTERS = [0, 2, 3, 4, 8]
const DEBUG_REGISTERS = [0, 1, 2, 3, 6, 7]

/** Exits of instructions whose intercept has another name than the instruction, by operation of the table (APM vol 2 table 15-7). */
const INTERCEPTS: Readonly<Record<string, readonly string[]>> = {
  'mov-debug': DEBUG_REGISTERS.flatMap((n) => [`dr${n}_read`, `dr${n}_write`]),
  'mov-control': [
    ...CONTROL_REGISTERS.flatMap((n) => [`cr${n}_read`, `cr${n}_write`, `cr${n}_write_trap`]),
    'cr0_sel_write',
  ],
  'call-far': ['task_switch'],
  'jmp-far': ['task_switch'],
  clts: ['cr0_write'],
  hlt: ['hlt', 'idle_hlt'],
  in: ['ioio'],
  ins: ['ioio'],
  int: ['swint', 'task_switch'],
  int1: ['icebp'],
  int3: ['excp3'],
  into: ['excp4'],
  invlpgb: ['invlpgb', 'invlpgb_illegal'],
  iret: ['iret', 'task_switch'],
  lgdt: ['gdtr_write'],
  lidt: ['idtr_write'],
  lldt: ['ldtr_write'],
  lmsw: ['cr0_write', 'cr0_sel_write'],
  ltr: ['tr_write'],
  mwait: ['mwait', 'mwait_conditional'],
  out: ['ioio'],
  outs: ['ioio'],
  rdmsr: ['msr'],
  sgdt: ['gdtr_read'],
  sidt: ['idtr_read'],
  sldt: ['ldtr_read'],
  smsw: ['cr0_read'],
  str: ['tr_read'],
  wbnoinvd: ['wbinvd'],
  wrmsr: ['msr', 'efer_write_trap'],
}

/** Keys of the exits that are the instruction's own; exceptions that it may raise are not among them. */
export function interceptsOf({ operation }: Row, exitKeys: ReadonlySet<string>): readonly string[] {
  return INTERCEPTS[operation] ?? (exitKeys.has(operation) ? [operation] : [])
}

export interface Mnemonic {
  readonly mnemonic: string
  readonly title: string
  readonly section: string
  readonly aliases: readonly string[]
  readonly rows: readonly Row[]
}

export interface MnemonicGroup {
  readonly id: string
  readonly title: string
  readonly mnemonics: readonly Mnemonic[]
}

function otherNames(mnemonic: string): string[] {
  return [...aliases].flatMap(([alias, target]) => (target === mnemonic ? [alias] : []))
}

/** The table by group and mnemonic, in alphabetical order. */
export const MNEMONIC_GROUPS: readonly MnemonicGroup[] = INSTRUCTION_GROUPS.map(({ id, title, rows }) => ({
  id,
  title,
  mnemonics: [...Map.groupBy(rows, ({ mnemonic }) => mnemonic)]
    .map(([mnemonic, own]) => ({
      mnemonic,
      title: own[0].title,
      section: own[0].section,
      aliases: otherNames(mnemonic),
      rows: own,
    }))
    .sort((a, b) => a.mnemonic.localeCompare(b.mnemonic)),
}))

/** Bits of Row.modes: 16-, 32- and 64-bit code. */
const CODE_SIZES = ['16', '32', '64']

/** "16, 32": the code sizes in which an encoding exists; nothing where it is all of them. */
export function codeSizes({ modes }: Row): string {
  const sizes = CODE_SIZES.filter((_, bit) => (modes >> bit) & 1)
  return sizes.length === CODE_SIZES.length ? '' : `${sizes.join('- and ')}-bit code only`
}
