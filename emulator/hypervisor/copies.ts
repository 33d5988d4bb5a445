/**
 * The copies of vmcb12. L1 can write vmcb12 while L0 looks at it, so L0 copies a field once and checks and uses the copy. What is
 * copied where, and what is read from L1's memory after all, the decisions say (decisions.ts).
 */
import { CHECKS, imageView, vmcbField, type Check, type CheckFacts, type CleanGroup } from '../svm/index.ts'
import { decisionFor, L2_FIELDS, type Decisions } from './decisions.ts'
import { read, type Handler } from './effects.ts'
import { emptyImage, type NestedState, type VcpuState } from './state.ts'
import { bytesOf, get, isClean, put } from './vmcb-image.ts'

/** Bits of a field that mean something to L0: the others are dropped on the way in, and nothing later sees them. */
const MEANINGFUL: ReadonlyMap<string, bigint> = new Map([
  // Bits 11:0 of the permission maps' addresses are ignored (APM vol 2 §15.10, §15.11).
  ['control.iopm_base_pa', ~0xfffn],
  ['control.msrpm_base_pa', ~0xfffn],
  ['control.tlb_control', 7n],
  // 39:32 V_INTR_VECTOR; 63:40 reserved.
  ['control.virtual_interrupt', 0xff_ffff_ffffn],
  ['control.interrupt_shadow', 1n],
  // 63:32 error code, 31 V, 11 EV, 10:8 type, 7:0 vector.
  ['control.event_inj', 0xffff_ffff_8000_0fffn],
  // What L1 can have of it: 0 NP_ENABLE, 3 GMET_ENABLE.
  ['control.nested_control', 9n],
])

/** Drops the bits of a field that L0 does not understand. */
export function meaningful(key: string, value: bigint): bigint {
  const mask = MEANINGFUL.get(key)
  return mask === undefined ? value : value & mask
}

/** Bytes of vmcb12, as an image; all ones where L1 has no RAM. A scheduling point. */
function* readPart(nested: NestedState, offset: number, bytes: number, what: string): Handler<DataView> {
  const image = emptyImage()
  const found = yield* read(nested.vmcb12 + offset, bytes, `vmcb12 ${what}`)
  bytesOf(image).set(found ?? new Uint8Array(bytes).fill(0xff), offset)
  return image
}

/** The field in L1's memory at this moment. A scheduling point. */
function* readLive(nested: NestedState, key: string, why: string): Handler<bigint> {
  const { offset, bytes } = vmcbField(key)
  return meaningful(key, get(yield* readPart(nested, offset, bytes, `${key}, to ${why}`), key))
}

/** The image that holds the copy of a field; undefined for one in a variable of its own, and for one that is not copied. */
function cacheOf(nested: NestedState, decisions: Decisions, key: string): DataView | undefined {
  switch (decisionFor(decisions, key).copy) {
    case 'area-cache':
      return key.startsWith('control.') ? nested.controls : nested.save
    case 'control-cache':
      return nested.controls
    case 'save-cache':
      return nested.save
    case 'own':
    case 'none':
      return undefined
  }
}

/** The copy of a field of vmcb12; 0 when the design makes none. */
export function copyOf(nested: NestedState, decisions: Decisions, key: string): bigint {
  if (decisionFor(decisions, key).copy === 'own') return nested.gPat
  const cache = cacheOf(nested, decisions, key)
  return cache === undefined ? 0n : get(cache, key)
}

/** Puts a value where the design keeps the copy of a field; nowhere if it keeps none. */
export function keepCopy(nested: NestedState, decisions: Decisions, key: string, value: bigint): void {
  if (decisionFor(decisions, key).copy === 'own') {
    nested.gPat = value
    return
  }
  const cache = cacheOf(nested, decisions, key)
  if (cache !== undefined) put(cache, key, meaningful(key, value))
}

const AREAS = [
  { area: 'control', offset: 0, bytes: 0x400 },
  { area: 'save', offset: 0x400, bytes: 0xc00 },
] as const

/** Copies what the design copies of vmcb12 at `nested.vmcb12`. Each area is one look at L1's memory. */
export function* copyVmcb12(nested: NestedState, decisions: Decisions): Handler<void> {
  for (const { area, offset, bytes } of AREAS) {
    const copied = L2_FIELDS.filter(
      ({ key }) => key.startsWith(`${area}.`) && decisionFor(decisions, key).copy !== 'none',
    )
    if (copied.length === 0) continue
    const image = yield* readPart(nested, offset, bytes, `${area} area, to copy`)
    for (const { key } of copied) keepCopy(nested, decisions, key, get(image, key))
  }
}

/** What the consistency checks see of a field. One that is neither copied nor checked is read for those that depend on it. */
function* valueToCheck(nested: NestedState, decisions: Decisions, key: string): Handler<bigint> {
  const { copy, check } = decisionFor(decisions, key)
  if (check === 'live' || copy === 'none') return yield* readLive(nested, key, 'check')
  return copyOf(nested, decisions, key)
}

/**
 * The consistency checks that vmcb12 fails, of those that the design makes, in the manual's order. They are the processor's own
 * (svm/checks.ts). A check that reads L1's memory reads all that it needs, whatever an earlier one has read.
 */
export function* checkVmcb12(
  nested: NestedState,
  decisions: Decisions,
  facts: CheckFacts,
): Handler<readonly Check[]> {
  const image = emptyImage()
  const failed: Check[] = []
  for (const check of CHECKS) {
    if (decisionFor(decisions, check.fields[0]).check === 'none') continue
    for (const key of check.fields) put(image, key, yield* valueToCheck(nested, decisions, key))
    if (check.fails(imageView(image), facts)) failed.push(check)
  }
  return failed
}

/** What goes into vmcb02 of a field of vmcb12. With `use: live` a scheduling point, every time. */
export function* valueToUse(vcpu: VcpuState, decisions: Decisions, key: string): Handler<bigint> {
  switch (decisionFor(decisions, key).use) {
    case 'copy':
      return copyOf(vcpu.nested, decisions, key)
    case 'live':
      return yield* readLive(vcpu.nested, key, 'use')
    case 'vmcb01':
      return get(vcpu.vmcb01, key)
  }
}

/**
 * Controls that are not used as they were copied take the copy's place: from here on the cached control area is what L0 goes by, in
 * vmcb02 and whenever L2 exits.
 */
export function* settleControls(vcpu: VcpuState, decisions: Decisions): Handler<void> {
  for (const { key } of L2_FIELDS) {
    if (!key.startsWith('control.') || decisionFor(decisions, key).use === 'copy') continue
    keepCopy(vcpu.nested, decisions, key, yield* valueToUse(vcpu, decisions, key))
  }
}

/**
 * Whether vmcb02 must be given a clean-bit group anew. L1's clean bits count if vmcb12 is where it was at the last nested VMRUN;
 * otherwise vmcb02 has another VMCB's values (APM vol 2 §15.15).
 */
export function mustLoadGroup(nested: NestedState, group: CleanGroup): boolean {
  return nested.vmcb12 !== nested.last || !isClean(nested.controls, group)
}
