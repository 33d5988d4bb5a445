/** Exceptions, traps and injected events of guests, end to end (APM vol 2 §15.7, §15.12, §15.20). */
import { describe, expect, test } from 'vitest'
import { GUEST, loadWords, runGuest, VMCB } from './guest.fixture.ts'
import type { Machine } from './machine.ts'
import { START } from './start.ts'

const IDT = 0x6_0000
/** An IDT of 64-bit gates in `IDT` and the GDT that machines start with. */
const TABLES = {
  'save.idtr.base': BigInt(IDT),
  'save.idtr.limit': 0xfffn,
  'save.gdtr.base': BigInt(START.gdt),
  'save.gdtr.limit': 0x1fn,
}

function setGate(machine: Machine, vector: number, handler: number): void {
  const offset = BigInt(handler)
  const gate = (offset & 0xffffn) | (8n << 16n) | (0x8en << 40n) | ((offset >> 16n) << 48n)
  loadWords(machine, IDT + vector * 16, [gate, 0n])
}

const exceptions = (...vectors: number[]): bigint => vectors.reduce((bits, n) => bits | (1n << BigInt(n)), 0n)

describe('single-stepping', () => {
  const intercepted = { 'control.intercept_vector_2': exceptions(1), 'save.rflags': 0x102n }

  test('traps a guest after its first instruction', () => {
    const { field } = runGuest('nop\nnop\nvmmcall', intercepted)
    expect(field('control.exit_code')).toBe(0x41n)
    expect(field('save.rip')).toBe(BigInt(GUEST + 1))
  })

  test('traps it there also when the host single-steps, and the host behind VMRUN', () => {
    const { machine, field } = runGuest(
      'nop\nnop\nvmmcall',
      intercepted,
      (machine) => {
        setGate(machine, 1, START.program + 0x100)
        machine.load(START.program + 0x100, Uint8Array.of(0xf4))
      },
      `
    lidt [table]
    mov rax, ${VMCB}
    pushf
    or qword [rsp], 100h
    popf
    vmrun
  behind:
    nop
    hlt
  table: dw 0fffh
    dq ${IDT}`,
    )
    expect(field('control.exit_code')).toBe(0x41n)
    expect(field('save.rip')).toBe(BigInt(GUEST + 1))
    const raised = machine.events.since().filter((event) => event.kind === 'delivered')
    expect(raised).toMatchObject([{ vector: 1 }])
    // The frame of the #DB: rIP behind VMRUN.
    const stack = new DataView(machine.readMemory(START.stackTop - 40, 8).buffer)
    expect(Number(stack.getBigUint64(0, true))).toBeGreaterThan(START.program)
  })
})

describe('an exception that another one follows', () => {
  test('writes CR2 also when the #PF becomes an intercepted #DF', () => {
    const { field } = runGuest('mov rbx, 0000123400005678h\nmov [rbx], eax', {
      'control.intercept_vector_2': exceptions(8),
      'save.idtr.base': 0x5555_0000_0000n,
      'save.idtr.limit': 0xfffn,
    })
    expect(field('control.exit_code')).toBe(0x48n)
    // EXITINTINFO is the first #PF; the second hit reading its gate.
    expect(field('control.exit_int_info')).toBe(0x2_8000_0b0en)
    expect(field('save.cr2')).toBe(0x5555_0000_00e0n)
  })

  test('exits before they combine into #DF, with the first in EXITINTINFO', () => {
    const { field } = runGuest('ud2', { 'control.intercept_vector_2': exceptions(8, 13) })
    expect(field('control.exit_code')).toBe(0x4dn)
    expect(field('control.exit_info_1')).toBe(0x32n)
    expect(field('control.exit_int_info')).toBe(0x8000_0306n)
  })

  test('shows their combination in EXITINTINFO when a third is intercepted', () => {
    const { field } = runGuest(
      'ud2',
      { ...TABLES, 'control.intercept_vector_2': exceptions(14), 'save.rsp': 0x1234_0000_0000n },
      (machine) => {
        // The gates of #UD and #GP name a selector that does not exist, and there is no stack for #DF's frame.
        for (const vector of [6, 13]) loadWords(machine, IDT + vector * 16, [0x8e00_fff8_0000n, 0n])
        setGate(machine, 8, GUEST)
      },
    )
    expect(field('control.exit_code')).toBe(0x4en)
    expect(field('control.exit_info_2')).toBe(0x1233_ffff_fff8n)
    expect(field('control.exit_int_info')).toBe(0x8000_0b08n)
  })

  test('zeroes nRIP, although BOUND began it', () => {
    const { field } = runGuest('bits 32\nmov eax, 9\nbound eax, [zeros]\nzeros: dd 0, 0', {
      'control.intercept_vector_2': exceptions(13),
      'save.efer': 0x1000n,
      'save.cr0': 0x11n,
      'save.cs.attrib': 0xc9bn,
      'save.cs.limit': 0xffff_ffffn,
      'save.ds.attrib': 0xc93n,
      'save.ds.limit': 0xffff_ffffn,
    })
    expect(field('control.exit_code')).toBe(0x4dn)
    expect(field('control.exit_int_info')).toBe(0x8000_0305n)
    expect(field('control.n_rip')).toBe(0n)
  })
})

test('RSM exits when it is intercepted and is undefined otherwise', () => {
  const intercepts = { 'control.intercept_vector_2': exceptions(6) }
  expect(runGuest('rsm', intercepts).field('control.exit_code')).toBe(0x46n)
  const { field } = runGuest('rsm', { ...intercepts, 'control.intercept_vector_3': 1n << 19n })
  expect(field('control.exit_code')).toBe(0x73n)
  expect(field('control.n_rip')).toBe(BigInt(GUEST + 2))
})
