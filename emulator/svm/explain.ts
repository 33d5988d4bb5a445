/** A #VMEXIT in words: the name of its code, what EXITINFO1 and EXITINFO2 say, and for VMEXIT_INVALID why. */
import { generalRegisterName } from '../isa/index.ts'
import type { FailedCheck, VmexitEvent } from '../state/cpu.ts'
import { EXCEPTION_MNEMONICS, EXIT, exitCode, exitName } from '../state/exit-codes.ts'
import { VECTOR } from '../state/faults.ts'
import { hex } from '../state/notation.ts'
import { findCheck } from './checks.ts'

export interface ExplainedCheck extends FailedCheck {
  /** What is illegal, as a sentence. */
  readonly explanation: string
  readonly section: string
}

export interface ExitExplanation {
  /** As stored: 64 bits, unsigned. */
  readonly code: bigint
  /** The manual's name without 'VMEXIT_': 'VMMCALL', 'INVALID', 'NPF'. */
  readonly name: string
  readonly cause: string
  /** What EXITINFO1 and EXITINFO2 tell, a phrase each; empty where the manual leaves them undefined. */
  readonly details: readonly string[]
  /** VMEXIT_INVALID: the checks that failed, in the manual's order. */
  readonly checks: readonly ExplainedCheck[]
}

/** Explains an exit. A code that the manual does not define is named by its number. */
export function explainExit(event: VmexitEvent): ExitExplanation {
  const code = Number(BigInt.asIntN(64, event.code))
  return {
    code: event.code,
    name: exitName(event.code),
    cause: exitCode(code)?.cause ?? 'An exit code that the manual does not define',
    details: describeInfo(code, event),
    checks: event.failedChecks.map(explainCheck),
  }
}

function explainCheck(failed: FailedCheck): ExplainedCheck {
  const { explanation, section } = findCheck(failed.id)!
  return { ...failed, explanation, section }
}

/** Whether bit `bit` of `value` is 1. */
function isSet(value: bigint, bit: number): boolean {
  return ((value >> BigInt(bit)) & 1n) === 1n
}

function generalRegister(info: bigint): string {
  return generalRegisterName(Number(info & 15n), 8).toUpperCase()
}

type Describer = (code: number, event: VmexitEvent) => readonly string[]

/** What EXITINFO1 and EXITINFO2 hold, by ranges of exit codes: first, last, description. */
const INFO: readonly (readonly [first: number, last: number, describe: Describer])[] = [
  [EXIT.CR0_READ, EXIT.CR0_WRITE + 15, describeControlAccess],
  [EXIT.DR0_READ, EXIT.DR0_WRITE + 15, describeDebugAccess],
  [EXIT.EXCEPTION_0, EXIT.EXCEPTION_0 + 31, describeException],
  [EXIT.CR0_SEL_WRITE, EXIT.CR0_SEL_WRITE, describeControlAccess],
  [EXIT.SWINT, EXIT.SWINT, (_, { info1 }) => [`INT ${hex(info1 & 0xffn)}`]],
  [EXIT.INVLPG, EXIT.INVLPG, (_, { info1 }) => [`linear address ${hex(info1)}`]],
  [EXIT.IOIO, EXIT.IOIO, describeIo],
  [
    EXIT.MSR,
    EXIT.MSR,
    (_, { info1 }) => [`${info1 === 0n ? 'RDMSR' : 'WRMSR'}; the register's number is in ECX`],
  ],
  [EXIT.TASK_SWITCH, EXIT.TASK_SWITCH, describeTaskSwitch],
  [EXIT.EFER_WRITE_TRAP, EXIT.CR0_WRITE_TRAP + 15, (_, { info1 }) => [`new value ${hex(info1)}`]],
  [EXIT.NPF, EXIT.NPF, describeNestedFault],
]

function describeInfo(code: number, event: VmexitEvent): readonly string[] {
  const row = INFO.find(([first, last]) => code >= first && code <= last)
  return row === undefined ? [] : row[2](code, event)
}

/** EXITINFO1: 63 the instruction was MOV, 3:0 general register (APM vol 2 §15.8.1). */
function describeControlAccess(code: number, { info1 }: VmexitEvent): readonly string[] {
  const reads = code < EXIT.CR0_WRITE
  if (!isSet(info1, 63)) return [reads ? 'SMSW' : 'CLTS or LMSW']
  const control = code === EXIT.CR0_SEL_WRITE ? 'CR0' : `CR${code & 15}`
  const general = generalRegister(info1)
  return [reads ? `MOV ${general}, ${control}` : `MOV ${control}, ${general}`]
}

/** EXITINFO1: 3:0 general register. */
function describeDebugAccess(code: number, { info1 }: VmexitEvent): readonly string[] {
  const debug = `DR${code & 15}`
  const general = generalRegister(info1)
  return [code < EXIT.DR0_WRITE ? `MOV ${general}, ${debug}` : `MOV ${debug}, ${general}`]
}

const WITH_SELECTOR_CODE: readonly number[] = [
  VECTOR.TS,
  VECTOR.NP,
  VECTOR.SS,
  VECTOR.GP,
  VECTOR.AC,
  VECTOR.CP,
  VECTOR.SX,
]

function describeException(code: number, { info1, info2 }: VmexitEvent): readonly string[] {
  const vector = code - EXIT.EXCEPTION_0
  const name = `#${EXCEPTION_MNEMONICS[vector]}`
  if (vector === VECTOR.PF)
    return [
      `${name}: error code ${hex(info1)}, ${faultBits(info1)}`,
      `linear address ${hex(info2)}; CR2 is still the old one`,
    ]
  return WITH_SELECTOR_CODE.includes(vector) ? [`${name}: error code ${hex(info1)}`] : []
}

/** Bits that the error codes of #PF and of nested page faults share (APM vol 2 §8.4.2, §15.25.6). */
function faultBits(code: bigint): string {
  const access = isSet(code, 4) ? 'fetch' : isSet(code, 1) ? 'write' : 'read'
  const by = isSet(code, 2) ? 'user' : 'supervisor'
  const why = isSet(code, 3) ? 'reserved bit set' : isSet(code, 0) ? 'not allowed' : 'not present'
  return `${by} ${access}, ${why}`
}

/** EXITINFO1: 32 fault on the final gPA, 33 on the walk of the guest's tables; EXITINFO2: the gPA (APM vol 2 §15.25.6). */
function describeNestedFault(_: number, { info1, info2 }: VmexitEvent): readonly string[] {
  const where = isSet(info1, 33)
    ? 'while walking the guest page tables'
    : 'on the final guest-physical address'
  return [`EXITINFO1 ${hex(info1)}: ${faultBits(info1)}, ${where}`, `guest-physical address ${hex(info2)}`]
}

const SEGMENT_NAMES = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS']

/**
 * EXITINFO1: 31:16 port, 12:10 segment, 9 A64, 8 A32, 7 A16, 6 SZ32, 5 SZ16, 4 SZ8, 3 REP, 2 STR, 0 IN; EXITINFO2: the rIP of
 * the next instruction (APM vol 2 §15.10.2).
 */
function describeIo(_: number, { info1, info2 }: VmexitEvent): readonly string[] {
  const bytes = Number((info1 >> 4n) & 7n)
  const string = isSet(info1, 2)
  const name = `${isSet(info1, 3) ? 'REP ' : ''}${isSet(info1, 0) ? 'IN' : 'OUT'}${string ? 'S' : ''}`
  const segment = string ? [`segment ${SEGMENT_NAMES[Number((info1 >> 10n) & 7n)]}`] : []
  return [
    `${name}, port ${hex((info1 >> 16n) & 0xffffn)}, ${bytes} byte${bytes === 1 ? '' : 's'}`,
    ...segment,
    `next rIP ${hex(info2)}`,
  ]
}

/** EXITINFO1: TSS selector; EXITINFO2: 36 IRET, 38 far JMP, 44 error code valid, 31:0 error code (APM vol 2 §15.14.1). */
function describeTaskSwitch(_: number, { info1, info2 }: VmexitEvent): readonly string[] {
  const by = isSet(info2, 36) ? 'IRET' : isSet(info2, 38) ? 'a far JMP' : 'a far CALL or an event'
  const errorCode = isSet(info2, 44) ? [`error code ${hex(info2 & 0xffff_ffffn)}`] : []
  return [`to the TSS with selector ${hex(info1 & 0xffffn)}, by ${by}`, ...errorCode]
}
