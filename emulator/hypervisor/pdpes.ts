/**
 * The four PDPEs of an L2 in legacy PAE paging without nested paging (APM vol 2 §5.2.3, §15.5.1; KVM: nested_svm_load_cr3). The
 * processor does not check them for L0: vmcb02 has nested paging on, and then they are read on demand.
 */
import { findCheck, imageView, loadsPdpes } from '../svm/index.ts'
import type { Context } from './context.ts'
import { read, type Handler } from './effects.ts'
import { hasNestedPaging } from './shadow.ts'
import type { VcpuState } from './state.ts'
import { get } from './vmcb-image.ts'

const CHECK = findCheck('pae-pdpe-reserved')!
const PDPE_BYTES = 32

/** Whether L2 may begin with the PDPEs that it has, if it has any: not with reserved bits, nor where L1 has no RAM. */
export function* hasLegalPdpes({ facts }: Context, vcpu: VcpuState): Handler<boolean> {
  const l2 = imageView(vcpu.vmcb02)
  const asL1Wants = { ...facts, nestedPaging: false }
  if (hasNestedPaging(vcpu) || !loadsPdpes(l2, asL1Wants)) return true
  const table = Number(get(vcpu.vmcb02, 'save.cr3') & 0xffff_ffe0n)
  const found = yield* read(table, PDPE_BYTES, 'PDPEs')
  if (found === undefined) return false
  const words = new DataView(found.buffer, found.byteOffset, PDPE_BYTES)
  return !CHECK.fails(l2, { ...asL1Wants, memoryWord: (address) => words.getUint32(address - table, true) })
}
