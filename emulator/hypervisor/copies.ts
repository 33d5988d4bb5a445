/**
 * The copies of vmcb12. L1 can write vmcb12 while L0 looks at it, so L0 copies a field once and checks and uses the copy. What is
 * copied where, and what is read from L1's memory after all, the decisions say (decisions.ts).
 */
import {
  CHECKS,
  imageView,
  readField,
  vmcbField,
  writeField,
  type Check,
  type CheckFacts,
  type CleanGroup,
  type VmcbField,
} from '../svm/index.ts'
import { decisionFor, L2_FIELDS, perDesign, type Decisions } from './decisions.ts'
import { read, type Handler, type Look } from './effects.ts'
import { emptyImage, type NestedState, type VcpuState } from './state.ts'
import {
  bytesOf,
  changeField,
  copySpan,
  changeSpan,
  get,
  isClean,
  put,
  spansOf,
  type Span,
} from './vmcb-image.ts'

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

/** Bytes of vmcb12 from an offset on; all ones where L1 has no RAM. A scheduling point. */
function* readPart(nested: NestedState, look: Look, what: string): Handler<Uint8Array> {
  const { offset, bytes, purpose } = look
  const found = yield* read(nested.vmcb12 + offset, bytes, `vmcb12 ${what}, to ${purpose}`, look)
  return found ?? new Uint8Array(bytes).fill(0xff)
}

/** The field in L1's memory at this moment. A scheduling point. */
function* readLive(nested: NestedState, key: string, purpose: Look['purpose']): Handler<bigint> {
  const field = vmcbField(key)
  const image = emptyImage()
  const { offset, bytes } = field
  bytesOf(image).set(yield* readPart(nested, { offset, bytes, purpose }, key), offset)
  return meaningful(key, readField(image, field))
}

/** Images in which copies are kept. */
const CACHES = ['controls', 'save'] as const
type Cache = (typeof CACHES)[number] | undefined

/** The image that holds the copy of a field; undefined for one in a variable of its own, and for one that is not copied. */
function cacheOf(decisions: Decisions, key: string): Cache {
  switch (decisionFor(decisions, key).copy) {
    case 'area-cache':
      return key.startsWith('control.') ? 'controls' : 'save'
    case 'control-cache':
      return 'controls'
    case 'save-cache':
      return 'save'
    case 'own':
    case 'none':
      return undefined
  }
}

/** The copy of a field of vmcb12; 0 when the design makes none. */
export function copyOf(nested: NestedState, decisions: Decisions, key: string): bigint {
  if (decisionFor(decisions, key).copy === 'own') return nested.gPat
  const cache = cacheOf(decisions, key)
  return cache === undefined ? 0n : get(nested[cache], key)
}

/** Puts a value where the design keeps the copy of a field; nowhere if it keeps none. */
export function keepCopy(nested: NestedState, decisions: Decisions, key: string, value: bigint): void {
  if (decisionFor(decisions, key).copy === 'own') {
    nested.gPat = value
    return
  }
  const cache = cacheOf(decisions, key)
  if (cache !== undefined) put(nested[cache], key, meaningful(key, value))
}

const AREAS = [
  { area: 'control', offset: 0, bytes: 0x400 },
  { area: 'save', offset: 0x400, bytes: 0xc00 },
] as const

/** The bytes of fields in the caches that a design keeps them in. */
function spansInCaches(decisions: Decisions, fields: readonly VmcbField[]) {
  return CACHES.map((cache) => ({
    cache,
    spans: spansOf(fields.filter(({ key }) => cacheOf(decisions, key) === cache)),
  })).filter(({ spans }) => spans.length > 0)
}

/** What a design copies of each area: bytes to each of the caches, and of those the fields that lose bits on the way. */
const copiesOf = perDesign((decisions) =>
  AREAS.map((area) => {
    const ofArea = L2_FIELDS.filter(({ key }) => key.startsWith(`${area.area}.`))
    const copied = (key: string) => decisionFor(decisions, key).copy
    return {
      ...area,
      caches: spansInCaches(decisions, ofArea),
      masked: ofArea.filter(({ key }) => MEANINGFUL.has(key) && copied(key) !== 'none'),
      own: ofArea.filter(({ key }) => copied(key) === 'own'),
    }
  }).filter(({ caches, own }) => caches.length + own.length > 0),
)

/** Copies what the design copies of vmcb12 at `nested.vmcb12`. Each area is one look at L1's memory. */
export function* copyVmcb12(nested: NestedState, decisions: Decisions): Handler<void> {
  for (const { caches, masked, own, ...area } of copiesOf(decisions)) {
    const { offset, bytes } = area
    const found = yield* readPart(nested, { offset, bytes, purpose: 'copy' }, `${area.area} area`)
    const part = ({ offset, bytes }: Span) =>
      found.subarray(offset - area.offset, offset - area.offset + bytes)
    for (const { cache, spans } of caches)
      for (const span of spans) bytesOf(nested[cache]).set(part(span), span.offset)
    for (const { key } of masked) keepCopy(nested, decisions, key, copyOf(nested, decisions, key))
    for (const field of own) nested.gPat = new DataView(part(field).slice().buffer).getBigUint64(0, true)
  }
}

/** The checks that a design makes, each with the fields that it must see in L1's memory: those not copied, too. */
const checksOf = perDesign((decisions) => {
  const isLive = (key: string): boolean => {
    const { copy, check } = decisionFor(decisions, key)
    return check === 'live' || copy === 'none'
  }
  const made = CHECKS.filter(({ fields }) => decisionFor(decisions, fields[0]).check !== 'none')
  const copied = L2_FIELDS.filter(
    ({ key }) => !isLive(key) && made.some(({ fields }) => fields.includes(key)),
  )
  return {
    caches: spansInCaches(decisions, copied),
    own: copied.filter(({ key }) => decisionFor(decisions, key).copy === 'own'),
    made: made.map((check) => ({ check, live: check.fields.filter(isLive) })),
  }
})

/**
 * The consistency checks that vmcb12 fails, of those that the design makes, in the manual's order. They are the processor's own
 * (svm/checks.ts). A check that reads L1's memory reads all that it needs, whatever an earlier one has read.
 */
export function* checkVmcb12(
  nested: NestedState,
  decisions: Decisions,
  facts: CheckFacts,
): Handler<readonly Check[]> {
  const { caches, own, made } = checksOf(decisions)
  const image = emptyImage()
  const view = imageView(image)
  for (const { cache, spans } of caches) for (const span of spans) copySpan(nested[cache], image, span)
  for (const field of own) writeField(image, field, nested.gPat)
  const failed: Check[] = []
  for (const { check, live } of made) {
    for (const key of live) put(image, key, yield* readLive(nested, key, 'check'))
    if (check.fails(view, facts)) failed.push(check)
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

/** The save area by clean-bit groups: what vmcb02 gets from a copy, as bytes, and what from elsewhere. */
const saveUses = perDesign((decisions) =>
  [...Map.groupBy(SAVE_FIELDS, ({ clean }) => clean)].map(([group, fields]) => {
    const isCopied = (key: string) => decisionFor(decisions, key).use === 'copy'
    const from = (cache: Cache) =>
      fields.filter(({ key }) => isCopied(key) && cacheOf(decisions, key) === cache)
    const caches = CACHES.map((cache) => ({ cache, spans: spansOf(from(cache)) }))
    return { group, caches, others: fields.filter(({ key }) => !isCopied(key)) }
  }),
)

/** Those of its fields that vmcb02 has from vmcb12 as they are. */
const SAVE_FIELDS = L2_FIELDS.filter(({ key }) => key.startsWith('save.') && key !== 'save.g_pat')

/** Gives vmcb02 its save area but for g_pat, as far as it `mustLoad` a clean-bit group. */
export function* useSaveArea(
  vcpu: VcpuState,
  decisions: Decisions,
  mustLoad: (group: CleanGroup | undefined) => boolean,
): Handler<void> {
  const { vmcb02, nested } = vcpu
  for (const { group, caches, others } of saveUses(decisions)) {
    if (!mustLoad(group)) continue
    for (const { cache, spans } of caches)
      for (const span of spans) changeSpan(vmcb02, nested[cache], span, group)
    for (const field of others) changeField(vmcb02, field, yield* valueToUse(vcpu, decisions, field.key))
  }
}

/**
 * Controls that are not used as they were copied take the copy's place: from here on the cached control area is what L0 goes by, in
 * vmcb02 and whenever L2 exits.
 */
export function* settleControls(vcpu: VcpuState, decisions: Decisions): Handler<void> {
  for (const { key } of unsettledControls(decisions))
    keepCopy(vcpu.nested, decisions, key, yield* valueToUse(vcpu, decisions, key))
}

const unsettledControls = perDesign((decisions) =>
  L2_FIELDS.filter(({ key }) => key.startsWith('control.') && decisionFor(decisions, key).use !== 'copy'),
)

/**
 * Whether vmcb02 must be given a clean-bit group anew. L1's clean bits count if vmcb12 is where it was at the last nested VMRUN;
 * otherwise vmcb02 has another VMCB's values (APM vol 2 §15.15).
 */
export function mustLoadGroup(nested: NestedState, group: CleanGroup): boolean {
  return nested.vmcb12 !== nested.last || !isClean(nested.controls, group)
}
