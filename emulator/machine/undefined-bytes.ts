/** Strict mode: which bytes of memory the manual leaves undefined, and who reads them all the same. */
import type { Cpu, UndefinedBytes } from '../state/cpu.ts'
import type { PhysicalMemory } from '../state/memory.ts'
import type { StatefulPart } from './device.ts'

/** What undefined bytes hold, 32 bits at a time. No field has this value for a good reason. */
export const UNDEFINED_PATTERN = 0xbadc_0de5

/** Words that are remembered at most: the state-save areas of two dozen VMCBs. The oldest are forgotten first. */
const MOST_WORDS = 4096

/** Calls `reported` whenever a program reads undefined bytes. Fields are known by whole 32-bit words. */
export function createUndefinedBytes(
  memory: PhysicalMemory,
  reported: (cpu: Cpu, address: number) => void,
): UndefinedBytes & StatefulPart {
  /** Physical addresses of the words, in the order in which they became undefined. */
  const words = new Set<number>()

  function eachWord(address: number, bytes: number, action: (word: number) => void): void {
    for (let word = address - (address % 4); word < address + bytes; word += 4) action(word)
  }

  return {
    name: 'undefined-bytes',
    leave(address, bytes) {
      eachWord(address, bytes, (word) => {
        memory.write32(word, UNDEFINED_PATTERN)
        words.delete(word)
        words.add(word)
      })
      for (const oldest of words) {
        if (words.size <= MOST_WORDS) break
        words.delete(oldest)
      }
    },
    define(address, bytes) {
      if (words.size > 0) eachWord(address, bytes, (word) => words.delete(word))
    },
    read(cpu, address, bytes) {
      if (words.size === 0) return
      eachWord(address, bytes, (word) => {
        if (words.has(word)) reported(cpu, word)
      })
    },
    reset: () => words.clear(),
    save: () => [...words],
    restore(state) {
      if (state.length > MOST_WORDS) throw new RangeError(`more than ${MOST_WORDS} undefined words`)
      words.clear()
      for (const word of state) words.add(word)
    },
  }
}
