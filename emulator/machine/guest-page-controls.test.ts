/** VMCB offset 090h end to end: the guest mode execute trap and read-only guest page tables (APM vol 2 §15.25.5, §15.25.13). */
import { describe, expect, test } from 'vitest'
import { GUEST, mapNestedPages, NESTED_PAGING, runGuest, type GuestRun } from './guest.fixture.ts'
import { START } from './start.ts'

const EXECUTE_TRAP = 1n << 3n
const READ_ONLY_TABLES = 1n << 6n
const US = 4n
const NX = 1n << 63n
/** The host sets EFER.NXE, then runs the guest. */
const HOST_WITH_NX = `
    mov ecx, 0c0000080h
    rdmsr
    or eax, 800h
    wrmsr
    mov rax, 20000h
    vmrun
    hlt`

/** Runs a guest that calls its host at once; `entry` gives the nested entry of each page of its memory. */
function runWith(control: bigint, entry: (page: number) => bigint, cpu = 'default'): GuestRun {
  const pages = Object.fromEntries(Array.from({ length: 256 }, (_, page) => [page, entry(page)]))
  return runGuest(
    'vmmcall',
    { ...NESTED_PAGING, 'control.nested_control': 1n | control },
    (machine) => mapNestedPages(machine, pages),
    HOST_WITH_NX,
    { cpu },
  )
}

const identity = (page: number): bigint => BigInt(page * 4096) | 7n
/** The guest's code for supervisors, its other memory for users. */
const supervisorCode = (page: number): bigint =>
  page === GUEST >> 12 ? identity(page) & ~US : identity(page)

describe('the guest mode execute trap', () => {
  test('lets supervisors execute pages with U/S = 0', () => {
    expect(runWith(EXECUTE_TRAP, supervisorCode).field('control.exit_code')).toBe(0x81n)
  })

  test.each([
    ['U/S = 1', identity],
    ['NX', (page: number) => supervisorCode(page) | (page === GUEST >> 12 ? NX : 0n)],
  ])('exits when a supervisor executes a page with %s', (_, entry) => {
    const { field } = runWith(EXECUTE_TRAP, entry)
    expect(field('control.exit_code')).toBe(0x400n)
    expect(field('control.exit_info_1')).toBe(0x1_0000_0011n)
    expect(field('control.exit_info_2')).toBe(BigInt(GUEST))
  })

  test('is off when its bit is 0: then every page needs U/S = 1', () => {
    expect(runWith(0n, identity).field('control.exit_code')).toBe(0x81n)
    const { field } = runWith(0n, supervisorCode)
    expect(field('control.exit_info_1')).toBe(0x1_0000_0015n)
  })

  test('and read-only guest page tables do nothing on a processor without them', () => {
    const { field } = runWith(EXECUTE_TRAP | READ_ONLY_TABLES, identity, 'default,-gmet,-rogpt')
    expect(field('control.exit_code')).toBe(0x81n)
  })
})

describe('read-only guest page tables', () => {
  const FIRST = START.pml4 >> 12
  /** All tables of the start state are in the pages up to the GDT. */
  const readOnly = (page: number): bigint =>
    page >= FIRST && page < START.gdt >> 12 ? identity(page) & ~2n : identity(page)

  test('are needed to walk tables that the nested tables protect against stores', () => {
    const { field } = runWith(0n, readOnly)
    expect(field('control.exit_info_1')).toBe(0x2_0000_0007n)
    expect(field('control.exit_info_2')).toBe(BigInt(START.pml4))
  })

  test('allow that while the accessed bits are set, as the host has left them by its own accesses', () => {
    expect(runWith(READ_ONLY_TABLES, readOnly).field('control.exit_code')).toBe(0x81n)
  })
})
