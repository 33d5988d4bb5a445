/** Linear to system-physical addresses: the TLB first, then the page walk. */
import type { Access, Cpu } from '../state/cpu.ts'

/** The sPA of a linear address for an access within its page. Throws Fault (#PF) or Exit (#NPF). */
export function translate(cpu: Cpu, linear: bigint, access: Access, user: boolean): number {
  throw new Error(`not yet: ${cpu.index} ${linear} ${access} ${user}`)
}
