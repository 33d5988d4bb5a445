import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createCpuModel } from '../machine/index.ts'
import { failedChecks, imageView, modelFacts } from '../svm/index.ts'
import { parseKvmDump, type KvmDump } from './kvm-dump.ts'

/** In the form of the kernel log: a 64-bit guest whose G_PAT has the reserved type 2 in its lowest byte. */
const LOG = `[  812.100000] kvm_amd: VMCB 00000000c0ffee00, last attempted VMRUN on CPU 3
[  812.100001] kvm_amd: VMCB Control Area:
[  812.100002] kvm_amd: cr_read:            0010
[  812.100003] kvm_amd: cr_write:           0110
[  812.100004] kvm_amd: dr_read:            00ff
[  812.100005] kvm_amd: dr_write:           00ff
[  812.100006] kvm_amd: exceptions:         00060042
[  812.100007] kvm_amd: intercepts:         bd4c8027 0000667f
[  812.100008] kvm_amd: pause filter count: 3000
[  812.100009] kvm_amd: pause filter threshold:128
[  812.100010] kvm_amd: iopm_base_pa:       0000000103a94000
[  812.100011] kvm_amd: tsc_offset:         fffffe2b7c0a1d52
[  812.100012] kvm_amd: asid:               12
[  812.100013] kvm_amd: tlb_ctl:            0
[  812.100014] kvm_amd: int_ctl:            07000200
[  812.100015] kvm_amd: int_vector:         00000041
[  812.100016] kvm_amd: exit_code:          ffffffff
[  812.100017] kvm_amd: exit_info1:         0000000000000000
[  812.100018] kvm_amd: exit_int_info:      80000b0e
[  812.100019] kvm_amd: exit_int_info_err:  00000004
[  812.100020] kvm_amd: nested_ctl:         1
[  812.100021] kvm_amd: nested_cr3:         0000000105b2c000
[  812.100022] kvm_amd: virt_ext:           2
[  812.100023] kvm_amd: bus_lock_limit:     7
[  812.100024] kvm_amd: VMCB State Save Area:
[  812.100025] kvm_amd: es:   s: 0000 a: 0000 l: 00000000 b: 0000000000000000
[  812.100026] kvm_amd: cs:   s: 0010 a: 029b l: ffffffff b: 0000000000000000
[  812.100027] kvm_amd: gdtr: s: ffff a: ffff l: 0000007f b: fffffe0000001000
[  812.100028] kvm_amd: cpl:            0                efer:         0000000000001d01
[  812.100029] kvm_amd: cr0:            0000000080050033 cr2:          00007f2a10000ff8
[  812.100030] kvm_amd: cr3:            0000000001000000 cr4:          0000000000000020
[  812.100031] kvm_amd: gpat:           0007040600070402 dbgctl:       0000000000000000
[  812.100032] kvm_amd: excp_from:      0000000000000000 excp_to:      0000000000000001
`

function read(log: string): KvmDump & { readonly ok: true } {
  const dump = parseKvmDump(log)
  if (!dump.ok) throw new Error(dump.message)
  return dump
}

function valueOf(log: string, key: string): bigint | undefined {
  return read(log).values.find(({ field }) => field.key === key)?.value
}

describe('a dump that KVM logged', () => {
  test.each([
    ['control.intercept_vector_0', 0x0110_0010n],
    ['control.intercept_vector_2', 0x0006_0042n],
    ['control.intercept_vector_3', 0xbd4c_8027n],
    ['control.intercept_vector_4', 0x667fn],
    ['control.pause_filter_count', 3000n],
    ['control.pause_filter_threshold', 128n],
    ['control.tsc_offset', 0xffff_fe2b_7c0a_1d52n],
    ['control.asid', 12n],
    ['control.virtual_interrupt', 0x41_0700_0200n],
    ['control.exit_code', 0xffff_ffff_ffff_ffffn],
    ['control.exit_int_info', 0x4_8000_0b0en],
    ['control.nested_control', 1n],
    ['control.virtualization_extensions', 2n],
    ['save.cs.attrib', 0x29bn],
    ['save.gdtr.limit', 0x7fn],
    ['save.gdtr.base', 0xffff_fe00_0000_1000n],
    ['save.cpl', 0n],
    ['save.efer', 0x1d01n],
    ['save.cr2', 0x7f2a_1000_0ff8n],
    ['save.g_pat', 0x0007_0406_0007_0402n],
    ['save.lastexcpto', 1n],
  ])('gives %s', (key, value) => {
    expect(valueOf(LOG, key)).toBe(value)
  })

  test('gives an image of which the checks say what VMRUN refused', () => {
    const { image } = read(LOG)
    const view = imageView(new DataView(image.buffer))
    const failed = failedChecks(view, modelFacts(createCpuModel('default')))
    expect(failed.map(({ field }) => field)).toEqual(['save.g_pat'])
  })

  test('with labels that are not known says so, by line', () => {
    expect(read(LOG).notes).toEqual(['line 24: "bus_lock_limit" is not known'])
  })

  test('with intercepts as one number has them in two vectors', () => {
    const old = LOG.replace('bd4c8027 0000667f', '0000667fbd4c8027')
    expect(valueOf(old, 'control.intercept_vector_3')).toBe(0xbd4c_8027n)
    expect(valueOf(old, 'control.intercept_vector_4')).toBe(0x667fn)
  })

  test('followed by another one is read alone', () => {
    const both = LOG + LOG.replace('asid:               12', 'asid:               13')
    expect(valueOf(both, 'control.asid')).toBe(12n)
    expect(read(both).notes.join()).toContain('begins another VMCB')
  })

  test('is read without what the log puts before the lines, and in part', () => {
    expect(valueOf('cr0:            0000000080050033 cr2:          0000000000000000', 'save.cr0')).toBe(
      0x8005_0033n,
    )
  })
})

test.each([[''], ['nothing of the kind'], ['x'.repeat(1_000_001)]])('%.20s is no dump', (log) => {
  expect(parseKvmDump(log).ok).toBe(false)
})

test('a number that its field cannot hold is left out with a note', () => {
  const { notes } = read('asid: 99999999999\ncpl: 1')
  expect(notes).toEqual(['line 1: "asid" has more than 32 bits: 99999999999'])
})

test('any text is read without an error, and gives values that fit their fields', () => {
  const lines = fc.oneof(fc.constantFrom(...LOG.split('\n')), fc.string())
  fc.assert(
    fc.property(fc.array(lines), (log) => {
      const dump = parseKvmDump(log.join('\n'))
      if (dump.ok)
        for (const { field, value } of dump.values) expect(BigInt.asUintN(field.bytes * 8, value)).toBe(value)
    }),
  )
})
