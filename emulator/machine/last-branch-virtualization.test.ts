/** LBR virtualization: whose the last-branch registers are while a guest runs (APM vol 2 §15.23). */
import { describe, expect, test } from 'vitest'
import { findField, readField, VMCB_BYTES } from '../svm/index.ts'
import { GUEST, runGuest, VMCB } from './guest.fixture.ts'

/** The host records a branch of its own, stops recording or not, and runs the guest; then R8 to R10 get its registers. */
const host = (dbgctl: number): string => `
    mov ecx, 1d9h
    xor edx, edx
    mov eax, 1
    wrmsr
  from:
    jmp to
    nop
  to:
    mov eax, ${dbgctl}
    wrmsr
    mov rax, ${VMCB}
    vmrun
    mov ecx, 1d9h
    rdmsr
    mov r8, rax
    mov ecx, 1dbh
    rdmsr
    mov r9, rax
    inc ecx
    rdmsr
    mov r10, rax
    hlt`

/** Offsets of the labels `from` and `to` of the host behind the machine's first instruction. */
const HOST_FROM = 0x10000n + 14n
const HOST_TO = HOST_FROM + 3n

/** Reads BR_FROM into RBX, then branches from GUEST + 9 and exits. */
const BRANCHING = 'mov ecx, 1dbh\nrdmsr\nmov ebx, eax\njmp over\nnop\nover: vmmcall'
const GUEST_FROM = BigInt(GUEST + 9)
const GUEST_TO = BigInt(GUEST + 12)

const VMCB_STATE = { 'save.dbgctl': 1n, 'save.br_from': 0x111n, 'save.br_to': 0x222n }
const VIRTUALIZED = { ...VMCB_STATE, 'control.virtualization_extensions': 1n }

describe('with LBR virtualization', () => {
  test("the guest has the VMCB's registers, and the host keeps its own", () => {
    const { machine, field } = runGuest(BRANCHING, VIRTUALIZED, undefined, host(0))
    const { rbx, r8, r9, r10 } = machine.inspect().general
    expect(rbx).toBe(0x111n)
    expect([field('save.dbgctl'), field('save.br_from'), field('save.br_to')]).toEqual([
      1n,
      GUEST_FROM,
      GUEST_TO,
    ])
    expect([r8, r9, r10]).toEqual([0n, HOST_FROM, HOST_TO])
  })

  test('a guest that does not record leaves the host recording', () => {
    const { machine, field } = runGuest(BRANCHING, { ...VIRTUALIZED, 'save.dbgctl': 0n }, undefined, host(1))
    const { r8, r9, r10 } = machine.inspect().general
    expect([field('save.dbgctl'), field('save.br_from')]).toEqual([0n, 0x111n])
    expect([r8, r9, r10]).toEqual([1n, HOST_FROM, HOST_TO])
  })

  test('reserved bits of DBGCTL are ignored', () => {
    const { field } = runGuest('vmmcall', { ...VIRTUALIZED, 'save.dbgctl': 0xffff_ffff_ffff_fff8n })
    expect(field('control.exit_code')).toBe(0x81n)
    expect(field('save.dbgctl')).toBe(0x38n)
  })
})

describe('without it', () => {
  test('the guest goes on where the host was, and the host where the guest was', () => {
    const { machine, field } = runGuest(BRANCHING, VMCB_STATE, undefined, host(1))
    const { rbx, r8, r9, r10 } = machine.inspect().general
    expect(rbx).toBe(HOST_FROM)
    expect([r8, r9, r10]).toEqual([1n, GUEST_FROM, GUEST_TO])
    expect([field('save.dbgctl'), field('save.br_from'), field('save.br_to')]).toEqual([1n, 0x111n, 0x222n])
  })

  test('so also on a processor that lacks it, whatever the VMCB says', () => {
    const { machine } = runGuest(BRANCHING, VIRTUALIZED, undefined, host(1), { cpu: 'default,-lbrvirt' })
    expect(machine.inspect().general.r9).toBe(GUEST_FROM)
    const image = new DataView(machine.readMemory(VMCB, VMCB_BYTES).buffer)
    expect(readField(image, findField('save.br_from')!)).toBe(0x111n)
  })
})
