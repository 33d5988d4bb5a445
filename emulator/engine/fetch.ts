/** Instruction fetch: from rIP through segmentation and paging to a decoded instruction (APM vol 2 §4.12, §5; vol 3 §1.1). */
import { decode, isDecodeError, MAXIMUM_LENGTH, type DecodeError } from '../isa/decode.ts'
import { CS } from '../isa/registers.ts'
import { translate, tryTranslate } from '../paging/translate.ts'
import { raiseWalkFault } from '../paging/walk.ts'
import { isCanonical, isCanonicalHalf, linearBits } from '../state/canonical.ts'
import { ACCESS, type Cpu } from '../state/cpu.ts'
import { generalProtection, undefinedOpcode } from '../state/faults.ts'
import { joinHalves } from '../state/halves.ts'
import { OFFSET, SEGMENT } from '../state/layout.ts'
import { PAGE_SIZE } from '../state/memory-map.ts'
import { codeBits, MODE } from '../state/mode.ts'
import type { CodeCache, CodeEntry } from './code-cache.ts'

/** Word indexes in the vCPU block. */
const RIP = OFFSET.rip >> 2
const CS_BASE = (OFFSET.segments + CS * SEGMENT.bytes + SEGMENT.base) >> 2
const CS_LIMIT = (OFFSET.segments + CS * SEGMENT.bytes + SEGMENT.limit) >> 2

/** The instruction at rIP. Throws Fault (#GP, #UD, #PF) or Exit (#NPF). */
export function fetch(code: CodeCache, cpu: Cpu): CodeEntry {
  const state = cpu.state
  const { words, mode, cpl } = state
  const codeSize = mode & MODE.codeSize
  const rip = words[RIP]
  let low = rip
  const high = words[RIP + 1]
  if (codeSize === 2) {
    if (!isCanonicalHalf(high, linearBits(cpu.state))) generalProtection()
  } else {
    if (high !== 0 || rip > words[CS_LIMIT]) generalProtection()
    low = (words[CS_BASE] + rip) >>> 0
  }
  const address = tryTranslate(cpu, low, high, ACCESS.execute, cpl === 3)
  if (address < 0) raiseWalkFault(low, high, ACCESS.execute)
  if (!cpu.memory.isRam(address)) return fetchBytes(code, cpu, joinHalves(low, high))
  const entry = code.lookup(address, codeSize)
  if (isError(entry)) return fetchBytes(code, cpu, joinHalves(low, high))
  if (codeSize !== 2 && rip + entry.instruction.length - 1 > words[CS_LIMIT]) generalProtection()
  return entry
}

function isError(result: CodeEntry | DecodeError): result is DecodeError {
  return !('instruction' in result)
}

/** The slow way, byte by byte: instructions that cross a page or the limit, that are undefined, or that lie in no RAM. */
function fetchBytes(code: CodeCache, cpu: Cpu, linear: bigint): CodeEntry {
  const state = cpu.state
  const bits = codeBits(state.mode)
  const user = state.cpl === 3
  const withinSegment = bits === 64 ? MAXIMUM_LENGTH : state.segments[CS].limit - Number(state.rip) + 1
  const limit = Math.min(MAXIMUM_LENGTH, withinSegment)
  const bytes = new Uint8Array(MAXIMUM_LENGTH)
  const onFirstPage = Math.min(limit, PAGE_SIZE - Number(linear & 0xfffn))
  readCode(cpu, bytes, 0, onFirstPage, translate(cpu, linear, ACCESS.execute, user))
  let result = decode(bytes, 0, onFirstPage, bits)
  if (isDecodeError(result) && result.kind === 'truncated' && onFirstPage < limit) {
    const next = linear + BigInt(onFirstPage)
    const wrapped = bits === 64 ? BigInt.asUintN(64, next) : BigInt.asUintN(32, next)
    if (bits === 64 && !isCanonical(wrapped, linearBits(state))) generalProtection()
    readCode(cpu, bytes, onFirstPage, limit, translate(cpu, wrapped, ACCESS.execute, user))
    result = decode(bytes, 0, limit, bits)
  }
  if (!isDecodeError(result)) return code.entry(result)
  return result.kind === 'undefined' ? undefinedOpcode() : generalProtection()
}

/** Reads bytes `from`..`to` - 1 of the instruction; `address` is that of byte `from`. */
function readCode(cpu: Cpu, bytes: Uint8Array, from: number, to: number, address: number): void {
  for (let i = from; i < to; i++) bytes[i] = cpu.memory.read8(address + i - from)
}
