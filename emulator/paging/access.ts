/** Reading and writing linear memory: translation, page crossing and faults. */
import type { Size } from '../isa/instruction.ts'
import { ACCESS, type Access, type Cpu } from '../state/cpu.ts'
import { MODE } from '../state/mode.ts'
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
  if (!crossesPage(linear, size)) return cpu.memory.read(translate(cpu, linear, ACCESS.read, user), size)
  const first = bytesOnFirstPage(linear)
  const low = translate(cpu, linear, ACCESS.read, user)
  const high = translate(cpu, byteAfter(cpu, linear, first), ACCESS.read, user)
  let value = 0n
  for (let i = size - 1; i >= 0; i--)
    value = (value << 8n) | cpu.memory.read(i < first ? low + i : high + (i - first), 1)
  return value
}

/** Writes the low `size` bytes of `value`. Both pages are checked before either is written. */
export function writeLinear(cpu: Cpu, linear: bigint, size: Size, value: bigint, user = isUser(cpu)): void {
  if (!crossesPage(linear, size)) {
    cpu.memory.write(translate(cpu, linear, ACCESS.write, user), size, value)
    return
  }
  const first = bytesOnFirstPage(linear)
  const low = translate(cpu, linear, ACCESS.write, user)
  const high = translate(cpu, byteAfter(cpu, linear, first), ACCESS.write, user)
  for (let i = 0; i < size; i++)
    cpu.memory.write(i < first ? low + i : high + (i - first), 1, (value >> BigInt(i * 8)) & 0xffn)
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
