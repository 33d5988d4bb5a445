/** The MSRs of system-management mode and their lock (APM vol 2 §10.2, §15.30.3, §15.32). */
import type { Cpu } from '../state/cpu.ts'
import { generalProtection } from '../state/faults.ts'
import type { Vcpu } from '../state/vcpu.ts'
import type { Msr } from './msrs.ts'
import { forgetSmi } from './smi-source.ts'
import { blockEvents, SMM, unblockEvents } from './smm.ts'

/** HWCR (APM vol 2 §3.2.10): 33 SMM_PGCFG_LOCK, 0 SMMLOCK. */
export const HWCR = { SMMLOCK: 1n << 0n, SMM_PGCFG_LOCK: 1n << 33n } as const

/** #GP(0) once SMMLOCK is set: the configuration of SMM cannot be written any more (§15.32.1). */
function requireUnlocked({ hwcr }: Vcpu): void {
  if (hwcr & HWCR.SMMLOCK) generalProtection()
}

/** SMMLOCK cannot be cleared by a write. The page configuration lock belongs to a feature that CPUID does not report. */
const hwcr: Msr = {
  index: 0xc001_0015,
  name: 'HWCR',
  section: 'APM vol 2 §3.2.10',
  read: ({ state }) => state.hwcr,
  write({ state }, value) {
    if (value & HWCR.SMM_PGCFG_LOCK) generalProtection()
    state.hwcr = value | (state.hwcr & HWCR.SMMLOCK)
  },
}

/** 31:0 SMBASE. */
const smbase: Msr = {
  index: 0xc001_0111,
  name: 'SMBASE',
  section: 'APM vol 2 §10.2.2',
  read: ({ state }) => state.smbase,
  write({ state }, value) {
    requireUnlocked(state)
    if (value >> 32n) generalProtection()
    state.smbase = value
  },
}

/** Bits of SMM_ADDR, 51:17, and of SMM_MASK, which has also 1 TE and 0 AE; the others read as zero. */
const TSEG_BITS = 0x000f_ffff_fffe_0000n
const ENABLE_BITS = 3n

function protectedArea(index: number, name: string, field: 'smmAddr' | 'smmMask', bits: bigint): Msr {
  return {
    index,
    name,
    section: 'APM vol 2 §10.2.5',
    read: ({ state }) => state[field],
    write({ state }, value) {
      requireUnlocked(state)
      state[field] = value & bits
    },
  }
}

/** SMM_CTL: 4 RSM_CYCLE, 3 EXIT, 2 SMI_CYCLE, 1 ENTER, 0 DISMISS. Nobody listens to the cycles. */
const SMM_CTL = { DISMISS: 1n, ENTER: 2n, EXIT: 8n, bits: 0x1fn } as const

/** Write-only. The bits act in the order ENTER, DISMISS, EXIT. */
const smmCtl: Msr = {
  index: 0xc001_0116,
  name: 'SMM_CTL',
  section: 'APM vol 2 §15.30.3',
  read: () => generalProtection(),
  write({ state }, value) {
    requireUnlocked(state)
    if (value & ~SMM_CTL.bits) generalProtection()
    if (value & SMM_CTL.ENTER && state.smm === SMM.none) blockEvents(state, SMM.byControl)
    if (value & SMM_CTL.DISMISS) forgetSmi(state)
    if (value & SMM_CTL.EXIT && state.smm === SMM.byControl) unblockEvents(state)
  },
}

/** Write-only, reads as 0: the key that clears SMMLOCK. A key of 0 never does (§15.32.2). */
const smmKey: Msr = {
  index: 0xc001_0119,
  name: 'SMM_KEY',
  section: 'APM vol 2 §15.32.2',
  read: () => 0n,
  write({ state }: Cpu, value) {
    if (!(state.hwcr & HWCR.SMMLOCK)) state.smmKey = value
    else if (value === state.smmKey && value !== 0n) state.hwcr &= ~HWCR.SMMLOCK
  },
}

export const SMM_MSRS: readonly Msr[] = [
  hwcr,
  smbase,
  protectedArea(0xc001_0112, 'SMM_ADDR', 'smmAddr', TSEG_BITS),
  protectedArea(0xc001_0113, 'SMM_MASK', 'smmMask', TSEG_BITS | ENABLE_BITS),
  smmCtl,
  smmKey,
]
