/** Privilege tests that many system instructions begin with. */
import type { Cpu } from '../state/cpu.ts'
import { generalProtection, undefinedOpcode } from '../state/faults.ts'
import { CR4, MODE } from '../state/mode.ts'

/** #GP(0) unless CPL is 0. Virtual-8086 mode runs at CPL 3. */
export function requirePrivilege(cpu: Cpu): void {
  if (cpu.state.cpl !== 0) generalProtection()
}

/** #UD in real and virtual-8086 mode. */
export function requireProtectedMode(cpu: Cpu): void {
  if (!(cpu.state.mode & MODE.protected)) undefinedOpcode()
}

/** #GP(0) for SGDT, SIDT, SLDT, STR and SMSW outside CPL 0 when CR4.UMIP = 1 (APM vol 2 §3.1.3). */
export function requireUserMayLook(cpu: Cpu): void {
  if (cpu.state.cr4 & CR4.UMIP) requirePrivilege(cpu)
}
