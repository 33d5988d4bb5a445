import { describe, expect, it } from 'vitest'
import type { VmexitEvent } from '../state/cpu.ts'
import { explainExit } from './explain.ts'
import { svmTest } from './svm.fixture.ts'

function event(code: number, info1 = 0n, info2 = 0n): VmexitEvent {
  return {
    instructions: 1,
    vmcb: 0x1000,
    asid: 1,
    code: BigInt.asUintN(64, BigInt(code)),
    info1,
    info2,
    rip: 0n,
    nextRip: 0n,
    failedChecks: [],
  }
}

describe('explainExit', () => {
  it.each([
    [0x13, (1n << 63n) | 9n, 0n, 'CR3_WRITE', ['MOV CR3, R9']],
    [0x00, 1n << 63n, 0n, 'CR0_READ', ['MOV RAX, CR0']],
    [0x10, 0n, 0n, 'CR0_WRITE', ['CLTS or LMSW']],
    [0x65, (1n << 63n) | 3n, 0n, 'CR0_SEL_WRITE', ['MOV CR0, RBX']],
    [0x37, 2n, 0n, 'DR7_WRITE', ['MOV DR7, RDX']],
    [0x4d, 0x18n, 0n, 'EXCP13', ['#GP: error code 18h']],
    [0x46, 0n, 0n, 'EXCP6', []],
    [
      0x4e,
      6n,
      0x1000n,
      'EXCP14',
      ['#PF: error code 6h, user write, not present', 'linear address 1000h; CR2 is still the old one'],
    ],
    [0x7b, 0x3f8_0211n, 0x4002n, 'IOIO', ['IN, port 3F8h, 1 byte', 'next rIP 4002h']],
    [0x7b, 0x60_0e4cn, 0x4002n, 'IOIO', ['REP OUTS, port 60h, 4 bytes', 'segment DS', 'next rIP 4002h']],
    [0x7c, 1n, 0n, 'MSR', ["WRMSR; the register's number is in ECX"]],
    [0x81, 0n, 0n, 'VMMCALL', []],
    [
      0x400,
      0x2_0000_0007n,
      0x3000n,
      'NPF',
      [
        'EXITINFO1 200000007h: user write, not allowed, while walking the guest page tables',
        'guest-physical address 3000h',
      ],
    ],
    [0x500, 0n, 0n, '500h', []],
  ])('names code %i with EXITINFO %i, %i', (code, info1, info2, name, details) => {
    expect(explainExit(event(code, info1, info2))).toMatchObject({ name, details, checks: [] })
  })

  it('gives for VMEXIT_INVALID every failed check with sentence and manual section', () => {
    const test = svmTest()
    test.set({ 'control.asid': 0n, 'save.efer': 0x500n })
    test.vmrun()
    const { name, code, checks } = explainExit(test.exits[0])
    expect(name).toBe('INVALID')
    expect(code).toBe(0xffff_ffff_ffff_ffffn)
    expect(checks.map(({ field, section }) => [field, section])).toEqual([
      ['save.efer', 'APM vol 2 §15.5.1'],
      ['control.asid', 'APM vol 2 §15.5.1'],
    ])
    expect(checks[0].explanation).toContain('EFER.SVME')
  })
})
