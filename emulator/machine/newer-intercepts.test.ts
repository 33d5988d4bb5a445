/** Guests and instructions whose intercepts are in vectors 4 and 5: MONITOR, RDPRU, INVLPGB, INVPCID, bus locks; SPEC_CTRL. */
import { describe, expect, test } from 'vitest'
import { GUEST, runGuest, type GuestRun } from './guest.fixture.ts'

type Fields = Readonly<Record<string, bigint>>

const VECTOR_4 = 'control.intercept_vector_4'
const VECTOR_5 = 'control.intercept_vector_5'
/** VMRUN and VMMCALL, which end a guest that nothing else ends. */
const CALLS = 3n
const onBit = (bit: number): Fields =>
  bit >= 160 ? { [VECTOR_5]: 1n << BigInt(bit - 160) } : { [VECTOR_4]: CALLS | (1n << BigInt(bit - 128)) }
/** #GP and #UD of the guest exit. */
const FAULTS = { 'control.intercept_vector_2': (1n << 6n) | (1n << 13n) }
const VMMCALL = 0x81n
const UD = 0x46n
const GP = 0x4dn

const codeOf = ({ field }: GuestRun): bigint => field('control.exit_code')
const run = (code: string, fields: Fields = {}, cpu = 'default'): GuestRun =>
  runGuest(`${code}\nvmmcall`, { ...FAULTS, ...fields }, undefined, undefined, { cpu })

describe('an intercepted instruction exits at itself; without the intercept it is executed', () => {
  test.each([
    ['monitor', 'mov eax, 60000h\nxor ecx, ecx', 0x8a, 'monitor'],
    ['monitorx', 'mov eax, 60000h\nxor ecx, ecx', 0x8a, 'monitorx'],
    ['mwait', 'xor ecx, ecx', 0x8b, 'monitor'],
    ['mwaitx', 'xor ecx, ecx', 0x8b, 'monitorx'],
    ['rdpru', 'xor ecx, ecx', 0x8e, 'rdpru'],
    ['invpcid rax, [rbx]', 'mov eax, 2\nmov ebx, 60000h', 0xa2, 'invpcid'],
  ])('%s', (instruction, before, code, feature) => {
    const guest = `${before}\n${instruction}`
    expect(codeOf(run(guest, onBit(code)))).toBe(BigInt(code))
    expect(codeOf(run(guest))).toBe(VMMCALL)
    expect(codeOf(run(guest, onBit(code), `default,-${feature}`))).toBe(UD)
  })

  test.each([
    ['invlpgb', 0xa0],
    ['tlbsync', 0xa4],
  ])('%s, which VMCB offset 090h bit 7 must enable', (instruction, code) => {
    const guest = `xor eax, eax\nxor ecx, ecx\nxor edx, edx\n${instruction}`
    expect(codeOf(run(guest, onBit(code)))).toBe(BigInt(code))
    expect(codeOf(run(guest))).toBe(UD)
    expect(codeOf(run(guest, { 'control.nested_control': 0x80n }))).toBe(VMMCALL)
    expect(codeOf(run(guest, { 'control.nested_control': 0x80n }, 'default,-tlbsyncctl'))).toBe(UD)
  })
})

describe('INVPCID', () => {
  test('says where its descriptor is and what its register holds', () => {
    const { field } = run('mov eax, 77h\nmov ebx, 60000h\ninvpcid rax, [rbx + 8]', onBit(0xa2))
    expect(field('control.exit_info_1')).toBe(0x6_0008n)
    expect(field('control.exit_info_2')).toBe(0x77n)
    expect(field('control.n_rip')).toBe(field('save.rip') + 6n)
  })

  test.each([
    ['type 4', 'mov eax, 4', '0, 0', GP],
    ['a reserved bit of the descriptor', 'mov eax, 2', '1000h, 0', GP],
    ['a PCID without CR4.PCIDE', 'mov eax, 1', '5, 0', GP],
    ['an address that is not canonical', 'xor eax, eax', '0, 100000000000000h', GP],
    ['a PCID that the type does not look at', 'mov eax, 3', '5, 0', VMMCALL],
  ])('looks at %s', (_, type, descriptor, code) => {
    const guest = `${type}\ninvpcid rax, [rel what]\nvmmcall\nalign 8\nwhat: dq ${descriptor}`
    expect(codeOf(run(guest))).toBe(code)
  })
})

describe('INVLPGB in a guest', () => {
  test.each([
    ['too many pages', 'mov ecx, 8'],
    ['a reserved bit of rAX', 'mov eax, 40h'],
    ['an ASID beyond the last one', 'mov eax, 4\nmov edx, 8000h'],
  ])('with %s is illegal: it exits if that is intercepted, else raises #GP', (_, wrong) => {
    const guest = `xor eax, eax\nxor ecx, ecx\nxor edx, edx\n${wrong}\ninvlpgb`
    const enabled = { 'control.nested_control': 0x80n }
    expect(codeOf(run(guest, { ...enabled, ...onBit(0xa1) }))).toBe(0xa1n)
    expect(codeOf(run(guest, enabled))).toBe(GP)
    expect(
      codeOf(run('xor eax, eax\nxor ecx, ecx\nxor edx, edx\ninvlpgb', { ...enabled, ...onBit(0xa1) })),
    ).toBe(VMMCALL)
  })

  test('reaches its own ASID only, whatever it asks for', () => {
    const guest = 'mov eax, 0ch\nxor ecx, ecx\nxor edx, edx\ninvlpgb\nvmmcall'
    const { machine } = run(guest, { 'control.nested_control': 0x80n, 'control.asid': 5n })
    const asids = new Set(machine.tlb().map(({ asid }) => asid))
    // It was asked to flush ASID 0, the host's.
    expect(asids.has(0)).toBe(true)
  })
})

describe('MWAIT', () => {
  const arm = 'mov eax, 60000h\nxor ecx, ecx\nmonitor\n'

  test('exits conditionally only while the monitor is armed', () => {
    expect(codeOf(run(`${arm}mwait`, onBit(0x8c)))).toBe(0x8cn)
    expect(codeOf(run('xor ecx, ecx\nmwait', onBit(0x8c)))).toBe(VMMCALL)
    expect(codeOf(run(`${arm}mov byte [rax + 63], 1\nmwait`, onBit(0x8c)))).toBe(VMMCALL)
    expect(codeOf(run(`${arm}mov byte [rax + 64], 1\nmwait`, onBit(0x8c)))).toBe(0x8cn)
  })

  test('looks at the conditional intercept first', () => {
    const both = { [VECTOR_4]: CALLS | (3n << 11n) }
    expect(codeOf(run(`${arm}mwait`, both))).toBe(0x8cn)
    expect(codeOf(run('xor ecx, ecx\nmwait', both))).toBe(0x8bn)
  })
})

describe('the bus-lock threshold', () => {
  /** The MTRRs off: all memory is UC. */
  const UNCACHED = 'mov ecx, 2ffh\nxor eax, eax\nxor edx, edx\nwrmsr\nmov rax, 20000h\nvmrun\nhlt'
  const locks = (
    count: bigint,
    access: string,
    host?: string,
  ): { code: bigint; left: bigint; rip: bigint } => {
    const repeated = `mov ebx, 60000h\n${`${access}\n`.repeat(3)}vmmcall`
    const { field } = runGuest(
      repeated,
      { [VECTOR_5]: 1n << 5n, 'control.bus_lock_counter': count },
      undefined,
      host,
    )
    return {
      code: field('control.exit_code'),
      left: field('control.bus_lock_counter'),
      rip: field('save.rip') - BigInt(GUEST),
    }
  }

  test('counts locked accesses that cross a cache line, and exits at 0 before the next one', () => {
    expect(locks(2n, 'lock inc dword [rbx + 62]')).toEqual({ code: 0xa5n, left: 0n, rip: 5n + 2n * 4n })
    expect(locks(7n, 'lock inc dword [rbx + 62]')).toMatchObject({ code: VMMCALL, left: 4n })
    expect(locks(0n, 'xchg [rbx + 63], eax')).toMatchObject({ code: 0xa5n, rip: 5n })
  })

  test('counts neither locked accesses within a line of writeback memory nor unlocked ones', () => {
    expect(locks(0n, 'lock inc dword [rbx + 60]')).toMatchObject({ code: VMMCALL })
    expect(locks(0n, 'inc dword [rbx + 62]')).toMatchObject({ code: VMMCALL })
  })

  test('counts every locked access to memory that is not writeback', () => {
    expect(locks(1n, 'lock inc dword [rbx]', UNCACHED)).toMatchObject({
      code: 0xa5n,
      left: 0n,
    })
  })
})

test('the guest has SPEC_CTRL to itself', () => {
  const host =
    'mov ecx, 48h\nmov eax, 4\nxor edx, edx\nwrmsr\nmov rax, 20000h\nvmrun\nmov ecx, 48h\nrdmsr\nmov ebx, eax\nhlt'
  const guest = 'mov ecx, 48h\nrdmsr\nmov edi, eax\nmov eax, 3\nxor edx, edx\nwrmsr\nvmmcall'
  const { machine, field } = runGuest(guest, { 'save.spec_ctrl': 1n }, undefined, host)
  expect(machine.inspect().general).toMatchObject({ rdi: 1n, rbx: 4n })
  expect(field('save.spec_ctrl')).toBe(3n)
  const shared = runGuest(guest, { 'save.spec_ctrl': 1n }, undefined, host, { cpu: 'default,-vspecctrl' })
  expect(shared.machine.inspect().general).toMatchObject({ rdi: 4n, rbx: 3n })
})
