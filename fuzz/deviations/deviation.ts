/** What a deviation of QEMU is, and what the rows need to say to which cases they apply and which differences they excuse. */
import { field, type Outcome } from '../outcome.ts'

export interface Results {
  /** The VMCB before VMRUN. */
  readonly before: DataView
  readonly ours: Outcome
  readonly qemu: Outcome
}

export interface Deviation {
  /** What QEMU does. */
  readonly cause: string
  /** Where volume 2 of the manual says otherwise; '' where it leaves the choice. */
  readonly section: string
  readonly applies: (results: Results) => boolean
  /** Whether a difference in `key` is this deviation. */
  readonly excuses: (key: string, results: Results) => boolean
}

export function exitCode({ vmcb }: Outcome): bigint {
  return field(vmcb, 'control.exit_code')
}

/** QEMU stores 32 bits of VMEXIT_INVALID. */
export function isInvalid(outcome: Outcome): boolean {
  return (exitCode(outcome) & 0xffff_ffffn) === 0xffff_ffffn
}

export function entered(outcome: Outcome): boolean {
  return !isInvalid(outcome) && outcome.exception === undefined
}

export function bothEntered({ ours, qemu }: Results): boolean {
  return entered(ours) && entered(qemu)
}

export function bothInvalid({ ours, qemu }: Results): boolean {
  return isInvalid(ours) && isInvalid(qemu)
}

/** Bit `bit` of a field. */
export function has(vmcb: DataView, key: string, bit: number): boolean {
  return ((field(vmcb, key) >> BigInt(bit)) & 1n) === 1n
}

/** Bits of a field that differ. */
export function changed({ ours, qemu }: Results, key: string): bigint {
  return field(ours.vmcb, key) ^ field(qemu.vmcb, key)
}

/** Excuses a field when only the bits of `mask` differ. */
export function onlyBits(key: string, mask: bigint): Deviation['excuses'] {
  return (differing, results) => differing === key && (changed(results, key) & ~mask) === 0n
}

export function only(...keys: readonly string[]): Deviation['excuses'] {
  return (key) => keys.includes(key)
}

export function either(...rows: readonly Deviation['excuses'][]): Deviation['excuses'] {
  return (key, results) => rows.some((excuses) => excuses(key, results))
}

/**
 * What the programs of arena.asm and the delivery of events change and #VMEXIT stores: in these fields the outcomes of a guest may
 * differ when it takes another path from some instruction on. The programs load no table register, no EFER and none of what
 * VMLOAD loads but FS and GS, which interrupts of virtual-8086 mode clear.
 */
const PATH =
  /^(stack|control\.(exit_code|exit_info_1|exit_info_2|exit_int_info|virtual_interrupt)|save\.((es|cs|ss|ds|fs|gs)\.(selector|attrib|limit|base)|rip|rsp|rax|rflags|cpl|cr0|cr2|dr6|dr7))$/

/** What follows when the guest is entered in one machine only, or goes on with another instruction. */
export const anything: Deviation['excuses'] = (key) => PATH.test(key)

/** What follows when a guest that both enter goes on with another instruction. */
export const anotherPath: Deviation['excuses'] = (key, { ours, qemu }) =>
  isInvalid(ours) === isInvalid(qemu) && PATH.test(key)

/** What follows from another frame on the stack: where both end at one instruction, the stack and rSP alone. */
export const anotherFrame: Deviation['excuses'] = (key, results) => {
  const sameEnd = exitCode(results.ours) === exitCode(results.qemu) && changed(results, 'save.rip') === 0n
  return sameEnd ? key === 'stack' || key === 'save.rsp' : anotherPath(key, results)
}

/** The vector whose handler in the arena exited with VMMCALL; undefined for other exits. */
export function handledVector(outcome: Outcome): bigint | undefined {
  return exitCode(outcome) === 0x81n ? field(outcome.vmcb, 'save.rax') & 0xffn : undefined
}

const VMEXIT_EXCEPTION = 0x40n
const VMEXIT_INTR = 0x60n
const VMEXIT_SHUTDOWN = 0x7fn

/**
 * Whether our guest ended with one of these exceptions: handled, intercepted, on the way to a handler, or by what they lead to
 * when the handler has them too, a shutdown or faults without end, until the timer interrupts.
 */
export function endsByFault({ ours }: Results, ...vectors: readonly bigint[]): boolean {
  const code = exitCode(ours)
  const handled = handledVector(ours)
  const delivered = field(ours.vmcb, 'control.exit_int_info')
  return (
    code === VMEXIT_SHUTDOWN ||
    code === VMEXIT_INTR ||
    (handled !== undefined && vectors.includes(handled)) ||
    vectors.includes(code - VMEXIT_EXCEPTION) ||
    ((delivered & 0x8000_0700n) === 0x8000_0300n && vectors.includes(delivered & 0xffn))
  )
}

/** EVENTINJ of the case: undefined when nothing is injected. */
export function injected(
  before: DataView,
): { type: number; vector: number; hasErrorCode: boolean } | undefined {
  if (!has(before, 'control.event_inj', 31)) return undefined
  const event = field(before, 'control.event_inj')
  return {
    type: Number((event >> 8n) & 7n),
    vector: Number(event & 0xffn),
    hasErrorCode: has(before, 'control.event_inj', 11),
  }
}

export function longModeActive(before: DataView): boolean {
  return has(before, 'save.efer', 8) && has(before, 'save.cr0', 31)
}

export function in64BitMode(before: DataView): boolean {
  return longModeActive(before) && has(before, 'save.cs.attrib', 9)
}

/** The CPL that the guest begins with (APM vol 2 §15.5.1). */
export function firstCpl(before: DataView): number {
  if (!has(before, 'save.cr0', 0)) return 0
  return has(before, 'save.rflags', 17) ? 3 : Number(field(before, 'save.cpl') & 3n)
}

/** How the quadwords of the stack that differ do so. */
export function stackDifferences({ ours, qemu }: Results): bigint[] {
  const offsets = new Set([...ours.stack.keys(), ...qemu.stack.keys()])
  return [...offsets]
    .map((at) => (ours.stack.get(at) ?? 0n) ^ (qemu.stack.get(at) ?? 0n))
    .filter((bits) => bits !== 0n)
}

/** Excuses the stack when each quadword that differs does so in one of these ways. */
export function onlyOnStack(ways: readonly bigint[]): Deviation['excuses'] {
  return (key, results) => key === 'stack' && stackDifferences(results).every((bits) => ways.includes(bits))
}

/** A bit of a value on the stack, whose quadwords it need not be aligned to. */
function atEachByte(bit: number): bigint[] {
  return [0, 8, 16, 24, 32, 40, 48, 56].map((byte) => (1n << BigInt(byte + (bit % 8))) & ((1n << 64n) - 1n))
}

/** RF, bit 16 of rFLAGS. */
export const RF_ON_STACK = atEachByte(16)
/** W, bit 1 of the error code of #PF. */
export const W_ON_STACK = atEachByte(1)
