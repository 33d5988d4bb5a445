/** Performing effects on a processor. This is where L0's pages are guarded: reads and writes of L1's memory end at L1's RAM. */
import type { HostPort } from '../machine/index.ts'
import type { Answer, Effect } from './effects.ts'
import { isL1Ram, type MemoryMap } from './memory-map.ts'
import { littleEndian } from './vmcb-image.ts'

/** Performs an effect, other than those that only report, and answers it. */
export function perform(port: HostPort, map: MemoryMap, effect: Effect): Answer {
  switch (effect.kind) {
    case 'read':
      return isL1Ram(map, effect.address, effect.bytes) ? port.read(effect.address, effect.bytes) : undefined
    case 'compare':
      return effect.words.every(
        ({ address, bytes, value }) =>
          isL1Ram(map, address, bytes) && littleEndian(port.read(address, bytes)) === value,
      )
    case 'write': {
      const { address, data, only } = effect
      if (!isL1Ram(map, address, data.length)) return false
      for (const { offset, bytes } of only)
        port.write(address + offset, data.subarray(offset, offset + bytes))
      return true
    }
    case 'read-own':
      return port.read(effect.address, effect.bytes)
    case 'write-own':
      port.write(effect.address, effect.data)
      break
    case 'registers':
      return [...port.general]
    case 'set-register':
      port.general[effect.register] = effect.value
      break
    case 'vmrun':
      port.vmrun(effect.vmcb, effect.interrupts)
      break
    case 'vmload':
      port.vmload(effect.vmcb)
      break
    case 'vmsave':
      port.vmsave(effect.vmcb)
      break
    case 'read-msr':
      return port.readMsr(effect.msr)
    case 'write-msr':
      return port.writeMsr(effect.msr, effect.value)
    case 'take':
      return port.take(effect.event)
    case 'raise':
      port.raise(effect.event)
      break
    case 'task-priority':
      return BigInt(port.taskPriority)
    case 'set-task-priority':
      port.taskPriority = effect.value
      break
    case 'nmi-mask':
      return port.nmiMasked
    case 'set-nmi-mask':
      port.nmiMasked = effect.masked
      break
    case 'capture':
      port.capture(effect.vmcb)
      break
    case 'init':
      port.init()
      break
    case 'shutdown':
      port.shutdown(effect.rip)
      break
    case 'invalidate':
      port.invalidatePage(effect.linear, effect.asid)
      break
    case 'nested':
    case 'decision':
  }
  return undefined
}

/** Whether `answer` can be what perform() answered: for answers that were saved. */
export function canAnswer(effect: Effect, answer: Answer): boolean {
  switch (effect.kind) {
    case 'read':
      return answer === undefined || hasBytes(answer, effect.bytes)
    case 'read-own':
      return hasBytes(answer, effect.bytes)
    case 'registers':
      return Array.isArray(answer) && answer.length === 16
    case 'read-msr':
      return answer === undefined || typeof answer === 'bigint'
    case 'task-priority':
      return typeof answer === 'bigint'
    case 'compare':
    case 'write':
    case 'write-msr':
    case 'take':
    case 'nmi-mask':
      return typeof answer === 'boolean'
    default:
      return answer === undefined
  }
}

function hasBytes(answer: Answer, bytes: number): boolean {
  return answer instanceof Uint8Array && answer.length === bytes
}
