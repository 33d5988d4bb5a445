/** Virtual GIF, virtual NMIs and the idle-HLT intercept, in guests (APM vol 2 §15.21.10, §15.33.2). */
import { describe, expect, test } from 'vitest'
import { GUEST, loadWords, runGuest, type GuestRun } from './guest.fixture.ts'
import type { Machine } from './machine.ts'
import { START } from './start.ts'

const IDT = 0x6_0000
/** Every vector of the guest leads to its label `handler`, 40h bytes behind its first instruction. */
const HANDLER = GUEST + 0x40
const TABLES = {
  'save.idtr.base': BigInt(IDT),
  'save.idtr.limit': 0xfffn,
  'save.gdtr.base': BigInt(START.gdt),
  'save.gdtr.limit': 0x1fn,
  'save.cs.selector': 8n,
  'save.ss.selector': 0x10n,
}
const V_IRQ = 1n << 8n
const VGIF = 1n << 9n
const V_NMI = 1n << 11n
const V_NMI_MASK = 1n << 12n
const V_IGN_TPR = 1n << 20n
const VGIF_ENABLE = 1n << 25n
const V_NMI_ENABLE = 1n << 26n
const VECTOR_32 = 32n << 32n
const VMMCALL_EXIT = 0x81n

/** Runs `code`, with `handler` for every event, and `word` at VMCB offset 060h. */
function run(
  code: string,
  handler: string,
  word: bigint,
  changes: Readonly<Record<string, bigint>> = {},
): GuestRun {
  return runGuest(
    `${code}\n times ${HANDLER} - $ db 90h\n${handler}`,
    {
      ...TABLES,
      // NMIs must be intercepted where they are virtual.
      'control.intercept_vector_3': 2n,
      'control.virtual_interrupt': word,
      ...changes,
    },
    (machine: Machine) => {
      const offset = BigInt(HANDLER)
      const gate = (offset & 0xffffn) | (8n << 16n) | (0x8en << 40n) | ((offset >> 16n) << 48n)
      for (let vector = 0; vector < 64; vector++) loadWords(machine, IDT + vector * 16, [gate, 0n])
    },
  )
}

const bits = ({ field }: GuestRun, mask: bigint): bigint => field('control.virtual_interrupt') & mask

describe('virtual GIF', () => {
  test('is what STGI and CLGI of the guest change, without exits', () => {
    const clear = run('clgi\nvmmcall', '', VGIF_ENABLE | VGIF)
    expect(clear.field('control.exit_code')).toBe(VMMCALL_EXIT)
    expect(bits(clear, VGIF)).toBe(0n)
    const set = run('stgi\nvmmcall', '', VGIF_ENABLE)
    expect(bits(set, VGIF)).toBe(VGIF)
  })

  test('is not touched while it is not enabled', () => {
    expect(bits(run('clgi\nstgi\nvmmcall', '', 0n), VGIF)).toBe(0n)
    expect(bits(run('clgi\nvmmcall', '', VGIF), VGIF)).toBe(VGIF)
  })

  test('holds a virtual interrupt until STGI', () => {
    const word = VGIF_ENABLE | V_IRQ | V_IGN_TPR | VECTOR_32
    const { field } = run('mov eax, 1\nstgi\nmov eax, 2\nvmmcall', 'vmmcall', word, { 'save.rflags': 0x202n })
    expect(field('save.rip')).toBe(BigInt(HANDLER))
    expect(field('save.rax')).toBe(1n)
  })

  test('of 1 lets it through at once', () => {
    const word = VGIF_ENABLE | VGIF | V_IRQ | V_IGN_TPR | VECTOR_32
    const { field } = run('mov eax, 1\nvmmcall', 'vmmcall', word, { 'save.rflags': 0x202n })
    expect(field('save.rip')).toBe(BigInt(HANDLER))
    expect(field('save.rax')).toBe(0n)
  })

  test.each([
    ['stgi', 0x84n, 1n << 4n],
    ['clgi', 0x85n, 1n << 5n],
  ])('leaves the intercept of %s in force', (instruction, code, intercept) => {
    const changes = { 'control.intercept_vector_4': 3n | intercept }
    const { field } = run(`${instruction}\nvmmcall`, '', VGIF_ENABLE, changes)
    expect(field('control.exit_code')).toBe(code)
    expect(bits({ field } as GuestRun, VGIF)).toBe(0n)
  })
})

describe('a virtual NMI', () => {
  test('is delivered at VMRUN and masks further ones', () => {
    const guest = run('vmmcall', 'vmmcall', V_NMI_ENABLE | V_NMI)
    expect(guest.field('save.rip')).toBe(BigInt(HANDLER))
    expect(bits(guest, V_NMI | V_NMI_MASK)).toBe(V_NMI_MASK)
  })

  test('does nothing while NMI virtualization is off', () => {
    const guest = run('vmmcall', '', V_NMI)
    expect(guest.field('save.rip')).toBe(BigInt(GUEST))
    expect(bits(guest, V_NMI | V_NMI_MASK)).toBe(V_NMI)
  })

  test('ends with IRET', () => {
    const guest = run('vmmcall', 'inc ebx\niretq', V_NMI_ENABLE | V_NMI)
    expect(guest.field('save.rip')).toBe(BigInt(GUEST))
    expect(guest.machine.inspect().general.rbx).toBe(1n)
    expect(bits(guest, V_NMI | V_NMI_MASK)).toBe(0n)
  })

  test('waits until the one before has ended with IRET', () => {
    const code = `push 0\n lea rax, [rel back]\n mov rcx, rsp\n push 10h\n push rcx\n push 2\n push 8\n push rax\n iretq\n back: vmmcall`
    const waiting = run('vmmcall', 'vmmcall', V_NMI_ENABLE | V_NMI | V_NMI_MASK)
    expect(waiting.field('save.rip')).toBe(BigInt(GUEST))
    expect(bits(waiting, V_NMI | V_NMI_MASK)).toBe(V_NMI | V_NMI_MASK)
    const taken = run(code, 'vmmcall', V_NMI_ENABLE | V_NMI | V_NMI_MASK)
    expect(taken.field('save.rip')).toBe(BigInt(HANDLER))
    expect(bits(taken, V_NMI | V_NMI_MASK)).toBe(V_NMI_MASK)
  })

  test('waits for a virtual GIF of 1', () => {
    const guest = run('mov eax, 1\nstgi\nvmmcall', 'vmmcall', VGIF_ENABLE | V_NMI_ENABLE | V_NMI)
    expect(guest.field('save.rip')).toBe(BigInt(HANDLER))
    expect(guest.field('save.rax')).toBe(1n)
  })

  test('is not masked when an exit interrupts its delivery', () => {
    const guest = run('vmmcall', '', V_NMI_ENABLE | V_NMI, {
      'save.idtr.limit': 15n,
      'control.intercept_vector_2': 1n << 13n,
    })
    expect(guest.field('control.exit_code')).toBe(0x4dn)
    expect(guest.field('control.exit_int_info')).toBe(0x8000_0202n)
    expect(bits(guest, V_NMI | V_NMI_MASK)).toBe(0n)
  })

  test.each([
    [V_NMI_ENABLE, V_NMI_MASK],
    [0n, 0n],
  ])('injected by EVENTINJ masks others only with NMI virtualization (%s)', (enable, mask) => {
    const guest = run('vmmcall', 'vmmcall', enable, { 'control.event_inj': 0x8000_0202n })
    expect(guest.field('save.rip')).toBe(BigInt(HANDLER))
    expect(bits(guest, V_NMI_MASK)).toBe(mask)
  })
})

describe('the idle-HLT intercept', () => {
  const idle = { 'control.intercept_vector_5': 1n << 6n }

  test('exits when nothing waits that could wake the guest', () => {
    const { field } = run('nop\nhlt', '', 0n, idle)
    expect(field('control.exit_code')).toBe(0xa6n)
    expect(field('save.rip')).toBe(BigInt(GUEST + 1))
    expect(field('control.n_rip')).toBe(BigInt(GUEST + 2))
  })

  test.each([
    ['virtual interrupt', V_IRQ | VECTOR_32],
    ['virtual NMI', V_NMI_ENABLE | V_NMI | V_NMI_MASK],
  ])('does not exit while a %s waits', (_, word) => {
    const { machine, exits } = run('hlt', '', word, idle)
    expect(exits).toEqual([])
    expect(machine.inspect()).toMatchObject({ activity: 'halted', guest: { asid: 1 } })
  })

  test('gives way to the HLT intercept', () => {
    const { field } = run('hlt', '', 0n, { ...idle, 'control.intercept_vector_3': 1n << 24n })
    expect(field('control.exit_code')).toBe(0x78n)
  })
})
