/** The intercepts that come after a write of EFER or a control register (APM vol 2 appendix B, intercept vector 4). */
import { describe, expect, test } from 'vitest'
import { GUEST, runGuest } from './guest.fixture.ts'

const VMRUN_AND_VMMCALL = 3n
const trap = (register: number): bigint => VMRUN_AND_VMMCALL | (1n << BigInt(16 + register))
const EFER_TRAP = VMRUN_AND_VMMCALL | (1n << 15n)

describe('a trapped write', () => {
  test.each([
    ['mov rbx, cr0\n or ebx, 10000h\n mov cr0, rbx', 0, 'save.cr0', 0x8001_0031n, 12],
    ['mov ebx, 7000h\n mov cr2, rbx', 2, 'save.cr2', 0x7000n, 8],
    ['mov rbx, cr3\n mov cr3, rbx', 3, 'save.cr3', 0x1000n, 6],
    ['mov ebx, 0a0h\n mov cr4, rbx', 4, 'save.cr4', 0xa0n, 8],
    ['mov ebx, 5\n mov cr8, rbx', 8, 'control.virtual_interrupt', 5n, 9],
    ['clts', 0, 'save.cr0', 0x8000_0031n, 2],
    ['mov ebx, 3bh\n lmsw bx', 0, 'save.cr0', 0x8000_003bn, 8],
  ])('%s exits behind the instruction, with the new value', (code, register, field, value, length) => {
    const guest = runGuest(`${code}\nvmmcall`, { 'control.intercept_vector_4': trap(register) })
    expect(guest.field('control.exit_code')).toBe(0x90n + BigInt(register))
    expect(guest.field('control.exit_info_1')).toBe(value)
    expect(guest.field(field)).toBe(value)
    expect(guest.field('save.rip')).toBe(BigInt(GUEST + length))
  })

  test('of EFER exits with its new value; one of another MSR does not', () => {
    const write = (msr: string): string => `mov ecx, ${msr}\n mov eax, 1501h\n xor edx, edx\n wrmsr\n vmmcall`
    const efer = runGuest(write('0c0000080h'), { 'control.intercept_vector_4': EFER_TRAP })
    expect(efer.field('control.exit_code')).toBe(0x8fn)
    expect(efer.field('control.exit_info_1')).toBe(0x1501n)
    expect(efer.field('save.efer')).toBe(0x1501n)
    expect(efer.field('save.rip')).toBe(BigInt(GUEST + 14))
    const star = runGuest(write('0c0000081h'), { 'control.intercept_vector_4': EFER_TRAP })
    expect(star.field('control.exit_code')).toBe(0x81n)
  })

  test('that faults does not exit', () => {
    const { field } = runGuest('xor ebx, ebx\n mov cr4, rbx\nvmmcall', {
      'control.intercept_vector_4': trap(4),
      'control.intercept_vector_2': 1n << 13n,
    })
    expect(field('control.exit_code')).toBe(0x4dn)
    expect(field('save.cr4')).toBe(0x20n)
  })

  test('gives way to the intercept before the write', () => {
    const { field } = runGuest('mov ebx, 0a0h\n mov cr4, rbx\nvmmcall', {
      'control.intercept_vector_4': trap(4),
      'control.intercept_vector_0': 1n << 20n,
    })
    expect(field('control.exit_code')).toBe(0x14n)
    expect(field('save.cr4')).toBe(0x20n)
  })

  test('ends the interrupt shadow', () => {
    const code = 'sti\n clts\n vmmcall'
    const trapped = runGuest(code, { 'control.intercept_vector_4': trap(0) })
    expect(trapped.field('control.exit_code')).toBe(0x90n)
    expect(trapped.field('control.interrupt_shadow')).toBe(0n)
    const before = runGuest(code, { 'control.intercept_vector_0': 1n << 16n })
    expect(before.field('control.interrupt_shadow')).toBe(1n)
  })
})

test('reads do not trap', () => {
  const { field } = runGuest('mov rbx, cr0\n smsw ebx\n vmmcall', { 'control.intercept_vector_4': trap(0) })
  expect(field('control.exit_code')).toBe(0x81n)
})
