/**
 * The nested state that the host's user saves and restores, laid out as KVM's KVM_GET_NESTED_STATE and KVM_SET_NESTED_STATE have it:
 *
 *   0     u16 flags    2  u16 format   4  u32 size, of all that follows too
 *   8     header of SVM, 120 bytes:    8  u64 address of vmcb12
 *                                     16  u64 gPAT; or, where a flag announces it, 16 u32 flags, 24 u64 gPAT
 *   128   while L2 runs, a VMCB:    +000  the cached control area of vmcb12    +400  the save area of vmcb01
 *
 * L2's registers are not part of it, they are those of the vCPU; L2's PAT fits neither area, which is what the designs differ in.
 */
import { type CheckFacts, CHECKS, CR0, findCheck, imageView, isValidPat, VMCB_BYTES } from '../svm/index.ts'
import { keepCopy, copyOf } from './copies.ts'
import { hasOwnPat, L2_FIELDS, type Decisions } from './decisions.ts'
import { virtualInterruptForL1 } from './merge.ts'
import { l2HasOwnPat } from './pat.ts'
import type { VcpuState } from './state.ts'
import { get, markAllDirty, put, RFLAGS } from './vmcb-image.ts'

const HEADER_BYTES = 128
const SAVE_AREA = 0x400

/** Flags at offset 0. The two others that KVM knows belong to other vendors' state. */
export const STATE_FLAG = { guestMode: 1, runPending: 2, gifSet: 0x100 } as const
const ALL_VENDORS_FLAGS = 0x10f
/** Flag at offset 16, in designs that have it: gPAT is there. */
export const VALID_G_PAT = 1
export const FORMAT_SVM = 1

const AT = { flags: 0, format: 2, size: 4, vmcb12: 8, svmFlags: 16, data: HEADER_BYTES } as const

/** Where the header has gPAT. */
function headerGPat({ saved_state }: Decisions): number {
  return saved_state.valid_flag ? 24 : 16
}

/** The nested state of a vCPU, as bytes: the header, and while L2 runs the two areas. */
export function getNestedState(vcpu: VcpuState, decisions: Decisions): Uint8Array {
  const { nested, gif } = vcpu
  const bytes = new Uint8Array(HEADER_BYTES + (nested.guestMode ? VMCB_BYTES : 0))
  const view = new DataView(bytes.buffer)
  view.setUint16(
    AT.flags,
    (gif ? STATE_FLAG.gifSet : 0) |
      (nested.guestMode ? STATE_FLAG.guestMode : 0) |
      (nested.runPending ? STATE_FLAG.runPending : 0),
    true,
  )
  view.setUint16(AT.format, FORMAT_SVM, true)
  view.setUint32(AT.size, bytes.length, true)
  if (!nested.guestMode) return bytes
  view.setBigUint64(AT.vmcb12, BigInt(nested.vmcb12), true)
  const image = new DataView(bytes.buffer, AT.data, VMCB_BYTES)
  storeControls(image, vcpu, decisions)
  bytes.set(
    new Uint8Array(vcpu.vmcb01.buffer, vcpu.vmcb01.byteOffset + SAVE_AREA, VMCB_BYTES - SAVE_AREA),
    AT.data + SAVE_AREA,
  )
  storeGPat(view, image, vcpu, decisions)
  return bytes
}

/** What L2 has used up, or L0 has added, since the copy. KVM moves the interrupt shadow with the vCPU's events. */
const OF_L2 = ['control.event_inj', 'control.n_rip', 'control.interrupt_shadow']

/** The cached controls, with what has happened in L2 since. Clean bits are not saved: nobody has a copy any more. */
function storeControls(image: DataView, { nested, vmcb02 }: VcpuState, decisions: Decisions): void {
  for (const { key } of L2_FIELDS)
    if (key.startsWith('control.')) put(image, key, copyOf(nested, decisions, key))
  const word = copyOf(nested, decisions, 'control.virtual_interrupt')
  put(
    image,
    'control.virtual_interrupt',
    virtualInterruptForL1(word, get(vmcb02, 'control.virtual_interrupt')),
  )
  for (const key of OF_L2) put(image, key, get(vmcb02, key))
  put(image, 'control.clean_bits', 0n)
}

/** L2's PAT, where the design has a place for it. */
function storeGPat(view: DataView, image: DataView, vcpu: VcpuState, decisions: Decisions): void {
  const { g_pat, valid_flag } = decisions.saved_state
  const gPat = get(vcpu.vmcb02, 'save.g_pat')
  // That g_pat of the save area would be L1's. It is dead: L1's PAT is restored with the MSRs.
  if (g_pat === 'save-area') put(image, 'save.g_pat', gPat)
  if (!l2HasOwnPat(vcpu, decisions)) return
  if (valid_flag) view.setUint32(AT.svmFlags, VALID_G_PAT, true)
  if (g_pat === 'header') view.setBigUint64(headerGPat(decisions), gPat, true)
}

/**
 * A saved state as an L0 from before the series would have given it: no place for L2's PAT, and in g_pat of L1's save area, which nobody
 * read, whatever was there.
 */
export function asOlderState(bytes: Uint8Array, gPat: bigint): Uint8Array {
  const older = bytes.slice()
  older.fill(0, AT.svmFlags, HEADER_BYTES)
  if (older.length > HEADER_BYTES) put(new DataView(older.buffer, AT.data, VMCB_BYTES), 'save.g_pat', gPat)
  return older
}

/** What SET answers: 0, or the error and the rule that decided, as a sentence. */
export type SetResult =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly error: 'EFAULT' | 'EINVAL'
      readonly rule: string
      readonly explanation: string
    }

function refuse(error: 'EFAULT' | 'EINVAL', rule: string, explanation: string): SetResult {
  return { ok: false, error, rule, explanation }
}

function invalid(rule: string, explanation: string): SetResult {
  return refuse('EINVAL', rule, explanation)
}

/**
 * Gives a vCPU a nested state. `facts` is what the consistency checks ask of L1's processor. Bytes that are refused change nothing. The
 * order of the checks is KVM's.
 */
export function setNestedState(
  vcpu: VcpuState,
  decisions: Decisions,
  facts: CheckFacts,
  bytes: Uint8Array | undefined,
): SetResult {
  if (bytes === undefined || bytes.length < AT.vmcb12)
    return refuse('EFAULT', 'readable', 'There is no state to read.')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const size = view.getUint32(AT.size, true)
  const flags = view.getUint16(AT.flags, true)
  const isIn = (flag: number): boolean => (flags & flag) !== 0
  if (size < HEADER_BYTES) return invalid('header-size', 'The size is less than that of the header.')
  if (bytes.length < Math.min(size, HEADER_BYTES + VMCB_BYTES))
    return refuse('EFAULT', 'readable', 'There is less state than its size says.')
  if (flags & ~ALL_VENDORS_FLAGS) return invalid('flags', 'A flag is set that nobody has defined.')
  if (isIn(STATE_FLAG.runPending) && !isIn(STATE_FLAG.guestMode))
    return invalid('run-pending', 'A VMRUN is pending, but L2 does not run.')
  if (view.getUint16(AT.format, true) !== FORMAT_SVM)
    return invalid('format', 'The format is not that of SVM.')
  if (flags & ~(STATE_FLAG.guestMode | STATE_FLAG.runPending | STATE_FLAG.gifSet))
    return invalid('svm-flags', 'A flag is set that SVM does not have.')
  if (!vcpu.svme && flags & ~STATE_FLAG.gifSet)
    return invalid('svme', 'EFER.SVME is 0, but the state is that of a vCPU that runs L2.')
  if (vcpu.smm && isIn(STATE_FLAG.guestMode))
    return invalid(
      'smm',
      'The vCPU is in SMM, where EFER.SVME is off, but the state is that of a vCPU that runs L2.',
    )
  if (!isIn(STATE_FLAG.guestMode)) {
    leaveGuestMode(vcpu)
    vcpu.gif = isIn(STATE_FLAG.gifSet)
    return { ok: true }
  }
  const vmcb12 = view.getBigUint64(AT.vmcb12, true)
  if (vmcb12 & 0xfffn || vmcb12 >> BigInt(facts.physicalAddressBits))
    return invalid('vmcb12-address', 'The address of vmcb12 is not that of a page.')
  if (size < HEADER_BYTES + VMCB_BYTES)
    return invalid('data-size', 'L2 runs, but the size has no room for the areas.')
  const image = copyOfData(view)
  return checkAreas(vcpu, decisions, facts, view, image) ?? enter(vcpu, decisions, view, image)
}

function copyOfData(view: DataView): DataView {
  const start = view.byteOffset + AT.data
  return new DataView(view.buffer.slice(start, start + VMCB_BYTES) as ArrayBuffer)
}

/** The checks of what lies behind the header; undefined when all is well. */
function checkAreas(
  vcpu: VcpuState,
  decisions: Decisions,
  facts: CheckFacts,
  view: DataView,
  image: DataView,
): SetResult | undefined {
  const controls = failedCheck(image, 'control.', facts)
  if (controls !== undefined)
    return invalid(`controls: ${controls.id}`, `vmcb12's controls: ${controls.explanation}`)
  const current = vcpu.nested.guestMode ? vcpu.vmcb02 : vcpu.vmcb01
  if (findCheck('cr0-nw-without-cd')!.fails(imageView(current), facts))
    return invalid('l2-cr0', "The vCPU's CR0, which is to be L2's, has NW set and CD clear.")
  const [cr0, rflags] = [get(image, 'save.cr0'), get(image, 'save.rflags')]
  if (!(cr0 & CR0.PG) || !(cr0 & CR0.PE) || rflags & RFLAGS.VM)
    return invalid(
      'l1-mode',
      "L1's save area is not that of a host that can execute VMRUN: protected mode with paging.",
    )
  const l1 = l1SaveArea(vcpu, decisions, view, image)
  const save = failedCheck(l1, 'save.', facts)
  if (save !== undefined) {
    const pair =
      save.id === 'g-pat-type' ? " It was checked with vmcb12's controls, which have nested paging on." : ''
    return invalid(`save area: ${save.id}`, `L1's save area: ${save.explanation}${pair}`)
  }
  return checkPats(vcpu, decisions, view, image)
}

/**
 * The first check that fails of those that blame a field of one area. The areas are not of one VMCB, so an event in L2's controls is not
 * held against the mode in L1's save area. Whether G_PAT is held against L2's controls, the design decides.
 */
function failedCheck(image: DataView, area: 'control.' | 'save.', facts: CheckFacts) {
  const isOfArea = (key: string): boolean => key.startsWith(area)
  return CHECKS.find(
    ({ fields, fails }) =>
      (area === 'control.' ? fields.every(isOfArea) : isOfArea(fields[0])) && fails(imageView(image), facts),
  )
}

/**
 * L1's save area, with the control area that its check is given. They are not of one VMCB: the controls are vmcb12's. A check that asks
 * them whether nested paging is on looks at a g_pat that no nested #VMEXIT will load, and which an older L0 left undefined.
 */
function l1SaveArea(vcpu: VcpuState, decisions: Decisions, view: DataView, image: DataView): DataView {
  const { check_l1_g_pat, fill_l1_g_pat, g_pat } = decisions.saved_state
  const pair = new DataView(image.buffer.slice(0))
  if (check_l1_g_pat === 'never') put(pair, 'control.nested_control', 0n)
  const isUsed =
    (g_pat === 'save-area' || g_pat === 'msrs') && savedGPat(vcpu, decisions, view, image) !== undefined
  if (fill_l1_g_pat === 'host-pat' && !isUsed) put(pair, 'save.g_pat', vcpu.pat)
  return pair
}

const NP_ENABLE = 1n

/**
 * L2's PAT in a saved state; undefined when the state has none, or when L2 has no PAT of its own. One that travels with the MSRs is what
 * the vCPU has as PAT until now, if the user has restored the MSRs.
 */
function savedGPat(
  vcpu: VcpuState,
  decisions: Decisions,
  view: DataView,
  image: DataView,
): bigint | undefined {
  const { g_pat, valid_flag } = decisions.saved_state
  const isOwn = (get(image, 'control.nested_control') & NP_ENABLE) !== 0n && hasOwnPat(decisions)
  if (!isOwn || g_pat === 'none') return undefined
  if (valid_flag && !(view.getUint32(AT.svmFlags, true) & VALID_G_PAT)) return undefined
  if (g_pat === 'msrs') return vcpu.pat
  return g_pat === 'header' ? view.getBigUint64(headerGPat(decisions), true) : get(image, 'save.g_pat')
}

/** The header's gPAT is checked by itself, and so is L1's PAT where L2's takes its place among the MSRs. */
function checkPats(
  vcpu: VcpuState,
  decisions: Decisions,
  view: DataView,
  image: DataView,
): SetResult | undefined {
  const gPat = savedGPat(vcpu, decisions, view, image)
  if (gPat === undefined) return undefined
  switch (decisions.saved_state.g_pat) {
    case 'header':
      if (isValidPat(gPat)) return undefined
      return invalid('header: g-pat-type', 'The gPAT in the header has a reserved memory type.')
    case 'msrs':
      if (isValidPat(get(image, 'save.g_pat'))) return undefined
      return invalid('save area: h-pat-type', "L1's PAT, in its save area, has a reserved memory type.")
    // One in the save area is checked with that area, if at all.
    default:
      return undefined
  }
}

/**
 * All is well: the vCPU enters guest mode. What it ran until now becomes L2, whose registers the user restores before or after; the
 * saved areas are vmcb12's controls and L1.
 */
function enter(vcpu: VcpuState, decisions: Decisions, view: DataView, image: DataView): SetResult {
  const { nested, vmcb01, vmcb02 } = vcpu
  const flags = view.getUint16(AT.flags, true)
  if (!nested.guestMode) copySaveArea(vmcb01, vmcb02)
  copySaveArea(image, vmcb01)
  for (const { key } of L2_FIELDS)
    if (key.startsWith('control.')) keepCopy(nested, decisions, key, get(image, key))
  const gPat = savedGPat(vcpu, decisions, view, image)
  // L1's PAT is not in the saved areas, it is the vCPU's; but where L2's has come with the MSRs, the two change places.
  if (gPat !== undefined && decisions.saved_state.g_pat === 'msrs') vcpu.pat = get(image, 'save.g_pat')
  put(vmcb01, 'save.g_pat', vcpu.pat)
  nested.guestMode = true
  nested.vmcb12 = Number(view.getBigUint64(AT.vmcb12, true))
  nested.last = -1
  nested.runPending = (flags & STATE_FLAG.runPending) !== 0
  nested.restored = true
  nested.followsHPat = gPat === undefined && l2HasOwnPat(vcpu, decisions)
  put(vmcb02, 'save.g_pat', gPat ?? vcpu.pat)
  vcpu.gif = (flags & STATE_FLAG.gifSet) !== 0
  markAllDirty(vmcb01)
  markAllDirty(vmcb02)
  return { ok: true }
}

/** The fields of the save area that VMRUN and #VMEXIT move. */
function copySaveArea(from: DataView, to: DataView): void {
  for (const { key } of L2_FIELDS) if (key.startsWith('save.')) put(to, key, get(from, key))
}

/** L2 is gone without a #VMEXIT: L1 goes on where it was, and nothing is left of vmcb12. */
export function leaveGuestMode(vcpu: VcpuState): void {
  const { nested } = vcpu
  nested.guestMode = false
  nested.vmcb12 = 0
  nested.last = -1
  nested.runPending = false
  nested.restored = false
  nested.followsHPat = false
}
