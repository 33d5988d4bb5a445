/** A hand in the place of the runner: performs the effects of a handler on a page of memory. */
import type { Answer, Effect, Handler } from './effects.ts'
import { createVcpuState, type VcpuState } from './state.ts'
import { put } from './vmcb-image.ts'

export const VMCB12 = 0x10_0000

/** The processor's default PAT, L1's, L2's in vmcb12, what L2 writes, and one with reserved types: those of KVM's selftest. */
export const PAT = {
  default: 0x0007_0406_0007_0406n,
  l1: 0x0007_0406_0007_0404n,
  vmcb12: 0x0606_0606_0606_0606n,
  l2: 0x0606_0606_0606_0604n,
  invalid: 0x0808_0808_0808_0808n,
} as const

/**
 * Runs a handler. L1's memory is `page` at VMCB12, and nothing else; `before` is called before each effect is performed, and
 * `seen` gets all of them.
 */
export function perform<T>(
  handler: Handler<T>,
  page: DataView,
  seen: Effect[] = [],
  before: (effect: Effect) => void = () => undefined,
): T {
  let answer: Answer
  for (;;) {
    const { done, value } = handler.next(answer)
    if (done) return value
    seen.push(value)
    before(value)
    answer = undefined
    if (value.kind === 'read' && value.address >= VMCB12 && value.address + value.bytes <= VMCB12 + 4096)
      answer = new Uint8Array(page.buffer, value.address - VMCB12, value.bytes).slice()
  }
}

/** A vCPU whose L1 has the PAT that KVM's selftest gives it. */
export function vcpuWithPat(pat: bigint = PAT.l1): VcpuState {
  const vcpu = createVcpuState(0)
  vcpu.pat = pat
  put(vcpu.vmcb01, 'save.g_pat', pat)
  vcpu.svme = true
  vcpu.nested.vmcb12 = VMCB12
  return vcpu
}
