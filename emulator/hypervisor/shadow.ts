/**
 * Shadow nested tables: what L2 runs on when L1 uses nested paging for it. L1's tables lead from L2's guest-physical addresses to
 * L1's; the shadow leads to system-physical ones, in 4 KB pages, and grows with each nested page fault. It is emptied at each
 * nested VMRUN that finds L1's tables changed, so that it is never older than a TLB that L1 might have flushed. Without nested paging L2's physical addresses
 * are L1's, and it runs on the tables that L1 itself runs on.
 */
import { EXIT } from '../svm/index.ts'
import { readOwn, writeOwn, type Handler } from './effects.ts'
import { walkL1, type NestedAccess, type NestedTranslation } from './l1-tables.ts'
import { systemPhysical } from './memory-map.ts'
import { nestedVmexit } from './nested-vmexit.ts'
import { FLUSH_ASID, giveUp, type Context } from './context.ts'
import type { VcpuState } from './state.ts'
import { forgetSources, addSources, isUpToDate } from './shadow-sources.ts'
import { change, get, littleEndian, put } from './vmcb-image.ts'

const PAGE = 4096
const NP_ENABLE = 1n

/** Shadow entries: 63 NX, 2 U/S, 1 R/W, 0 P. */
const [PRESENT, WRITABLE, USER, NX] = [1n, 2n, 4n, 1n << 63n]
const SHIFTS = [48, 39, 30, 21, 12] as const

/** L1 uses nested paging for L2. */
export function hasNestedPaging({ nested }: VcpuState): boolean {
  return (get(nested.controls, 'control.nested_control') & NP_ENABLE) !== 0n
}

/** Sets nCR3 of vmcb02 to a shadow that is up to date, if only because it is empty, or to L1's tables. */
export function* startShadow({ map }: Context, vcpu: VcpuState): Handler<void> {
  const isShadowed = hasNestedPaging(vcpu)
  change(vcpu.vmcb02, 'control.n_cr3', BigInt(isShadowed ? map.vcpus[vcpu.index].shadow : map.nCr3))
  if (isShadowed && !(yield* isUpToDate(vcpu))) yield* zap(map.vcpus[vcpu.index].shadow, vcpu)
}

/** Forgets everything: the root is the only page in use, and empty. */
function* zap(root: number, vcpu: VcpuState): Handler<void> {
  yield* writeOwn(root, new Uint8Array(PAGE))
  vcpu.nested.shadowPages = 1
  forgetSources(vcpu)
  put(vcpu.vmcb02, 'control.tlb_control', FLUSH_ASID)
}

/** EXITINFO1 of a nested page fault: 33:32 where in the access, 4 ID, 1 RW, 0 P (§15.25.6). */
const INFO = { where: 3n << 32n, fetch: 16n, write: 2n, present: 1n } as const

/** L2 ran into a hole of the shadow: L0 fills it, unless L1's own tables have the hole. */
export function* nestedPageFault(context: Context, vcpu: VcpuState): Handler<void> {
  const info1 = get(vcpu.vmcb02, 'control.exit_info_1')
  const info2 = get(vcpu.vmcb02, 'control.exit_info_2')
  if (!hasNestedPaging(vcpu)) return yield* giveUp(vcpu)
  const access = { write: (info1 & INFO.write) !== 0n, fetch: (info1 & INFO.fetch) !== 0n }
  const found = yield* translate(context, vcpu, Number(info2), access)
  if (found.kind === 'fault') {
    const exit = { code: EXIT.NPF, info1: (info1 & INFO.where) | found.error, info2 }
    return yield* nestedVmexit(context, vcpu, exit)
  }
  // A translation that was there already may still be in the TLB with fewer permissions.
  if (info1 & INFO.present) put(vcpu.vmcb02, 'control.tlb_control', FLUSH_ASID)
  const target = BigInt(systemPhysical(context.map, found.address))
  const entry = target | PRESENT | USER | (found.writable ? WRITABLE : 0n) | (found.executable ? 0n : NX)
  yield* map(context, vcpu, Number(info2), entry)
  addSources(vcpu.nested, found.entries)
}

function* translate(
  context: Context,
  { vmcb01, nested }: VcpuState,
  gpa: number,
  access: NestedAccess,
): Handler<NestedTranslation> {
  return yield* walkL1(context, vmcb01, get(nested.controls, 'control.n_cr3'), gpa, access)
}

/** Enters a 4 KB page into the shadow; makes the tables on the way, and forgets all others when the pages are used up. */
function* map({ map: { vcpus } }: Context, vcpu: VcpuState, gpa: number, entry: bigint): Handler<void> {
  const { shadow, shadowPages } = vcpus[vcpu.index]
  const { nested } = vcpu
  const missing = SHIFTS.length - 1
  if (!(nested.shadowPages >= 1 && nested.shadowPages + missing <= shadowPages)) yield* zap(shadow, vcpu)
  let table = shadow
  for (const shift of SHIFTS) {
    const at = table + (Math.floor(gpa / 2 ** shift) % 512) * 8
    if (shift === 12) return yield* writeOwn(at, quad(entry))
    const next = littleEndian(yield* readOwn(at, 8))
    if (next & PRESENT) {
      table = Number(next & ~0xfffn)
      continue
    }
    table = shadow + nested.shadowPages * PAGE
    nested.shadowPages++
    yield* writeOwn(table, new Uint8Array(PAGE))
    yield* writeOwn(at, quad(BigInt(table) | PRESENT | WRITABLE | USER))
  }
}

function quad(value: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(value).buffer)
}

/**
 * The L1 address of a VMCB that the guest names in VMLOAD or VMSAVE: with VMLOAD and VMSAVE virtualization in an L2 with nested
 * paging it is one of L2 (§15.33.1). Undefined after a fault, which L1 has got then.
 */
export function* translateForL2(
  context: Context,
  vcpu: VcpuState,
  address: number,
  isWrite: boolean,
): Handler<number | undefined> {
  const { nested } = vcpu
  const VMLOAD_VIRTUALIZATION = 2n
  const extensions = get(nested.controls, 'control.virtualization_extensions')
  if (!nested.guestMode || !(extensions & VMLOAD_VIRTUALIZATION) || !hasNestedPaging(vcpu)) return address
  const found = yield* translate(context, vcpu, address, { write: isWrite, fetch: false })
  if (found.kind === 'page') return found.address
  const FINAL = 1n << 32n
  yield* nestedVmexit(context, vcpu, { code: EXIT.NPF, info1: FINAL | found.error, info2: BigInt(address) })
  return undefined
}
