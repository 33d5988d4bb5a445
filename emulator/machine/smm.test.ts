import { expect, test } from 'vitest'
import { assemble } from '../isa/assembler/assemble.ts'
import { EXIT } from '../state/exit-codes.ts'
import { GUEST, NESTED_PAGING, runGuest, VMCB } from './guest.fixture.ts'
import { machineWith } from './machine.fixture.ts'
import type { Machine, MachineOptions } from './machine.ts'

const SMBASE = 0x3_0000
/** The handlers count here. */
const COUNT = 0x600

/** Sends this processor an SMI through its local APIC. */
const SELF_SMI = `
    mov ebp, 0FEE00000h
    mov dword [rbp + 0F0h], 1FFh
    mov dword [rbp + 300h], 40200h`

/** Puts an SMI handler at `smbase` + 8000h. It addresses the state-save area through CS, whose base is SMBASE. */
function installHandler(machine: Machine, code: string, smbase = SMBASE): void {
  const text = `bits 16\norg 8000h\n    inc dword [${COUNT}]\n${code}\n    rsm`
  const program = assemble({ files: new Map([['smi.asm', text]]), entry: 'smi.asm' })
  expect(program.diagnostics).toEqual([])
  machine.load(smbase + 0x8000, program.bytes)
}

function count(machine: Machine): number {
  return machine.readMemory(COUNT, 1)[0]
}

/** A 64-bit program and a handler. */
function withHandler(source: string, handler: string, options: Partial<MachineOptions> = {}): Machine {
  const machine = machineWith(source, 'long', options)
  installHandler(machine, handler)
  return machine
}

test('the handler that a machine starts with returns at once', () => {
  const machine = machineWith(`${SELF_SMI}\n    mov ebx, 1\n    hlt`)
  expect([...machine.readMemory(SMBASE + 0x8000, 2)]).toEqual([0x0f, 0xaa])
  expect(machine.run(100).reason).toBe('halted-forever')
  expect(machine.inspect().general.rbx).toBe(1n)
})

test('a handler runs once an SMI and may change the registers of the program', () => {
  const machine = withHandler(
    `${SELF_SMI}
    mov r15, rbx
    mov dword [rbp + 300h], 40200h
    hlt`,
    'add dword [cs:0FFE0h], 5',
  )
  machine.run(100)
  expect(count(machine)).toBe(2)
  expect([machine.inspect().general.r15, machine.inspect().general.rbx]).toEqual([5n, 10n])
})

test('a handler sends the program somewhere else', () => {
  const machine = withHandler(
    `${SELF_SMI}
    hlt
    align 16
  elsewhere:
    mov ebx, 77
    hlt
    times 100h - ($ - $$) db 0
    dd elsewhere`,
    `    mov ax, 1010h
    mov es, ax
    mov eax, [es:0]
    mov [cs:0FF78h], eax`,
  )
  machine.run(100)
  expect(machine.inspect().general.rbx).toBe(77n)
})

test('a handler moves SMBASE, and the next SMI runs the handler there', () => {
  const machine = withHandler(
    `${SELF_SMI}
    mov dword [rbp + 300h], 40200h
    hlt`,
    'mov dword [cs:0FF00h], 60000h',
  )
  installHandler(machine, 'mov dword [cs:0FFE0h], 99', 0x6_0000)
  machine.run(100)
  expect([count(machine), machine.inspect().general.rbx]).toEqual([2, 99n])
})

test('a handler makes an I/O instruction run again', () => {
  const machine = withHandler(
    `    mov al, 1
    out 0B2h, al
    in al, 0B2h
    hlt`,
    `    cmp dword [${COUNT}], 3
    jae done
    mov byte [cs:0FEC8h], 0FFh
  done:`,
  )
  machine.run(100)
  expect(count(machine)).toBe(3)
  expect(machine.inspect().general.rax & 0xffn).toBe(1n)
})

test('RSM with an illegal state shuts the machine down', () => {
  const machine = withHandler(`${SELF_SMI}\n    hlt`, 'mov dword [cs:0FF58h], 80000010h')
  expect(machine.run(100).reason).toBe('shutdown')
})

test('an SMI waits while GIF is 0', () => {
  const machine = withHandler(
    `    clgi
    ${SELF_SMI}
    mov ebx, [${COUNT}]
    stgi
    mov ecx, [${COUNT}]
    hlt`,
    '',
  )
  machine.run(100)
  expect([machine.inspect().general.rbx, machine.inspect().general.rcx]).toEqual([0n, 1n])
})

test('a handler may run in protected mode', () => {
  const machine = withHandler(
    `${SELF_SMI}\n    hlt`,
    `    lgdt [cs:descriptor]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp dword 18h:(38000h + protected - 8000h)
  descriptor:
    dw 1Fh
    dd 7000h
    bits 32
  protected:
    mov ax, 10h
    mov ds, eax
    mov dword [3FFE0h], 42`,
  )
  machine.run(100)
  expect(machine.inspect().general.rbx).toBe(42n)
})

/** Starts processor 1 at 12000h, where it halts, and sends it an SMI when it does. */
const SMI_FOR_A_HALTED_PROCESSOR = `
    mov ebp, 0FEE00000h
    mov dword [rbp + 0F0h], 1FFh
    mov dword [rbp + 310h], 1000000h
    mov dword [rbp + 300h], 4612h
  started:
    cmp byte [700h], 1
    jne started
    mov ecx, 2000
    loop $
    mov dword [rbp + 300h], 4200h
    mov ecx, 2000
    loop $
    hlt
    times 2000h - ($ - $$) db 0
    bits 16
    mov byte [700h], 1
    hlt
    mov byte [700h], 2
    hlt`

test.each([
  ['goes back to HLT after RSM', '', 1],
  ['goes on behind HLT when the handler clears the restart', 'mov byte [cs:0FEC9h], 0', 2],
])('a halted processor %s', (_, handler, left) => {
  const machine = machineWith(SMI_FOR_A_HALTED_PROCESSOR, 'long', { cpus: 2 })
  // The second processor has its own handler and state-save area.
  installHandler(machine, handler, SMBASE + 0x200)
  expect(machine.run(100_000).reason).toBe('halted-forever')
  expect([count(machine), machine.readMemory(0x700, 1)[0]]).toEqual([1, left])
})

const GUEST_SMI = `${SELF_SMI}
    mov ebx, 5
    vmmcall`

test.each([
  ['without nested paging', {}],
  ['with nested paging', NESTED_PAGING],
])('an SMI in a guest that does not intercept it returns to the guest, %s', (_, fields) => {
  const { machine, exits, field } = runGuest(GUEST_SMI, { ...fields, 'save.cr3': 0x1000n }, (prepared) => {
    // The nested tables of the fixture map the first GiB; the APIC lies beyond.
    mapAll(prepared)
    installHandler(prepared, 'mov dword [cs:0FFE8h], 1234h')
  })
  expect(exits.map(({ code }) => code)).toEqual([BigInt(EXIT.VMMCALL)])
  expect(count(machine)).toBe(1)
  expect(machine.inspect().general.rdx).toBe(0x1234n)
  expect(field('save.rip')).toBeGreaterThan(BigInt(GUEST))
})

/** Nested leaves of 1 GB for the other three GiB. */
function mapAll(machine: Machine): void {
  for (let i = 1; i < 4; i++)
    machine.load(0x4_1000 + i * 8, new Uint8Array(BigUint64Array.of(BigInt(i * 0x4000_0000) | 0x87n).buffer))
}

test('an intercepted SMI waits for STGI of the host', () => {
  const { machine, exits } = runGuest(
    GUEST_SMI,
    { 'control.intercept_vector_3': 4n },
    (prepared) => installHandler(prepared, ''),
    `    mov rax, ${VMCB}
    vmrun
    mov r14d, [${COUNT}]
    stgi
    mov r15d, [${COUNT}]
    hlt`,
  )
  expect(exits.map(({ code, info1 }) => [code, info1])).toEqual([[BigInt(EXIT.SMI), 1n]])
  expect([machine.inspect().general.r14, machine.inspect().general.r15]).toEqual([0n, 1n])
})

test('the exit for an SMI of an I/O instruction names the instruction', () => {
  const { exits } = runGuest(`    out 0B2h, al\n    vmmcall`, { 'control.intercept_vector_3': 4n })
  expect(exits.map(({ code, info1, info2 }) => [code, info1, info2])).toEqual([
    // PORT B2h, A64, SZ8, VAL, OUT, external.
    [BigInt(EXIT.SMI), (0x00b2_0212n << 32n) | 1n, BigInt(GUEST)],
  ])
})

test('VMRUN is undefined in an SMI handler, also in one that enables SVM', () => {
  const machine = withHandler(
    `${SELF_SMI}\n    hlt`,
    `    lgdt [cs:descriptor]
    mov ecx, 0C0000080h
    mov eax, 1000h
    xor edx, edx
    wrmsr
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp dword 18h:(38000h + protected - 8000h)
  descriptor:
    dw 1Fh
    dd 7000h
    bits 32
  protected:
    mov eax, 20000h
    vmrun`,
  )
  const result = machine.run(1000)
  expect(result.reason).toBe('shutdown')
  expect(result.reason === 'shutdown' && result.exceptions[0].vector).toBe(6)
})

test('a hypervisor runs the handler as a guest between SMM_CTL.ENTER and EXIT, and no SMI comes meanwhile', () => {
  const { machine, exits } = runGuest(
    '    rsm',
    { 'control.intercept_vector_3': 1n << 19n },
    (prepared) => installHandler(prepared, ''),
    `    mov ecx, 0C0010116h
    mov eax, 2
    xor edx, edx
    wrmsr
    ${SELF_SMI}
    mov rax, ${VMCB}
    vmrun
    stgi
    mov r14d, [${COUNT}]
    mov ecx, 0C0010116h
    mov eax, 8
    xor edx, edx
    wrmsr
    mov r15d, [${COUNT}]
    hlt`,
  )
  expect(exits.map(({ code }) => code)).toEqual([BigInt(EXIT.RSM)])
  expect([machine.inspect().general.r14, machine.inspect().general.r15]).toEqual([0n, 1n])
})

test('RSM that a guest executes without SMM and without the intercept is undefined', () => {
  const { exits } = runGuest('    rsm', { 'control.intercept_vector_2': 1n << 6n })
  expect(exits.map(({ code }) => code)).toEqual([BigInt(EXIT.EXCEPTION_0 + 6)])
})

const BUSY = `
    mov r12d, 40
  again:
    ${SELF_SMI}
    mov al, 2
    out 0B2h, al
    dec r12d
    jnz again
    hlt`

test('SMIs come at the same instruction in both executors, in slices of any length, and when going back', () => {
  const handler = 'add dword [cs:0FFE0h], 3'
  const whole = withHandler(BUSY, handler)
  expect(whole.run(100_000).reason).toBe('halted-forever')
  const digest = whole.digest()
  expect(count(whole)).toBe(80)
  const evaluated = withHandler(BUSY, handler, { executor: 'evaluate' })
  evaluated.run(100_000)
  expect(evaluated.digest()).toBe(digest)
  for (const slice of [1, 7, 1000]) {
    const machine = withHandler(BUSY, handler)
    while (machine.run(slice).reason === 'budget');
    expect(machine.digest(), `slices of ${slice}`).toBe(digest)
  }
  const other = withHandler(BUSY, handler)
  const interrupted = withHandler(BUSY, handler)
  // Before the RSM of the first handler.
  interrupted.run(6)
  expect(interrupted.inspect().segments.cs.base).toBe(BigInt(SMBASE))
  other.restore(interrupted.save())
  other.run(100_000)
  expect(other.digest()).toBe(digest)
  const end = whole.instructions
  whole.goTo(123)
  whole.goTo(end)
  expect(whole.digest()).toBe(digest)
})
