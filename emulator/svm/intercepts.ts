/** The intercepts of a running guest (APM vol 2 §15.7 to §15.14). */
import type { Cpu, Virtualization } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { Exit, VECTOR, type Fault } from '../state/faults.ts'
import { pauseExits } from './pause-filter.ts'
import { exitGuest } from './vmexit.ts'

/** Whether the intercept with exit code `code` (00h..A6h) is on: bit code % 32 of vector code / 32. */
function isIntercepted(cpu: Cpu, code: number): boolean {
  return ((cpu.state.intercepts[code >>> 5] >>> (code & 31)) & 1) !== 0
}

/** The bit at position `bit` of a permission map, and the `count` - 1 bits that follow it, as a number. */
function permissionBits(cpu: Cpu, base: number, bit: number, count: number): number {
  const at = base + (bit >>> 3)
  const shift = bit & 7
  // A group of up to four bits lies in one byte or in two adjacent ones.
  const low = permissionByte(cpu, at)
  const high = shift + count > 8 ? permissionByte(cpu, at + 1) : 0
  return (((high << 8) | low) >>> shift) & ((1 << count) - 1)
}

function permissionByte(cpu: Cpu, address: number): number {
  return (cpu.memory.read32(address - (address % 4)) >>> ((address % 4) * 8)) & 0xff
}

/** The three ranges of MSRs that the MSRPM covers, 2000h registers each; a fourth 2 KB is reserved (APM vol 2 §15.11). */
const MSR_RANGES = [0x0000_0000, 0xc000_0000, 0xc001_0000]
const MSRS_PER_RANGE = 0x2000

/** Position in the MSRPM of an MSR's read bit, which its write bit follows; -1 for MSRs outside the ranges. */
export function msrPermissionBit(msr: number): number {
  for (let range = 0; range < MSR_RANGES.length; range++) {
    const index = msr - MSR_RANGES[range]
    if (index >= 0 && index < MSRS_PER_RANGE) return (range * MSRS_PER_RANGE + index) * 2
  }
  return -1
}

function interceptMsr(cpu: Cpu, msr: number, write: boolean): void {
  if (!isIntercepted(cpu, EXIT.MSR)) return
  const bit = msrPermissionBit(msr)
  // MSRs outside the map are always intercepted.
  if (bit >= 0 && permissionBits(cpu, cpu.state.msrpmBase, bit + (write ? 1 : 0), 1) === 0) return
  throw new Exit(EXIT.MSR, write ? 1n : 0n)
}

/** One bit per port and byte of the access; the bits of port FFFFh + 1.. follow those of FFFFh, they do not wrap (§15.10.1). */
function exitForIo(cpu: Cpu, port: number, size: 1 | 2 | 4, info1: number): Exit | undefined {
  if (!isIntercepted(cpu, EXIT.IOIO)) return undefined
  if (permissionBits(cpu, cpu.state.iopmBase, port, size) === 0) return undefined
  return new Exit(EXIT.IOIO, BigInt(info1 >>> 0), cpu.state.rip)
}

function exitFor(cpu: Cpu, code: number, info1?: bigint, info2?: bigint): Exit | undefined {
  if (!isIntercepted(cpu, code)) return undefined
  if (code === EXIT.PAUSE && !pauseExits(cpu.state)) return undefined
  return new Exit(code, info1, info2)
}

function intercept(cpu: Cpu, code: number, info1?: bigint, info2?: bigint): void {
  const exit = exitFor(cpu, code, info1, info2)
  if (exit !== undefined) throw exit
}

/** Exceptions whose error code is in EXITINFO1; for the others it is undefined (APM vol 2 §15.12). */
const WITH_ERROR_CODE = new Set<number>([
  VECTOR.TS,
  VECTOR.NP,
  VECTOR.SS,
  VECTOR.GP,
  VECTOR.PF,
  VECTOR.AC,
  VECTOR.CP,
  VECTOR.SX,
])

function interceptException(cpu: Cpu, fault: Fault): void {
  const { vector, errorCode, linearAddress, fetch } = fault
  const code = EXIT.EXCEPTION_0 + vector
  if (!isIntercepted(cpu, code)) return
  const info1 = WITH_ERROR_CODE.has(vector) && errorCode >= 0 ? BigInt(errorCode) : undefined
  throw new Exit(code, info1, vector === VECTOR.PF ? linearAddress : undefined, fetch)
}

/** SVM as the processor calls it. */
export const virtualization: Virtualization = {
  intercept,
  exitFor,
  interceptMsr,
  exitForIo,
  interceptException,
  exit: exitGuest,
}
