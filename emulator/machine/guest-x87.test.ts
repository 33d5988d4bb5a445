/** x87 and XSAVE across VMRUN and #VMEXIT, which swap neither: a hypervisor must do it (APM vol 2 §15.5.1). */
import { describe, expect, test } from 'vitest'
import { machineWith } from './machine.fixture.ts'
import { LONG_GUEST, runGuest, VMCB } from './guest.fixture.ts'

const OSXSAVE = 1n << 18n
const PAE = 1n << 5n
const XSETBV_INTERCEPT = 1n << 13n

/** A host that sets CR4.OSXSAVE, runs `before`, the guest, then `after`. */
function host(before: string, after: string): string {
  return `
    mov rax, cr4
    or eax, ${OSXSAVE}
    mov cr4, rax
    fninit
    ${before}
    mov rax, ${VMCB}
    vmrun
    ${after}
    hlt`
}

describe('CPUID and CR4.OSXSAVE', () => {
  test('follow the CR4 of who runs: the guest clears it, the host has it back after #VMEXIT', () => {
    const code = `
      mov rax, cr4
      and eax, ~${OSXSAVE}
      mov cr4, rax
      mov eax, 1
      cpuid
      mov ebx, ecx
      vmmcall`
    const after = 'mov eax, 1\ncpuid\nmov edx, ecx'
    const { machine, field } = runGuest(code, { 'save.cr4': PAE | OSXSAVE }, undefined, host('', after))
    expect(field('control.exit_code')).toBe(0x81n)
    const { rbx, rdx } = machine.inspect().general
    expect((rbx >> 27n) & 1n).toBe(0n)
    expect((rdx >> 27n) & 1n).toBe(1n)
    expect(field('save.cr4') & OSXSAVE).toBe(0n)
  })

  test('a processor without XSAVE refuses a guest with CR4.OSXSAVE', () => {
    const { field } = runGuest('vmmcall', { 'save.cr4': PAE | OSXSAVE }, undefined, undefined, {
      cpu: 'default,-xsave',
    })
    expect(field('control.exit_code')).toBe(0xffff_ffff_ffff_ffffn)
  })
})

describe('the XSETBV intercept', () => {
  const intercepts = (LONG_GUEST['control.intercept_vector_4'] ?? 0n) | XSETBV_INTERCEPT

  test('exits with nRIP, for values that would be refused too', () => {
    const { field } = runGuest(
      'xor ecx, ecx\nxor eax, eax\nxor edx, edx\nxsetbv\nvmmcall',
      { 'save.cr4': PAE | OSXSAVE, 'control.intercept_vector_4': intercepts },
      undefined,
      host('', ''),
    )
    expect(field('control.exit_code')).toBe(0x8dn)
    expect(field('control.n_rip') - field('save.rip')).toBe(3n)
  })

  test('does not replace the #UD of a guest without CR4.OSXSAVE', () => {
    const { field } = runGuest('xsetbv', {
      'control.intercept_vector_4': intercepts,
      'control.intercept_vector_2': 1n << 6n,
    })
    expect(field('control.exit_code')).toBe(0x46n)
  })
})

describe('x87', () => {
  test.each([
    ['long', 3n],
    ['protected', 3n],
    ['real', 3n],
  ] as const)('is ready at the start of a %s program, as firmware leaves it', (start, sum) => {
    const bits = { long: 64, protected: 32, real: 16 }[start]
    const source = `bits ${bits}\nfld1\nfld1\nfld1\nfaddp st1, st0\nfaddp st1, st0\nfist word [0x9000]\nmov ebx, [0x9000]\nhlt`
    const machine = machineWith(source, start)
    machine.run(100)
    expect(machine.inspect().general.rbx).toBe(sum)
  })

  test('a guest computes with the registers that its host left, and leaves its own', () => {
    const before = 'fld1\nfldpi'
    const after = 'sub rsp, 8\nfstp qword [rsp]\npop rbx\nfnstsw ax'
    const { machine } = runGuest('faddp st1, st0\nvmmcall', {}, undefined, host(before, after))
    const view = new DataView(new ArrayBuffer(8))
    view.setBigUint64(0, machine.inspect().general.rbx)
    expect(view.getFloat64(0)).toBe(Math.PI + 1)
    expect(machine.inspect().general.rax & 0xffffn).toBe(0x0020n)
  })

  test('the guest TSC of a ratio is the product that the host computes in doubles', () => {
    // 1.75 in the 8.32 fixed-point format of TSC_RATIO.
    const ratio = `
      mov ecx, 0xc0000104
      mov eax, 0xc0000000
      mov edx, 1
      wrmsr`
    const after = `
      push rbx
      fild qword [rsp]
      fld qword [rel factor]
      fmulp st1, st0
      fistp qword [rsp]
      pop rcx
      hlt
    factor: dq 1.75`.replace('dq 1.75', 'dq 0x3ffc000000000000')
    // The guest's TSC is read first; its host's, a few instructions later, is larger by little.
    const guest = 'rdtsc\nmov edi, eax\nvmmcall'
    const { machine } = runGuest(guest, {}, undefined, host(ratio, `rdtsc\nmov ebx, eax${after}`))
    const { rcx, rdi } = machine.inspect().general
    expect(Number(rcx) / Number(rdi)).toBeCloseTo(1, 0)
    expect(rcx).toBeGreaterThan(rdi)
  })

  test('#NM is intercepted with CR0.TS set, and #MF where an exception is pending', () => {
    const ts = runGuest('fld1\nvmmcall', {
      'save.cr0': 0x8000_0039n,
      'control.intercept_vector_2': 1n << 7n,
    })
    expect(ts.field('control.exit_code')).toBe(0x47n)
    const pending = 'fninit\npush 0x37b\nfldcw [rsp]\nfld1\nfldz\nfdivp st1, st0\nfwait\nvmmcall'
    const mf = runGuest(pending, { 'control.intercept_vector_2': 1n << 16n })
    expect(mf.field('control.exit_code')).toBe(0x50n)
  })
})
