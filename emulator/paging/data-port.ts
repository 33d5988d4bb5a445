/** Where translated accesses to data go: straight to memory, or through the caches of a machine that has them. */
import type { Size } from '../isa/instruction.ts'
import type { Cpu } from '../state/cpu.ts'
import { effectiveTypeCode, typeOfNewEntry } from './entry-type.ts'
import { entryTypeWord, findEntry } from './tlb.ts'
import { isTranslated } from './walk.ts'

/** Reads `size` bytes at sPA `address`, where the access to `linear` leads. It must not cross a page. */
export function readData(cpu: Cpu, linear: bigint, address: number, size: Size): bigint {
  const { caches } = cpu
  cpu.undefinedBytes?.read(cpu, address, size)
  const value =
    caches === undefined
      ? cpu.memory.read(address, size)
      : caches.read(cpu.index, address, size, memoryType(cpu, linear, address))
  cpu.observer.access?.(false, linear, address, size, value)
  return value
}

/** Writes the low `size` bytes of `value`, likewise. */
export function writeData(cpu: Cpu, linear: bigint, address: number, size: Size, value: bigint): void {
  cpu.observer.access?.(true, linear, address, size, value)
  cpu.undefinedBytes?.define(address, size)
  const { caches } = cpu
  if (caches === undefined) cpu.memory.write(address, size, value)
  else caches.write(cpu.index, address, size, value, memoryType(cpu, linear, address))
}

/** Code of the type of an access that was just translated: its TLB entry's, or what the MTRRs say where there is no paging. */
function memoryType(cpu: Cpu, linear: bigint, address: number): number {
  const { state } = cpu
  const at = isTranslated(cpu) ? findEntry(state, Number(linear & 0xffff_ffffn), Number(linear >> 32n)) : -1
  return effectiveTypeCode(at < 0 ? typeOfNewEntry(state, -1, -1, address) : entryTypeWord(state, at))
}
