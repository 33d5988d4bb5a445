import { describe, expect, it } from 'vitest'
import { EXIT_CODES } from '../state/exit-codes.ts'
import { interceptCode, bitMask } from './bits.ts'
import {
  fieldAt,
  findBits,
  findField,
  offsetOf,
  readField,
  VMCB_BYTES,
  VMCB_FIELDS,
  vmcbField,
  writeField,
} from './fields.ts'
import { svmInclude } from './include.ts'

describe('the VMCB field table', () => {
  it('lists fields by ascending offset, none of them overlapping, all inside 4 KB', () => {
    let end = 0
    for (const field of VMCB_FIELDS) {
      expect(field.offset, field.key).toBeGreaterThanOrEqual(end)
      end = field.offset + field.bytes
    }
    expect(end).toBeLessThanOrEqual(VMCB_BYTES)
  })

  it('keeps control fields below 400h and save fields above', () => {
    for (const { key, offset, bytes } of VMCB_FIELDS) {
      if (key.startsWith('control.')) expect(offset + bytes, key).toBeLessThanOrEqual(0x400)
      else expect(offset, key).toBeGreaterThanOrEqual(0x400)
    }
  })

  it('aligns numbers to their size, but for the run of instruction bytes', () => {
    for (const { key, offset, bytes } of VMCB_FIELDS) {
      if (bytes <= 8 && key !== 'control.instruction_bytes') expect(offset % bytes, key).toBe(0)
    }
  })

  it('names each field once', () => {
    expect(new Set(VMCB_FIELDS.map(({ key }) => key)).size).toBe(VMCB_FIELDS.length)
  })

  it('keeps bit fields inside their field and apart from each other', () => {
    for (const { key, bytes, bits } of VMCB_FIELDS) {
      let taken = 0n
      for (const bit of bits?.bits ?? []) {
        expect(taken & bitMask(bit), `${key}.${bit.key}`).toBe(0n)
        taken |= bitMask(bit)
      }
      expect(taken >> BigInt(bytes * 8), key).toBe(0n)
    }
  })

  // Offsets of APM vol 2 tables B-1 and B-2 (the latter plus 400h).
  it.each([
    ['control.intercept_vector_4', 0x010, 4],
    ['control.iopm_base_pa', 0x040, 8],
    ['control.msrpm_base_pa', 0x048, 8],
    ['control.asid', 0x058, 4],
    ['control.tlb_control', 0x05c, 1],
    ['control.virtual_interrupt', 0x060, 8],
    ['control.exit_code', 0x070, 8],
    ['control.exit_int_info', 0x088, 8],
    ['control.nested_control', 0x090, 8],
    ['control.event_inj', 0x0a8, 8],
    ['control.n_cr3', 0x0b0, 8],
    ['control.clean_bits', 0x0c0, 4],
    ['control.n_rip', 0x0c8, 8],
    ['control.instruction_bytes', 0x0d1, 15],
    ['save.cs.attrib', 0x412, 2],
    ['save.gdtr.limit', 0x464, 4],
    ['save.tr.base', 0x498, 8],
    ['save.cpl', 0x4cb, 1],
    ['save.efer', 0x4d0, 8],
    ['save.perf_ctr5', 0x538, 8],
    ['save.cr4', 0x548, 8],
    ['save.cr3', 0x550, 8],
    ['save.cr0', 0x558, 8],
    ['save.dr7', 0x560, 8],
    ['save.dr6', 0x568, 8],
    ['save.rflags', 0x570, 8],
    ['save.rip', 0x578, 8],
    ['save.rsp', 0x5d8, 8],
    ['save.rax', 0x5f8, 8],
    ['save.kernel_gs_base', 0x620, 8],
    ['save.cr2', 0x640, 8],
    ['save.g_pat', 0x668, 8],
    ['save.dbgctl', 0x670, 8],
    ['save.ic_ibs_extd_ctl', 0xbc0, 8],
  ])('places %s at %i', (key, offset, bytes) => {
    expect(findField(key)).toMatchObject({ offset, bytes })
  })

  it('finds the field that holds a byte, and none in reserved bytes', () => {
    expect(fieldAt(0x668)?.key).toBe('save.g_pat')
    expect(fieldAt(0x66f)?.key).toBe('save.g_pat')
    expect(fieldAt(0x660)).toBeUndefined()
    expect(fieldAt(0x018)).toBeUndefined()
  })

  it('finds bits of a field by name', () => {
    expect(findBits('control.nested_control.np_enable')?.bit).toMatchObject({ low: 0, width: 1 })
    expect(findBits('save.cs.attrib.dpl')?.bit).toMatchObject({ low: 5, width: 2 })
    expect(findBits('save.g_pat')?.field.offset).toBe(0x668)
    expect(findBits('save.g_pat.pa9')).toBeUndefined()
    expect(findBits('g_pat')).toBeUndefined()
  })

  it('reads back what it writes, for every width', () => {
    const image = new DataView(new ArrayBuffer(VMCB_BYTES))
    for (const field of VMCB_FIELDS.filter(({ bytes }) => bytes <= 8)) {
      const value = 0x8899_aabb_ccdd_eeffn & ((1n << BigInt(field.bytes * 8)) - 1n)
      writeField(image, field, value)
      expect(readField(image, field), field.key).toBe(value)
    }
  })

  it('throws on names that do not exist', () => {
    expect(() => vmcbField('save.nothing')).toThrow('save.nothing')
    expect(offsetOf('save.cr2')).toBe(0x640)
  })
})

describe('intercepts', () => {
  it('have the exit code as their bit position', () => {
    expect(interceptCode('vmrun')).toBe(0x80)
    expect(interceptCode('cr0_write')).toBe(0x10)
    expect(interceptCode('idle_hlt')).toBe(0xa6)
    for (const name of ['excp14', 'exception_14', 'pf', 'PF']) expect(interceptCode(name)).toBe(0x4e)
  })

  it('do not confuse the NMI with exception vector 2', () => {
    expect(interceptCode('nmi')).toBe(0x61)
  })

  it('do not include exits that no intercept bit selects', () => {
    expect(interceptCode('npf')).toBeUndefined()
    expect(interceptCode('invalid')).toBeUndefined()
  })

  it('lie in the six vectors of the control area, every one once', () => {
    const bits = VMCB_FIELDS.filter(({ key }) => key.startsWith('control.intercept_vector')).flatMap(
      (field) => field.bits!.bits.map((bit) => (field.offset / 4) * 32 + bit.low),
    )
    expect(bits).toEqual(EXIT_CODES.map(({ code }) => code).filter((code) => code >= 0 && code <= 0xa6))
  })
})

describe('svm.inc', () => {
  const lines = svmInclude().split('\n')
  const value = (name: string): string | undefined =>
    lines.find((line) => line.startsWith(`${name} `))?.match(/equ (\S+)/)?.[1]

  it('names fields, bits, intercepts and exit codes', () => {
    expect(value('VMCB_SAVE_G_PAT')).toBe('0x668')
    expect(value('VMCB_SAVE_CS_SELECTOR')).toBe('0x410')
    expect(value('VMCB_NP_ENABLE')).toBe('0x1')
    expect(value('VMCB_V_INTR_PRIO')).toBe('0xf0000')
    expect(value('VMCB_V_INTR_PRIO_SHIFT')).toBe('0x10')
    expect(value('INTERCEPT_VMMCALL')).toBe('0x2')
    expect(value('EFER_SVME')).toBe('0x1000')
    expect(value('VMEXIT_VMMCALL')).toBe('0x81')
    expect(value('VMEXIT_INVALID')).toBe('0xffffffffffffffff')
  })

  it('defines no name twice', () => {
    const names = lines
      .filter((line) => line !== '' && !line.startsWith(';'))
      .map((line) => line.split(' ')[0])
    expect(new Set(names).size).toBe(names.length)
  })
})
