/** Reading and writing linear memory: translation, page crossing and faults. */
import type { Size } from '../isa/instruction.ts'
import { ACCESS, type Access, type Cpu } from '../state/cpu.ts'
import { MODE } from '../state/mode.ts'
import { readData, writeData } from './data-port.ts'
import { translate } from './translate.ts'

const PAGE_MASK = 0xfffn
const FOUR_GIB = 0x1_0000_0000n

/** True when the access is a user access: CPL 3. Accesses to descriptor tables and the TSS are supervisor ones whatever CPL is. */
export function isUser(cpu: Cpu): boolean {
  return cpu.state.cpl === 3
}

function crossesPage(linear: bigint, size: number): boolean {
  return Number(linear & PAGE_MASK) + size > 4096
}

/** Bytes of the access that lie on its first page. */
function bytesOnFirstPage(linear: bigint): number {
  return 4096 - Number(linear & PAGE_MASK)
}

/** Linear addresses wrap at 4 GiB outside 64-bit mode, but for descriptor tables of long mode that lie above it. */
function byteAfter(cpu: Cpu, linear: bigint, count: number): bigint {
  const after = linear + BigInt(count)
  if (after === FOUR_GIB && (cpu.state.mode & MODE.codeSize) !== 2) return 0n
  return BigInt.asUintN(64, after)
}

/** Reads `size` bytes at a linear address. Throws Fault (#PF) or Exit (#NPF). */
export function readLinear(cpu: Cpu, linear: bigint, size: Size, user = isUser(cpu)): bigint {
  if (!crossesPage(linear, size))
    return readData(cpu, linear, translate(cpu, linear, ACCESS.read, user), size)
  const first = bytesOnFirstPage(linear)
  const next = byteAfter(cpu, linear, first)
  const low = translate(cpu, linear, ACCESS.read, user)
  const high = translate(cpu, next, ACCESS.read, user)
  let value = 0n
  for (let i = size - 1; i >= 0; i--) {
    const byte = i < first ? readData(cpu, linear, low + i, 1) : readData(cpu, next, high + (i - first), 1)
    value = (value << 8n) | byte
  }
  return value
}

/** Writes the low `size` bytes of `value`. Both pages are checked before either is written. */
export function writeLinear(cpu: Cpu, linear: bigint, size: Size, value: bigint, user = isUser(cpu)): void {
  if (!crossesPage(linear, size)) {
    writeData(cpu, linear, translate(cpu, linear, ACCESS.write, user), size, value)
    return
  }
  const first = bytesOnFirstPage(linear)
  const next = byteAfter(cpu, linear, first)
  const low = translate(cpu, linear, ACCESS.write, user)
  const high = translate(cpu, next, ACCESS.write, user)
  for (let i = 0; i < size; i++) {
    const byte = (value >> BigInt(i * 8)) & 0xffn
    if (i < first) writeData(cpu, linear, low + i, 1, byte)
    else writeData(cpu, next, high + (i - first), 1, byte)
  }
}

/** Raises what an access of `size` bytes would raise, and does nothing else. */
export function probeLinear(
  cpu: Cpu,
  linear: bigint,
  size: number,
  access: Access,
  user = isUser(cpu),
): void {
  translate(cpu, linear, access, user)
  if (crossesPage(linear, size))
    translate(cpu, byteAfter(cpu, linear, bytesOnFirstPage(linear)), access, user)
}
