/**
 * What KVM writes to the kernel log about a VMCB that VMRUN refused (kvm_amd.dump_invalid_vmcb=1), read back into an image. The
 * forms of Linux 5 and 6 are understood, with whatever the log puts before each line:
 *
 *   [  42.1] SVM: asid:               1                 one number, decimal or hexadecimal by its name
 *   intercepts:         bc0e3c0f 00000040               one or more vectors; older kernels print two as one number
 *   cs:   s: 0010 a: 0a9b l: ffffffff b: 0000000000000000
 *   cr3:            0000000000001000 cr4:          0000000000000020
 */
import { findField, VMCB_BYTES, vmcbField, writeField, type VmcbField } from '../svm/index.ts'

/** A field, or the part of one, that the log gave. */
export interface DumpedValue {
  readonly field: VmcbField
  /** The value of the field as far as the log gave it. */
  readonly value: bigint
  /** Of the log, from 1. */
  readonly line: number
}

export type KvmDump =
  | {
      readonly ok: true
      readonly image: Uint8Array
      /** One for each field that the log gave, in the order of the log. */
      readonly values: readonly DumpedValue[]
      /** What was found and not understood, or left out. */
      readonly notes: readonly string[]
    }
  | { readonly ok: false; readonly message: string }

/** A label and the bits that its number gives. */
interface Row {
  readonly radix: 10 | 16
  readonly field: string
  /** Number of the lowest bit, and how many. */
  readonly low: number
  readonly bits: number
}

function row(field: string, radix: Row['radix'] = 16, low = 0, bits = vmcbField(field).bytes * 8): Row {
  return { radix, field, low, bits }
}

const DECIMAL = 10
const HEX = 16

/** By label, in the control area. */
const CONTROL: Readonly<Record<string, Row>> = {
  cr_read: row('control.intercept_vector_0', HEX, 0, 16),
  cr_write: row('control.intercept_vector_0', HEX, 16, 16),
  dr_read: row('control.intercept_vector_1', HEX, 0, 16),
  dr_write: row('control.intercept_vector_1', HEX, 16, 16),
  exceptions: row('control.intercept_vector_2'),
  'pause filter count': row('control.pause_filter_count', DECIMAL),
  'pause filter threshold': row('control.pause_filter_threshold', DECIMAL),
  iopm_base_pa: row('control.iopm_base_pa'),
  msrpm_base_pa: row('control.msrpm_base_pa'),
  tsc_offset: row('control.tsc_offset'),
  asid: row('control.asid', DECIMAL),
  tlb_ctl: row('control.tlb_control', DECIMAL),
  erap_ctl: row('control.erap_control'),
  int_ctl: row('control.virtual_interrupt', HEX, 0, 32),
  int_vector: row('control.virtual_interrupt', HEX, 32, 32),
  int_state: row('control.interrupt_shadow', HEX, 0, 32),
  exit_code: row('control.exit_code'),
  exit_info1: row('control.exit_info_1'),
  exit_info2: row('control.exit_info_2'),
  exit_int_info: row('control.exit_int_info', HEX, 0, 32),
  exit_int_info_err: row('control.exit_int_info', HEX, 32, 32),
  nested_ctl: row('control.nested_control', DECIMAL),
  misc_ctl: row('control.nested_control', DECIMAL),
  nested_cr3: row('control.n_cr3'),
  avic_vapic_bar: row('control.avic_apic_bar'),
  ghcb: row('control.ghcb_pa'),
  event_inj: row('control.event_inj', HEX, 0, 32),
  event_inj_err: row('control.event_inj', HEX, 32, 32),
  virt_ext: row('control.virtualization_extensions', DECIMAL),
  misc_ctl2: row('control.virtualization_extensions', DECIMAL),
  next_rip: row('control.n_rip'),
  avic_backing_page: row('control.avic_backing_page'),
  avic_logical_id: row('control.avic_logical_table'),
  avic_physical_id: row('control.avic_physical_table'),
  vmsa_pa: row('control.vmsa_pointer'),
}

const SAVE: Readonly<Record<string, Row>> = {
  cpl: row('save.cpl', DECIMAL),
  gpat: row('save.g_pat'),
  excp_from: row('save.lastexcpfrom'),
  excp_to: row('save.lastexcpto'),
  ...Object.fromEntries(
    [
      ...['efer', 'cr0', 'cr2', 'cr3', 'cr4', 'dr6', 'dr7', 'rip', 'rflags', 'rsp', 'rax', 'star', 'lstar'],
      ...['cstar', 'sfmask', 'kernel_gs_base', 'sysenter_cs', 'sysenter_esp', 'sysenter_eip', 'dbgctl'],
      ...['br_from', 'br_to'],
    ].map((name) => [name, row(`save.${name}`)]),
  ),
}

const ROWS: Readonly<Record<string, Row>> = { ...CONTROL, ...SAVE }

const INTERCEPTS = 'intercepts'
/** The vectors that "intercepts" begins with. */
const FIRST_VECTOR = 3
const LAST_VECTOR = 5

const SEGMENT = /\b([a-z]{2,4}):\s+s: ([0-9a-f]{4}) a: ([0-9a-f]{4}) l: ([0-9a-f]{8}) b: ([0-9a-f]{16})/
const SEGMENT_PARTS = ['selector', 'attrib', 'limit', 'base'] as const
/** GDTR and IDTR have no selector and no attributes; the log prints reserved bytes there. */
const TABLES: ReadonlySet<string> = new Set(['gdtr', 'idtr'])

/** "label: number number ", as often as it stands in the line. A label may have spaces in it. */
const LABELLED = new RegExp(
  `(?<![\\w.])(${[INTERCEPTS, ...Object.keys(ROWS)].join('|')}):\\s*((?:-?[0-9a-f]+(?![\\w:])\\s*)+)`,
  'g',
)

/** Any other label with a number, to be told about. */
const UNKNOWN = /(?<![\w.])([a-z][\w ]*):\s+(?:0x)?[0-9a-f]+\s*$/

const BEGIN = /VMCB Control Area:/

/** Longer texts are no log of a VMCB. Characters. */
const LONGEST = 1_000_000

/** Reads the first dump in a kernel log. Never throws. */
export function parseKvmDump(log: string): KvmDump {
  if (log.length > LONGEST) return { ok: false, message: `the text is longer than ${LONGEST} characters` }
  const lines = log.split(/\r?\n/)
  const first = lines.findIndex((line) => BEGIN.test(line))
  const next = lines.findIndex((line, index) => index > first && BEGIN.test(line))
  const notes: string[] = []
  if (first >= 0 && next >= 0) notes.push(`line ${next + 1} begins another VMCB, which is left out`)
  const begin = Math.max(first, 0)
  const end = first >= 0 && next >= 0 ? next : lines.length

  const values = new Map<VmcbField, DumpedValue>()
  const add = (field: VmcbField, value: bigint, low: number, bits: number, line: number): void => {
    const mask = ((1n << BigInt(bits)) - 1n) << BigInt(low)
    const before = values.get(field)?.value ?? 0n
    values.set(field, { field, value: (before & ~mask) | ((value << BigInt(low)) & mask), line })
  }
  for (let index = begin; index < end; index++) {
    const text = lines[index]
    const line = index + 1
    const segment = SEGMENT.exec(text)
    if (segment !== null) {
      const [, name, ...digits] = segment
      for (const [part, key] of SEGMENT_PARTS.entries()) {
        if (TABLES.has(name) && part < 2) continue
        const field = findField(`save.${name}.${key}`)
        if (field === undefined) notes.push(`line ${line}: there is no segment register "${name}"`)
        else add(field, BigInt(`0x${digits[part]}`), 0, field.bytes * 8, line)
      }
      continue
    }
    const found = [...text.matchAll(LABELLED)]
    for (const [, label, numbers] of found) {
      const digits = numbers.trim().split(/\s+/)
      if (label === INTERCEPTS) addIntercepts(digits, line, add)
      else addNumber(ROWS[label], label, digits[0], line, add, notes)
    }
    const unknown = found.length === 0 ? UNKNOWN.exec(text) : null
    if (unknown !== null && first >= 0 && index > first)
      notes.push(`line ${line}: "${unknown[1]}" is not known`)
  }
  if (values.size === 0)
    return { ok: false, message: 'no line looks like one of a VMCB that KVM wrote ("asid: ...", "cr0: ...")' }
  const image = new Uint8Array(VMCB_BYTES)
  const view = new DataView(image.buffer)
  for (const { field, value } of values.values()) writeField(view, field, value)
  return { ok: true, image, values: [...values.values()], notes }
}

type Add = (field: VmcbField, value: bigint, low: number, bits: number, line: number) => void

function addIntercepts(digits: readonly string[], line: number, add: Add): void {
  // A number of 16 digits holds two vectors, the first in its low half.
  const vectors = digits.flatMap((text) => (text.length > 8 ? [text.slice(-8), text.slice(0, -8)] : [text]))
  for (const [index, text] of vectors.slice(0, LAST_VECTOR - FIRST_VECTOR + 1).entries())
    add(vmcbField(`control.intercept_vector_${FIRST_VECTOR + index}`), BigInt(`0x${text}`), 0, 32, line)
}

function addNumber(
  { radix, field, low, bits }: Row,
  label: string,
  digits: string,
  line: number,
  add: Add,
  notes: string[],
): void {
  if (radix === DECIMAL && !/^-?\d+$/.test(digits)) {
    notes.push(`line ${line}: "${label}" is not a decimal number: ${digits}`)
    return
  }
  let value = BigInt(radix === DECIMAL ? digits : `0x${digits}`)
  // Kernels that print 32 bits of EXITCODE mean the 64 bits of VMEXIT_INVALID by ffffffff.
  if (label === 'exit_code' && digits.length <= 8) value = BigInt.asUintN(64, BigInt.asIntN(32, value))
  if (BigInt.asUintN(bits, value) !== value && value >= 0n) {
    notes.push(`line ${line}: "${label}" has more than ${bits} bits: ${digits}`)
    return
  }
  add(vmcbField(field), BigInt.asUintN(bits, value), low, bits, line)
}
