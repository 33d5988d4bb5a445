/** Sections of a flat binary: .text, .data and .bss follow one another, as in `nasm -f bin` (NASM manual §8.1). */

export interface Section {
  readonly name: '.text' | '.data' | '.bss'
  /** Its start is a multiple of this; `align` in the section raises it. */
  alignment: number
  /** Bytes, from the last pass. */
  size: number
  /** Address of its first byte, from the last pass. */
  start: bigint
}

/** The order in the file. .bss takes no room in it. */
export function createSections(): readonly Section[] {
  return [
    { name: '.text', alignment: 1, size: 0, start: 0n },
    { name: '.data', alignment: 4, size: 0, start: 0n },
    { name: '.bss', alignment: 4, size: 0, start: 0n },
  ]
}

/** Gives each section its address: one after the other from `origin`. */
export function placeSections(sections: readonly Section[], origin: bigint): void {
  let end = origin
  for (const section of sections) {
    const alignment = BigInt(section.alignment)
    section.start = section.size === 0 ? end : ((end + alignment - 1n) / alignment) * alignment
    end = section.start + BigInt(section.size)
  }
}
