/**
 * The exit codes of #VMEXIT (APM vol 2 appendix C). For codes 00h..A6h the code is the position of the intercept's bit in the
 * intercept vectors: vector code / 32 (VMCB offset 4 * vector), bit code % 32. So this is the list of intercepts as well.
 */
import { hex } from './notation.ts'

/** Exit codes that the processor's own code names. */
export const EXIT = {
  CR0_READ: 0x00,
  CR0_WRITE: 0x10,
  DR0_READ: 0x20,
  DR0_WRITE: 0x30,
  EXCEPTION_0: 0x40,
  INTR: 0x60,
  NMI: 0x61,
  SMI: 0x62,
  INIT: 0x63,
  VINTR: 0x64,
  CR0_SEL_WRITE: 0x65,
  IDTR_READ: 0x66,
  GDTR_READ: 0x67,
  LDTR_READ: 0x68,
  TR_READ: 0x69,
  IDTR_WRITE: 0x6a,
  GDTR_WRITE: 0x6b,
  LDTR_WRITE: 0x6c,
  TR_WRITE: 0x6d,
  RDTSC: 0x6e,
  RDPMC: 0x6f,
  PUSHF: 0x70,
  POPF: 0x71,
  CPUID: 0x72,
  RSM: 0x73,
  IRET: 0x74,
  SWINT: 0x75,
  INVD: 0x76,
  PAUSE: 0x77,
  HLT: 0x78,
  INVLPG: 0x79,
  INVLPGA: 0x7a,
  IOIO: 0x7b,
  MSR: 0x7c,
  TASK_SWITCH: 0x7d,
  FERR_FREEZE: 0x7e,
  SHUTDOWN: 0x7f,
  VMRUN: 0x80,
  VMMCALL: 0x81,
  VMLOAD: 0x82,
  VMSAVE: 0x83,
  STGI: 0x84,
  CLGI: 0x85,
  SKINIT: 0x86,
  RDTSCP: 0x87,
  ICEBP: 0x88,
  WBINVD: 0x89,
  MONITOR: 0x8a,
  MWAIT: 0x8b,
  MWAIT_CONDITIONAL: 0x8c,
  XSETBV: 0x8d,
  RDPRU: 0x8e,
  EFER_WRITE_TRAP: 0x8f,
  CR0_WRITE_TRAP: 0x90,
  INVLPGB: 0xa0,
  INVLPGB_ILLEGAL: 0xa1,
  INVPCID: 0xa2,
  MCOMMIT: 0xa3,
  TLBSYNC: 0xa4,
  BUSLOCK: 0xa5,
  IDLE_HLT: 0xa6,
  NPF: 0x400,
  AVIC_INCOMPLETE_IPI: 0x401,
  AVIC_NOACCEL: 0x402,
  VMGEXIT: 0x403,
  INVALID: -1,
  BUSY: -2,
  IDLE_REQUIRED: -3,
  INVALID_PMC: -4,
} as const

export interface ExitCode {
  /** As a signed number; EXITCODE holds it in 64 bits, two's complement. */
  readonly code: number
  /** Name in the manual, e.g. 'VMEXIT_CR0_SEL_WRITE'. */
  readonly name: string
  /** Lower-case name of the intercept, e.g. 'cr0_sel_write'; also the name of the exit in labs. */
  readonly key: string
  readonly cause: string
}

/** The last code that is an intercept's bit position. */
export const LAST_INTERCEPT = EXIT.IDLE_HLT

function numbered(
  first: number,
  count: number,
  key: (n: number) => string,
  cause: (n: number) => string,
): ExitCode[] {
  return Array.from({ length: count }, (_, n) => named(first + n, key(n), cause(n)))
}

function named(code: number, key: string, cause: string): ExitCode {
  return { code, name: `VMEXIT_${key.toUpperCase()}`, key, cause }
}

/** Mnemonics of the exceptions by vector (APM vol 2 table 8-1); '' for reserved vectors. */
// prettier-ignore
export const EXCEPTION_MNEMONICS: readonly string[] = [
  'DE', 'DB', 'NMI', 'BP', 'OF', 'BR', 'UD', 'NM', 'DF', '', 'TS', 'NP', 'SS', 'GP', 'PF', '',
  'MF', 'AC', 'MC', 'XF', '', 'CP', '', '', '', '', '', '', 'HV', 'VC', 'SX', '',
]

function exceptionCause(vector: number): string {
  const mnemonic = EXCEPTION_MNEMONICS[vector]
  if (vector === 2) return 'Exception vector 2; NMIs have their own intercept'
  return mnemonic === ''
    ? `Exception vector ${vector} (reserved)`
    : `Exception vector ${vector}, #${mnemonic}`
}

/** Every exit code of appendix C, in ascending order; the negative ones last. */
export const EXIT_CODES: readonly ExitCode[] = [
  ...numbered(
    EXIT.CR0_READ,
    16,
    (n) => `cr${n}_read`,
    (n) => `Read of CR${n}`,
  ),
  ...numbered(
    EXIT.CR0_WRITE,
    16,
    (n) => `cr${n}_write`,
    (n) => `Write of CR${n}`,
  ),
  ...numbered(
    EXIT.DR0_READ,
    16,
    (n) => `dr${n}_read`,
    (n) => `Read of DR${n}`,
  ),
  ...numbered(
    EXIT.DR0_WRITE,
    16,
    (n) => `dr${n}_write`,
    (n) => `Write of DR${n}`,
  ),
  ...numbered(EXIT.EXCEPTION_0, 32, (n) => `excp${n}`, exceptionCause),
  named(EXIT.INTR, 'intr', 'Physical maskable interrupt'),
  named(EXIT.NMI, 'nmi', 'Physical NMI'),
  named(EXIT.SMI, 'smi', 'Physical SMI'),
  named(EXIT.INIT, 'init', 'Physical INIT'),
  named(EXIT.VINTR, 'vintr', 'Virtual maskable interrupt'),
  named(EXIT.CR0_SEL_WRITE, 'cr0_sel_write', 'Write of CR0 that changes bits other than TS or MP'),
  named(EXIT.IDTR_READ, 'idtr_read', 'Read of IDTR'),
  named(EXIT.GDTR_READ, 'gdtr_read', 'Read of GDTR'),
  named(EXIT.LDTR_READ, 'ldtr_read', 'Read of LDTR'),
  named(EXIT.TR_READ, 'tr_read', 'Read of TR'),
  named(EXIT.IDTR_WRITE, 'idtr_write', 'Write of IDTR'),
  named(EXIT.GDTR_WRITE, 'gdtr_write', 'Write of GDTR'),
  named(EXIT.LDTR_WRITE, 'ldtr_write', 'Write of LDTR'),
  named(EXIT.TR_WRITE, 'tr_write', 'Write of TR'),
  named(EXIT.RDTSC, 'rdtsc', 'RDTSC instruction'),
  named(EXIT.RDPMC, 'rdpmc', 'RDPMC instruction'),
  named(EXIT.PUSHF, 'pushf', 'PUSHF instruction'),
  named(EXIT.POPF, 'popf', 'POPF instruction'),
  named(EXIT.CPUID, 'cpuid', 'CPUID instruction'),
  named(EXIT.RSM, 'rsm', 'RSM instruction'),
  named(EXIT.IRET, 'iret', 'IRET instruction'),
  named(EXIT.SWINT, 'swint', 'Software interrupt, INTn instruction'),
  named(EXIT.INVD, 'invd', 'INVD instruction'),
  named(EXIT.PAUSE, 'pause', 'PAUSE instruction'),
  named(EXIT.HLT, 'hlt', 'HLT instruction'),
  named(EXIT.INVLPG, 'invlpg', 'INVLPG instruction'),
  named(EXIT.INVLPGA, 'invlpga', 'INVLPGA instruction'),
  named(EXIT.IOIO, 'ioio', 'IN or OUT to a port that the IOPM protects'),
  named(EXIT.MSR, 'msr', 'RDMSR or WRMSR of a register that the MSRPM protects'),
  named(EXIT.TASK_SWITCH, 'task_switch', 'Task switch'),
  named(EXIT.FERR_FREEZE, 'ferr_freeze', 'Processor frozen by legacy FERR handling'),
  named(EXIT.SHUTDOWN, 'shutdown', 'Shutdown'),
  named(EXIT.VMRUN, 'vmrun', 'VMRUN instruction'),
  named(EXIT.VMMCALL, 'vmmcall', 'VMMCALL instruction'),
  named(EXIT.VMLOAD, 'vmload', 'VMLOAD instruction'),
  named(EXIT.VMSAVE, 'vmsave', 'VMSAVE instruction'),
  named(EXIT.STGI, 'stgi', 'STGI instruction'),
  named(EXIT.CLGI, 'clgi', 'CLGI instruction'),
  named(EXIT.SKINIT, 'skinit', 'SKINIT instruction'),
  named(EXIT.RDTSCP, 'rdtscp', 'RDTSCP instruction'),
  named(EXIT.ICEBP, 'icebp', 'ICEBP instruction'),
  named(EXIT.WBINVD, 'wbinvd', 'WBINVD or WBNOINVD instruction'),
  named(EXIT.MONITOR, 'monitor', 'MONITOR or MONITORX instruction'),
  named(EXIT.MWAIT, 'mwait', 'MWAIT or MWAITX instruction'),
  named(EXIT.MWAIT_CONDITIONAL, 'mwait_conditional', 'MWAIT or MWAITX instruction while monitoring is armed'),
  named(EXIT.XSETBV, 'xsetbv', 'XSETBV instruction'),
  named(EXIT.RDPRU, 'rdpru', 'RDPRU instruction'),
  named(EXIT.EFER_WRITE_TRAP, 'efer_write_trap', 'Write of EFER, after the instruction'),
  ...numbered(
    EXIT.CR0_WRITE_TRAP,
    16,
    (n) => `cr${n}_write_trap`,
    (n) => `Write of CR${n}, after the instruction`,
  ),
  named(EXIT.INVLPGB, 'invlpgb', 'INVLPGB instruction'),
  named(EXIT.INVLPGB_ILLEGAL, 'invlpgb_illegal', 'Illegal INVLPGB instruction'),
  named(EXIT.INVPCID, 'invpcid', 'INVPCID instruction'),
  named(EXIT.MCOMMIT, 'mcommit', 'MCOMMIT instruction'),
  named(EXIT.TLBSYNC, 'tlbsync', 'TLBSYNC instruction'),
  named(EXIT.BUSLOCK, 'buslock', 'Bus lock while the bus-lock threshold counter is 0'),
  named(EXIT.IDLE_HLT, 'idle_hlt', 'HLT instruction while no virtual interrupt is pending'),
  named(EXIT.NPF, 'npf', 'Nested page fault'),
  named(EXIT.AVIC_INCOMPLETE_IPI, 'avic_incomplete_ipi', 'AVIC could not deliver a virtual IPI'),
  named(EXIT.AVIC_NOACCEL, 'avic_noaccel', 'Guest access to an APIC register that AVIC does not handle'),
  named(EXIT.VMGEXIT, 'vmgexit', 'VMGEXIT instruction'),
  named(EXIT.INVALID, 'invalid', 'Invalid guest state in the VMCB'),
  named(EXIT.BUSY, 'busy', 'The BUSY bit was set in the VMSA'),
  named(EXIT.IDLE_REQUIRED, 'idle_required', 'The sibling thread is not idle'),
  named(EXIT.INVALID_PMC, 'invalid_pmc', 'Invalid performance-counter state'),
]

/** True for the exits that come after the instruction: those of writes of EFER and control registers that are trapped. */
export function isWriteTrap(code: number): boolean {
  return code >= EXIT.EFER_WRITE_TRAP && code < EXIT.CR0_WRITE_TRAP + 16
}

const BY_CODE: ReadonlyMap<number, ExitCode> = new Map(EXIT_CODES.map((exit) => [exit.code, exit]))

/** The entry of a code given as a signed number; undefined for numbers that the manual does not define. */
export function exitCode(code: number): ExitCode | undefined {
  return BY_CODE.get(code)
}

/** The entry of EXITCODE as a VMCB has it, in 64 bits; undefined for codes that the manual does not define. */
export function exitOf(code: bigint): ExitCode | undefined {
  return exitCode(Number(BigInt.asIntN(64, code)))
}

/** 'NPF', 'INVALID': the manual's name of EXITCODE without 'VMEXIT_'. A code that the manual does not define is named by its number. */
export function exitName(code: bigint): string {
  return exitOf(code)?.name.replace('VMEXIT_', '') ?? hex(code)
}
