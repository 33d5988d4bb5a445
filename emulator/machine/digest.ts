/**
 * The digest of a machine's state: equal when a guest could not tell two machines apart. It covers the architectural state
 * and the TLB, and nothing that depends on how the machine was run: slices, executor, snapshots, fast tags.
 */
import { saveTlb } from '../paging/tlb.ts'
import { FIELD_TYPE, FIELDS_END, OFFSET, type ScalarField } from '../state/layout.ts'
import { PAGE_SIZE, REGISTER_BYTES } from '../state/memory-map.ts'
import type { PhysicalMemory } from '../state/memory.ts'
import { readRflags } from '../state/flags.ts'
import type { Vcpu } from '../state/vcpu.ts'
import type { StatefulPart } from './device.ts'
import { createHash, type Hash } from './hash.ts'

/** Fields that say how the machine is being run, or that others determine. */
const NOT_STATE: readonly ScalarField[] = [
  'attention',
  'budget',
  'fastTags',
  'fastTagContext',
  'mode',
  // rFLAGS is hashed as a whole instead: the same flags can be kept in several forms.
  'flagsKind',
  'flagsSize',
  'flagsLeft',
  'flagsRight',
  'flagsResult',
]

const PAGE_WORDS = PAGE_SIZE / 4

/** Which 32-bit words of the register block are state. */
function stateWords(): boolean[] {
  const kept = Array.from({ length: REGISTER_BYTES / 4 }, (_, word) => word * 4 < FIELDS_END)
  const drop = (at: number, bytes: number): void => {
    kept.fill(false, at / 4, (at + bytes) / 4)
  }
  for (const field of NOT_STATE) drop(OFFSET[field], FIELD_TYPE[field] === 'u32' ? 4 : 8)
  drop(OFFSET.fastTagKeys, 16 * 8)
  return kept
}

const IS_STATE = stateWords()

function addRegisters(hash: Hash, state: Vcpu): void {
  const registers = state.words.slice(0, REGISTER_BYTES / 4)
  hash.add(registers.map((word, index) => (IS_STATE[index] ? word : 0)))
  hash.add([readRflags(state), 0, 0, 0])
}

function isZero(words: Int32Array): boolean {
  for (let i = 0; i < words.length; i += 4)
    if ((words[i] | words[i + 1] | words[i + 2] | words[i + 3]) !== 0) return false
  return true
}

function addRam(hash: Hash, memory: PhysicalMemory): void {
  const ram = new Int32Array(memory.buffer, memory.ramBase, memory.ramBytes / 4)
  for (let page = 0; page * PAGE_WORDS < ram.length; page++) {
    const words = ram.subarray(page * PAGE_WORDS, (page + 1) * PAGE_WORDS)
    if (isZero(words)) continue
    hash.add([page, 0, 0, 0])
    hash.add(words)
  }
}

/** 32 hexadecimal digits over vCPUs, devices and RAM. */
export function digestState(
  vcpus: readonly Vcpu[],
  memory: PhysicalMemory,
  devices: readonly StatefulPart[],
): string {
  const hash = createHash()
  for (const state of vcpus) {
    addRegisters(hash, state)
    const tlb = saveTlb(state)
    hash.add([tlb.length, 0, 0, 0])
    hash.add(tlb)
  }
  for (const device of devices) {
    const saved = device.save()
    hash.add([saved.length, 0, 0, 0])
    hash.add(saved)
  }
  addRam(hash, memory)
  return hash.digest()
}
