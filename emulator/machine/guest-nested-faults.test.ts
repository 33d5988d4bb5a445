/** Nested page faults of every kind of access, end to end (APM vol 2 §15.25.6; EXITINTINFO §15.7.2). */
import { describe, expect, test } from 'vitest'
import {
  GUEST,
  IOPM,
  mapNestedPages,
  NESTED,
  NESTED_PAGING,
  runGuest,
  type GuestRun,
} from './guest.fixture.ts'
import type { Machine } from './machine.ts'
import { START } from './start.ts'

/** Runs a guest under nested pages of 4 KB, of which `pages` changes some. */
function runNested(
  code: string,
  pages: Readonly<Record<number, bigint>>,
  changes: Readonly<Record<string, bigint>> = {},
  prepare: (machine: Machine) => void = () => undefined,
): GuestRun {
  return runGuest(code, { ...NESTED_PAGING, ...changes }, (machine) => {
    mapNestedPages(machine, pages)
    prepare(machine)
  })
}

function faultOf({ field }: GuestRun): { info1: bigint; info2: bigint; event: bigint } {
  expect(field('control.exit_code')).toBe(0x400n)
  expect(field('control.n_rip')).toBe(0n)
  const [info1, info2, event] = ['exit_info_1', 'exit_info_2', 'exit_int_info'].map((key) =>
    field(`control.${key}`),
  )
  return { info1, info2, event }
}

/** Nested entries of page 60h: not present, for supervisors, read-only, with a reserved bit. */
const ABSENT = { 0x60: 0n }
const SUPERVISOR = { 0x60: 0x6_0003n }
const READ_ONLY = { 0x60: 0x6_0005n }
const RESERVED = { 0x60: 0x6_0007n | (1n << 51n) }

describe('an access', () => {
  // EXITINFO1: 32 final address, 33 guest table; 4 fetch, 3 reserved, 2 user, 1 write, 0 present.
  test.each([
    ['that reads an absent page', 'mov eax, [60123h]', ABSENT, 0x1_0000_0004n, 0x6_0123n],
    ['that reads a supervisor page', 'mov eax, [60123h]', SUPERVISOR, 0x1_0000_0005n, 0x6_0123n],
    ['that writes a read-only page', 'mov [60123h], eax', READ_ONLY, 0x1_0000_0007n, 0x6_0123n],
    ['that reads and writes a read-only page', 'add [60123h], eax', READ_ONLY, 0x1_0000_0007n, 0x6_0123n],
    ['of a CMPXCHG that fails', 'cmpxchg [60123h], ebx', READ_ONLY, 0x1_0000_0007n, 0x6_0123n],
    ['through a reserved bit', 'mov eax, [60123h]', RESERVED, 0x1_0000_000dn, 0x6_0123n],
    ['whose second page is absent', 'mov eax, [5ffffh]', ABSENT, 0x1_0000_0004n, 0x6_0000n],
    ['that pushes below an absent page', 'mov esp, 60004h\npush rax', ABSENT, 0x1_0000_0006n, 0x6_0000n],
  ])('%s', (_, code, pages, info1, info2) => {
    const run = runNested(code, pages)
    expect(faultOf(run)).toEqual({ info1, info2, event: 0n })
    expect(run.field('control.instruction_bytes_fetched')).toBe(15n)
  })

  test('that crosses into a read-only page stores nothing before it', () => {
    const run = runNested('mov dword [5fffeh], 0ffffffffh', READ_ONLY)
    expect(faultOf(run)).toMatchObject({ info1: 0x1_0000_0007n, info2: 0x6_0000n })
    expect([...run.machine.readMemory(0x5_fffe, 2)]).toEqual([0, 0])
  })

  test('through a guest table in a read-only page faults on the table', () => {
    expect(faultOf(runNested('vmmcall', { 1: 0x1005n }))).toMatchObject({
      info1: 0x2_0000_0007n,
      info2: BigInt(START.pml4),
    })
  })

  test('that fetches the second half of an instruction', () => {
    const run = runNested(`jmp across\ntimes 0ffeh - ($ - $$ - 1000h) db 90h\nacross: mov eax, 12345678h`, {
      0x12: 0n,
    })
    expect(faultOf(run)).toMatchObject({ info1: 0x1_0000_0004n, info2: 0x1_2000n })
    expect(run.field('save.rip')).toBe(BigInt(GUEST + 0xffe))
    expect(run.field('control.instruction_bytes_fetched')).toBe(0n)
  })

  test('to the GDT for a segment register', () => {
    const tables = { 'save.gdtr.base': 0x6_0000n, 'save.gdtr.limit': 0xffn }
    const run = runNested('mov eax, 10h\nmov ds, eax', ABSENT, tables)
    expect(faultOf(run)).toEqual({ info1: 0x1_0000_0004n, info2: 0x6_0010n, event: 0n })
    expect(run.field('save.rip')).toBe(BigInt(GUEST + 5))
  })
})

describe('an event whose gate is on an absent page is in EXITINTINFO', () => {
  const idt = { 'save.idtr.base': 0x6_0000n, 'save.idtr.limit': 0xfffn }
  test.each([
    ['INTn', 'int 20h', {}, 0x8000_0420n, 0],
    ['INT3', 'int3', {}, 0x8000_0303n, 0],
    ['an exception', 'ud2', {}, 0x8000_0306n, 0],
    ['an injected exception', 'nop', { 'control.event_inj': 0x7_8000_0b0en }, 0x7_8000_0b0en, 0],
    [
      'a virtual interrupt',
      'nop\nsti\nnop',
      { 'control.virtual_interrupt': 0x33_001f_0100n },
      0x8000_0033n,
      3,
    ],
  ])('%s', (_, code, changes, event, at) => {
    const run = runNested(code, ABSENT, { ...idt, ...changes })
    expect(faultOf(run)).toEqual({
      info1: 0x1_0000_0004n,
      info2: 0x6_0000n + (event & 0xffn) * 16n,
      event,
    })
    expect(run.field('save.rip')).toBe(BigInt(GUEST + at))
    // V_IRQ is cleared before the IDT is touched.
    expect(run.field('control.virtual_interrupt') & 0x100n).toBe(0n)
  })
})

test('REP INSB exits for its port first, then faults with the elements before it done', () => {
  const code = 'mov dx, 60h\nmov ecx, 3\nmov edi, 5ffffh\nrep insb'
  const intercepted = runNested(
    code,
    ABSENT,
    { 'control.intercept_vector_3': 1n << 27n, 'control.iopm_base_pa': BigInt(IOPM) },
    (machine) => machine.load(IOPM + 0x60 / 8, Uint8Array.of(1)),
  )
  expect(intercepted.field('control.exit_code')).toBe(0x7bn)
  // 31:16 port, 9 A64, 4 SZ8, 3 REP, 2 STR, 0 IN.
  expect(intercepted.field('control.exit_info_1')).toBe(0x60_021dn)
  const faulted = runNested(code, ABSENT)
  expect(faultOf(faulted)).toMatchObject({ info1: 0x1_0000_0006n, info2: 0x6_0000n })
  expect(faulted.machine.inspect().general).toMatchObject({ rcx: 2n, rdi: 0x6_0000n })
})

test('the walk sets A in nested entries, and D where a page is written or holds a guest table', () => {
  const { machine } = runNested('mov eax, [60123h]\nmov [61123h], eax\nvmmcall', {})
  const flags = [0x60, 0x61, GUEST >> 12, 1, 2, 3].map(
    (page) => machine.readMemory(NESTED + 0x3000 + page * 8, 1)[0],
  )
  expect(flags).toEqual([0x27, 0x67, 0x27, 0x67, 0x67, 0x67])
})
