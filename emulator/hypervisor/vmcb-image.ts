/** VMCBs as images: fields by name, and the clean bits that go with a change (APM vol 2 §15.15). */
import {
  CLEAN_BITS,
  EFER,
  readField,
  VECTOR,
  VIRTUAL_INTERRUPT as VIRTUAL_INTERRUPT_BITS,
  VMCB_BYTES,
  vmcbField,
  writeField,
  type CleanGroup,
  type VmcbField,
} from '../svm/index.ts'

/** The value of the field named `key` in svm's table. */
export function get(image: DataView, key: string): bigint {
  return readField(image, vmcbField(key))
}

/** Writes a field and nothing else: for images that no processor has a copy of. */
export function put(image: DataView, key: string, value: bigint): void {
  writeField(image, vmcbField(key), value)
}

const CLEAN = vmcbField('control.clean_bits')
/** The clean bit of each group. */
export const CLEAN_BIT: ReadonlyMap<string, bigint> = new Map(
  CLEAN_BITS.bits.map(({ key, low }) => [key, 1n << BigInt(low)]),
)

/** Writes a field of a VMCB that L0 runs, and clears the clean bit of its group, which tells the processor. */
export function change(image: DataView, key: string, value: bigint): void {
  changeField(image, vmcbField(key), value)
}

/** change() of a field of svm's table. */
export function changeField(image: DataView, field: VmcbField, value: bigint): void {
  if (readField(image, field) === value) return
  writeField(image, field, value)
  if (field.clean !== undefined) markDirty(image, field.clean)
}

/** Bytes of a VMCB, from an offset on. */
export interface Span {
  readonly offset: number
  readonly bytes: number
}

/** The bytes of fields that are given by ascending offset; neighbours make one span. */
export function spansOf(fields: readonly Span[]): readonly Span[] {
  const spans: { offset: number; bytes: number }[] = []
  for (const { offset, bytes } of fields) {
    const last = spans.at(-1)
    if (last !== undefined && last.offset + last.bytes === offset) last.bytes += bytes
    else spans.push({ offset, bytes })
  }
  return spans
}

/** Copies a span of one image to the same place in another. */
export function copySpan(from: DataView, into: DataView, { offset, bytes }: Span): void {
  bytesOf(into).set(bytesOf(from).subarray(offset, offset + bytes), offset)
}

/** change() of all fields in `span`, which are of one clean-bit group, to what another image has there. */
export function changeSpan(image: DataView, from: DataView, span: Span, group: CleanGroup | undefined): void {
  const end = span.offset + span.bytes
  let at = span.offset
  while (at < end && image.getUint8(at) === from.getUint8(at)) at++
  if (at === end) return
  copySpan(from, image, span)
  if (group !== undefined) markDirty(image, group)
}

function markDirty(image: DataView, group: CleanGroup): void {
  writeField(image, CLEAN, readField(image, CLEAN) & ~(CLEAN_BIT.get(group) ?? 0n))
}

/** Whether the clean bit of a group is set. */
export function isClean(image: DataView, group: CleanGroup): boolean {
  return (readField(image, CLEAN) & CLEAN_BIT.get(group)!) !== 0n
}

/** All groups are as the processor knows them: after a #VMEXIT. */
export function markAllClean(image: DataView): void {
  writeField(image, CLEAN, 0xffff_ffffn)
}

export function markAllDirty(image: DataView): void {
  writeField(image, CLEAN, 0n)
}

export function copyImage(from: DataView, into: DataView): void {
  bytesOf(into).set(bytesOf(from))
}

/** The 4096 bytes of an image. */
export function bytesOf(image: DataView): Uint8Array {
  return new Uint8Array(image.buffer, image.byteOffset, VMCB_BYTES)
}

/** 4 or 8 bytes as a number. */
export function littleEndian(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return bytes.length === 8 ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true))
}

/** EXITCODE as the signed number that names it; all 64 bits count. */
export function signedExitCode(image: DataView): number {
  return Number(BigInt.asIntN(64, get(image, 'control.exit_code')))
}

/** Bits of rFLAGS that L0 looks at. */
export const RFLAGS = { TF: 1n << 8n, IF: 1n << 9n, RF: 1n << 16n, VM: 1n << 17n } as const
const DR6_BS = 1n << 14n
const CS_L = 1n << 9n

/** Bits of VMCB offset 060h, as parts of a 64-bit field. */
export const VIRTUAL_INTERRUPT = Object.fromEntries(
  Object.entries(VIRTUAL_INTERRUPT_BITS).map(([name, bits]) => [name, BigInt(bits)]),
) as { readonly [K in keyof typeof VIRTUAL_INTERRUPT_BITS]: bigint }

/** EVENTINJ and EXITINTINFO: 63:32 error code, 31 V, 11 EV, 10:8 type, 7:0 vector (APM vol 2 §15.20). */
export const EVENT = { valid: 1n << 31n, hasErrorCode: 1n << 11n, type: 7n << 8n, vector: 0xffn } as const
export const EVENT_TYPE = { exception: 3n << 8n, software: 4n << 8n } as const

/** The guest takes an exception before its next instruction, with an error code unless that is undefined. */
export function injectException(image: DataView, vector: number, errorCode?: number): void {
  const event = EVENT.valid | EVENT_TYPE.exception | BigInt(vector)
  const code = errorCode === undefined ? 0n : EVENT.hasErrorCode | (BigInt(errorCode) << 32n)
  put(image, 'control.event_inj', event | code)
}

/** The single-step #DB of a guest whose instruction L0 has executed. */
export function trapIfStepping(image: DataView): void {
  if (!(get(image, 'save.rflags') & RFLAGS.TF)) return
  change(image, 'save.dr6', get(image, 'save.dr6') | DR6_BS)
  injectException(image, VECTOR.DB)
}

/** L0 has executed the guest's instruction: rIP moves on, and what lasts for one instruction ends. */
export function skipInstruction(image: DataView): void {
  change(image, 'save.rip', get(image, 'control.n_rip'))
  put(image, 'control.interrupt_shadow', get(image, 'control.interrupt_shadow') & ~1n)
  change(image, 'save.rflags', get(image, 'save.rflags') & ~RFLAGS.RF)
}

/** rAX as an address: 32 bits of it outside 64-bit mode. */
export function addressInRax(image: DataView): number {
  const is64Bit = (get(image, 'save.efer') & EFER.LMA) !== 0n && (get(image, 'save.cs.attrib') & CS_L) !== 0n
  return Number(BigInt.asUintN(is64Bit ? 64 : 32, get(image, 'save.rax')))
}

/** Whether a control area asks for the exit with a code of an intercept, 00h..A6h. */
export function intercepts(controls: DataView, code: number): boolean {
  return ((controls.getUint32((code >> 5) * 4, true) >>> (code & 31)) & 1) !== 0
}
