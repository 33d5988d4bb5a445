/** Register names and what they encode as (APM vol 3 §1.4.1; vol 2 §3.1 for control and debug registers). */
import type { RegisterOperand, Size, StackRegisterOperand } from '../instruction.ts'

const general: readonly (readonly [Size, readonly string[]])[] = [
  [1, ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil']],
  [2, ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di']],
  [4, ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi']],
  [8, ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi']],
]
const EXTENDED_SUFFIX: Readonly<Record<Size, string>> = { 1: 'b', 2: 'w', 4: 'd', 8: '' }

function createRegisters(): Map<string, RegisterOperand> {
  const names = new Map<string, RegisterOperand>()
  const add = (
    name: string,
    file: RegisterOperand['file'],
    index: number,
    size: Size,
    highByte = false,
  ): void => {
    names.set(name, { kind: 'register', file, index, size, highByte })
  }
  for (const [size, list] of general) {
    list.forEach((name, index) => add(name, 'general', index, size))
    for (let index = 8; index < 16; index++) add(`r${index}${EXTENDED_SUFFIX[size]}`, 'general', index, size)
  }
  ;['ah', 'ch', 'dh', 'bh'].forEach((name, index) => add(name, 'general', index, 1, true))
  ;['es', 'cs', 'ss', 'ds', 'fs', 'gs'].forEach((name, index) => add(name, 'segment', index, 2))
  for (let index = 0; index < 16; index++) {
    add(`cr${index}`, 'control', index, 8)
    add(`dr${index}`, 'debug', index, 8)
  }
  return names
}

/** The registers that an expression may hold, by lower-case name. */
export const registers: ReadonlyMap<string, RegisterOperand> = createRegisters()

/** The x87 registers. */
export const stackRegisters: ReadonlyMap<string, StackRegisterOperand> = new Map(
  Array.from({ length: 8 }, (_, index) => [`st${index}`, { kind: 'stack-register', index }]),
)

/** For completion. */
export const registerNames: readonly string[] = [...registers.keys(), ...stackRegisters.keys()]
