/** Guests end to end: assembled code, page tables and a VMCB in memory; what each #VMEXIT leaves (APM vol 2 chapter 15). */
import { describe, expect, test } from 'vitest'
import { findField, VMCB_BYTES, writeField } from '../svm/index.ts'
import { GUEST, IOPM, loadWords, LONG_GUEST, MSRPM, NESTED_PAGING, runGuest, VMCB } from './guest.fixture.ts'
import { machineWith } from './machine.fixture.ts'
import { START } from './start.ts'

describe('a guest that calls its host', () => {
  test('comes back behind VMRUN with its registers in the VMCB', () => {
    const { machine, field, exits } = runGuest('mov eax, 1234h\nmov ebx, 7\nvmmcall')
    expect(exits.map(({ code }) => code)).toEqual([0x81n])
    expect(field('control.exit_code')).toBe(0x81n)
    expect(field('save.rax')).toBe(0x1234n)
    expect(field('save.rip')).toBe(BigInt(GUEST + 10))
    expect(field('control.n_rip')).toBe(BigInt(GUEST + 13))
    const { general } = machine.inspect()
    expect(general.rax).toBe(BigInt(VMCB))
    expect(general.rbx).toBe(7n)
  })

  test('goes on behind VMMCALL when the host sets rIP to nRIP', () => {
    const machine = machineWith(`
    mov rax, ${VMCB}
    mov ecx, 3
  again:
    vmrun
    mov rbx, [rax + 0c8h]
    mov [rax + 578h], rbx
    loop again
    hlt
    times ${GUEST - START.program} - ($ - $$) db 0
    inc esi
    vmmcall
    inc esi
    vmmcall
    inc esi
    vmmcall`)
    const image = new DataView(new ArrayBuffer(VMCB_BYTES))
    for (const [key, value] of Object.entries(LONG_GUEST)) writeField(image, findField(key)!, value)
    machine.load(VMCB, new Uint8Array(image.buffer))
    expect(machine.run(100).reason).toBe('halted-forever')
    expect(machine.inspect().general.rsi).toBe(3n)
  })
})

describe('intercepted instructions', () => {
  test.each([
    ['cpuid', 3, 0x72n, 1n << 18n, 2],
    ['hlt', 3, 0x78n, 1n << 24n, 1],
    ['rdtsc', 3, 0x6en, 1n << 14n, 2],
    ['pushf', 3, 0x70n, 1n << 16n, 1],
    ['clts', 0, 0x10n, 1n << 16n, 2],
    ['mov rdx, cr3', 0, 0x03n, 1n << 3n, 3],
    ['int 80h', 3, 0x75n, 1n << 21n, 2],
  ])('%s exits at itself, nRIP behind it', (instruction, vector, code, intercept, length) => {
    const { field } = runGuest(instruction, { [`control.intercept_vector_${vector}`]: intercept })
    expect(field('control.exit_code')).toBe(code)
    expect(field('save.rip')).toBe(BigInt(GUEST))
    expect(field('control.n_rip')).toBe(BigInt(GUEST + length))
  })

  test('MOV CR says which register, CLTS says that it is no MOV', () => {
    const mov = runGuest('mov cr3, r9', { 'control.intercept_vector_0': 1n << 19n })
    expect(mov.field('control.exit_info_1')).toBe((1n << 63n) | 9n)
    const clts = runGuest('clts', { 'control.intercept_vector_0': 1n << 16n })
    expect(clts.field('control.exit_info_1')).toBe(0n)
  })

  test('IN of a protected port exits with port, size and direction, and the next rIP', () => {
    const { field } = runGuest(
      'mov dx, 60h\nin al, dx\nvmmcall',
      { 'control.intercept_vector_3': 1n << 27n, 'control.iopm_base_pa': BigInt(IOPM) },
      (machine) => machine.load(IOPM + 0x60 / 8, Uint8Array.of(1)),
    )
    expect(field('control.exit_code')).toBe(0x7bn)
    // 31:16 port, 9 A64, 4 SZ8, 0 IN.
    expect(field('control.exit_info_1') & 0xffff_e3ffn).toBe(0x0060_0211n)
    expect(field('control.exit_info_2')).toBe(BigInt(GUEST + 5))
  })

  test('WRMSR of a bad PAT exits when it is protected, rather than raising #GP', () => {
    const { field } = runGuest(
      'mov ecx, 277h\nmov eax, 2\nxor edx, edx\nwrmsr',
      { 'control.intercept_vector_3': 1n << 28n, 'control.msrpm_base_pa': BigInt(MSRPM) },
      (machine) => machine.load(MSRPM + 0x9d, Uint8Array.of(0x80)),
    )
    expect(field('control.exit_code')).toBe(0x7cn)
    expect(field('control.exit_info_1')).toBe(1n)
  })
})

describe('intercepted exceptions', () => {
  test('#UD exits at the instruction, without nRIP', () => {
    const { field } = runGuest('nop\nud2', { 'control.intercept_vector_2': 1n << 6n })
    expect(field('control.exit_code')).toBe(0x46n)
    expect(field('save.rip')).toBe(BigInt(GUEST + 1))
    expect(field('control.n_rip')).toBe(0n)
  })

  test('#PF gives address and error code, leaves CR2 alone and shows the instruction', () => {
    const { field } = runGuest('mov rbx, 0000123400005678h\nmov [rbx], eax', {
      'control.intercept_vector_2': 1n << 14n,
      'save.cr2': 0x77n,
    })
    expect(field('control.exit_code')).toBe(0x4en)
    expect(field('control.exit_info_1')).toBe(2n)
    expect(field('control.exit_info_2')).toBe(0x0000_1234_0000_5678n)
    expect(field('save.cr2')).toBe(0x77n)
    expect(field('control.instruction_bytes_fetched')).toBe(15n)
    expect(field('control.instruction_bytes') & 0xffffn).toBe(0x0389n)
  })

  test('a triple fault exits when shutdown is intercepted', () => {
    const { field } = runGuest('ud2', { 'control.intercept_vector_3': 1n << 31n })
    expect(field('control.exit_code')).toBe(0x7fn)
  })
})

describe('nested paging', () => {
  test('a write beyond the nested map exits with the guest-physical address', () => {
    const { field } = runGuest('mov ebx, 40000123h\nmov [rbx], eax', NESTED_PAGING)
    expect(field('control.exit_code')).toBe(0x400n)
    // 32 final address, 2 user, 1 write; not present.
    expect(field('control.exit_info_1')).toBe(0x1_0000_0006n)
    expect(field('control.exit_info_2')).toBe(0x4000_0123n)
    expect(field('control.n_rip')).toBe(0n)
  })

  test('guest page tables outside the nested map exit on the walk', () => {
    const { field } = runGuest('vmmcall', { ...NESTED_PAGING, 'save.cr3': 0x4000_0000n })
    expect(field('control.exit_code')).toBe(0x400n)
    expect(field('control.exit_info_1')).toBe(0x2_0000_0006n)
    expect(field('control.exit_info_2')).toBe(0x4000_0000n)
  })

  test('the guest has a PAT of its own: WRMSR reaches G_PAT and not the host', () => {
    const guest = 'mov ecx, 277h\nmov eax, 01010101h\nxor edx, edx\nwrmsr\nvmmcall'
    const nested = runGuest(guest, NESTED_PAGING)
    expect(nested.field('save.g_pat')).toBe(0x0101_0101n)
    expect(nested.machine.inspect().system.pat).toBe(0x0007_0406_0007_0406n)
    const shared = runGuest(guest, { 'save.g_pat': 5n })
    expect(shared.field('save.g_pat')).toBe(5n)
    expect(shared.machine.inspect().system.pat).toBe(0x0101_0101n)
  })
})

test('a real-mode guest runs under a 64-bit host', () => {
  const { field } = runGuest('bits 16\nmov ax, 1234h\nvmmcall', {
    'save.efer': 0x1000n,
    'save.cr0': 0x10n,
    'save.cr4': 0n,
    'save.cs.attrib': 0x9bn,
    'save.cs.limit': 0xffffn,
    'save.cs.base': BigInt(GUEST),
    'save.rip': 0n,
  })
  expect(field('control.exit_code')).toBe(0x81n)
  expect(field('save.rax')).toBe(0x1234n)
  expect(field('save.rip')).toBe(3n)
})

test("an event is injected before the first instruction, through the guest's own IDT", () => {
  const idt = 0x6_0000
  const { field } = runGuest(
    'ud2\nhandler: mov eax, 99\nvmmcall',
    {
      'control.event_inj': 0x8000_0020n,
      'save.idtr.base': BigInt(idt),
      'save.idtr.limit': 0xfffn,
      'save.gdtr.base': BigInt(START.gdt),
      'save.gdtr.limit': 0x1fn,
    },
    (machine) => {
      const handler = BigInt(GUEST + 2)
      // A 64-bit interrupt gate: offset 15:0, selector, type, offset 31:16.
      const gate = (handler & 0xffffn) | (8n << 16n) | (0x8en << 40n) | ((handler >> 16n) << 48n)
      loadWords(machine, idt + 0x20 * 16, [gate, 0n])
    },
  )
  expect(field('control.exit_code')).toBe(0x81n)
  expect(field('save.rax')).toBe(99n)
  expect(field('control.event_inj')).toBe(0x20n)
})
