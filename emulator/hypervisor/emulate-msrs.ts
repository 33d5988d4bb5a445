/** The MSRs that L0 keeps for L1: the table says which accesses it intercepts, and what they do. */
import { CR0, EFER, VECTOR } from '../svm/index.ts'
import { decided, readMsr, registers, setRegister, writeMsr, type Handler } from './effects.ts'
import { overlapsL0 } from './memory-map.ts'
import type { InterceptedMsr } from './permission-maps.ts'
import { FLUSH_ASID, retire, type Context } from './context.ts'
import { readPat, writePat } from './pat.ts'
import { currentVmcb, type VcpuState } from './state.ts'
import { isTscRatio, MSR_TSC, MSR_TSC_RATIO, writeTsc, writeTscRatio } from './tsc.ts'
import { change, get, injectException, put } from './vmcb-image.ts'

interface EmulatedMsr {
  readonly msr: number
  /** In L2 only: in L1 the hardware's own will do. */
  readonly onlyInL2?: boolean
  /** Absent: the read goes to the hardware without an exit. */
  readonly read?: (context: Context, vcpu: VcpuState) => bigint
  /** False: #GP(0). */
  readonly write: (context: Context, vcpu: VcpuState, value: bigint) => Handler<boolean>
}

function addressLimit({ facts }: Context): bigint {
  return 1n << BigInt(facts.physicalAddressBits)
}

function reservedEfer({ facts: { eferReserved } }: Context): bigint {
  return (BigInt(eferReserved.high) << 32n) | BigInt(eferReserved.low >>> 0)
}

/** L1's SVME is its own affair; the hardware's stays 1, and so does that of an L2, for which 0 would be undefined (§15.5.1). */
const efer: EmulatedMsr = {
  msr: 0xc000_0080,
  read(_, vcpu) {
    const value = get(currentVmcb(vcpu), 'save.efer')
    return vcpu.nested.guestMode || vcpu.svme ? value : value & ~EFER.SVME
  },
  *write(context, vcpu, value) {
    const image = currentVmcb(vcpu)
    const old = get(image, 'save.efer')
    if (value & reservedEfer(context)) return false
    if (value & EFER.SVME && vcpu.vmCr & VM_CR.SVMDIS) return false
    if ((value ^ old) & EFER.LME && get(image, 'save.cr0') & CR0.PG) return false
    if (!vcpu.nested.guestMode) vcpu.svme = (value & EFER.SVME) !== 0n
    else if (!(value & EFER.SVME)) {
      yield { kind: 'shutdown', rip: get(image, 'save.rip') }
      vcpu.started = false
      return true
    }
    change(image, 'save.efer', (value & ~EFER.LMA) | (old & EFER.LMA) | EFER.SVME)
    if ((value ^ old) & EFER.NXE) put(image, 'control.tlb_control', FLUSH_ASID)
    return true
  },
}

/** VM_CR: 4 SVMDIS, 3 LOCK; LOCK makes both read-only (APM vol 2 §15.30.1). */
const VM_CR = { LOCK: 8n, SVMDIS: 16n } as const

const vmCr: EmulatedMsr = {
  msr: 0xc001_0114,
  read: (_, vcpu) => vcpu.vmCr,
  *write(_, vcpu, value) {
    const locked = VM_CR.LOCK | VM_CR.SVMDIS
    if (value >> 5n) return false
    const next = vcpu.vmCr & VM_CR.LOCK ? (value & ~locked) | (vcpu.vmCr & locked) : value
    if (next & VM_CR.SVMDIS && vcpu.svme) return false
    vcpu.vmCr = next
    return true
  },
}

const vmHsavePa: EmulatedMsr = {
  msr: 0xc001_0117,
  read: (_, vcpu) => vcpu.vmHsavePa,
  *write(context, vcpu, value) {
    if (value & 0xfffn || value >= addressLimit(context)) return false
    vcpu.vmHsavePa = value
    return true
  },
}

/** The hardware's TSC_RATIO scales every guest, L1 too. */
const tscRatio: EmulatedMsr = {
  msr: MSR_TSC_RATIO,
  read: (_, vcpu) => vcpu.tscRatio,
  *write(_, vcpu, value) {
    if (!isTscRatio(value)) return false
    yield* writeTscRatio(vcpu, value)
    return true
  },
}

/** The hardware would change its own counter, which is every guest's. */
const tsc: EmulatedMsr = {
  msr: MSR_TSC,
  *write(_, vcpu, value) {
    yield* writeTsc(vcpu, value)
    return true
  },
}

/** The registers of the local APIC must not come to lie over L0's pages. */
const apicBar: EmulatedMsr = {
  msr: 0x1b,
  *write({ map }, _, value) {
    if (overlapsL0(map, Number(value & 0x000f_ffff_ffff_f000n), 4096)) return false
    return yield* writeMsr(0x1b, value)
  },
}

/** HWCR.SMMLOCK would turn L0's SMI intercept off (APM vol 2 §15.32): it is not set. */
const SMMLOCK = 1n

const hwcr: EmulatedMsr = {
  msr: 0xc001_0015,
  *write(_, __, value) {
    return yield* writeMsr(0xc001_0015, value & ~SMMLOCK)
  },
}

/** SMM_CTL would block L0's events; L1 has no SMM. */
const smmCtl: EmulatedMsr = {
  msr: 0xc001_0116,
  *write() {
    return false
  },
}

const pat: EmulatedMsr = {
  msr: 0x277,
  onlyInL2: true,
  read: ({ decisions }, vcpu) => readPat(vcpu, decisions, 'guest'),
  *write({ decisions }, vcpu, value) {
    yield* decided(`l2_msr: ${decisions.pat.l2_msr}`, 'save.g_pat', value)
    return writePat(vcpu, decisions, 'guest', value)
  },
}

const EMULATED: readonly EmulatedMsr[] = [efer, vmCr, vmHsavePa, tscRatio, tsc, apicBar, hwcr, smmCtl, pat]
const BY_MSR: ReadonlyMap<number, EmulatedMsr> = new Map(EMULATED.map((entry) => [entry.msr, entry]))

const INTERCEPTED = EMULATED.map(({ msr, onlyInL2, read }) => ({
  msr,
  onlyInL2,
  read: read !== undefined,
  write: true,
}))

export const MSRS_OF_L1: readonly InterceptedMsr[] = INTERCEPTED.filter(({ onlyInL2 }) => !onlyInL2)
export const MSRS_OF_L2: readonly InterceptedMsr[] = INTERCEPTED

const RCX = 1
const RDX = 2
const LOW = 0xffff_ffffn

/** RDMSR or WRMSR of the guest that runs, of a register of the table or of one outside the permission map. */
export function* emulateMsr(context: Context, vcpu: VcpuState): Handler<void> {
  const image = currentVmcb(vcpu)
  const general = yield* registers()
  const number = Number(general[RCX] & LOW)
  const msr = BY_MSR.get(number)
  const isWrite = get(image, 'control.exit_info_1') === 1n
  if (isWrite) {
    const value = ((general[RDX] & LOW) << 32n) | (get(image, 'save.rax') & LOW)
    const accepted = msr ? yield* msr.write(context, vcpu, value) : yield* writeMsr(number, value)
    if (!accepted) injectException(image, VECTOR.GP, 0)
    else retire(image)
    return
  }
  const value = msr?.read ? msr.read(context, vcpu) : yield* readMsr(number)
  if (value === undefined) {
    injectException(image, VECTOR.GP, 0)
    return
  }
  put(image, 'save.rax', value & LOW)
  yield* setRegister(RDX, value >> 32n)
  retire(image)
}
