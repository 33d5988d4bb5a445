/** Caches and write combining end to end: assembled programs, the framebuffer, the bus master, and what crossed the bus. */
import { describe, expect, test } from 'vitest'
import type { Transaction } from '../caches/transactions.ts'
import { MEMORY_TYPES, type PatType } from '../paging/memory-types.ts'
import { FRAMEBUFFER } from './framebuffer.ts'
import { machineWith } from './machine.fixture.ts'
import type { Machine } from './machine.ts'
import { START } from './start.ts'

const BUFFER = 0x8_0000

/** Sets PAT slot 1 to `type` and maps the 2 MB at `address` through it. */
function mapThroughSlot1(address: number, type: PatType): string {
  const entry = START.pageDirectories + Math.floor(address / 0x20_0000) * 8
  return `
    mov ecx, 277h
    rdmsr
    mov ah, ${MEMORY_TYPES.indexOf(type)}
    wrmsr
    or qword [${entry}], 8
    mov rax, cr3
    mov cr3, rax
    mov edi, ${address}
  `
}

function run(code: string): Machine {
  const machine = machineWith(`${code}\nhlt`, 'long', { caches: true })
  expect(machine.run(100_000).reason).toBe('halted-forever')
  return machine
}

/** "kind cause address/bytes" of the transactions at addresses from `from` to `from` + FFFFh. */
function traffic(machine: Machine, from: number): string[] {
  const near = ({ address }: Transaction): boolean => address >= from && address < from + 0x1_0000
  return machine
    .transactions!.since()
    .filter(near)
    .map(
      ({ kind, cause, address, data }) => `${kind} ${cause} ${(address - from).toString(16)}/${data.length}`,
    )
}

/** Copies through the bus master's ports. */
const copy = (source: number, destination: number, bytes: number, command: number): string =>
  [source, destination, bytes, command]
    .map((value, i) => `mov edx, ${0x600 + 4 * i}\nmov eax, ${value}\nout dx, eax\n`)
    .join('')
const SNOOPED = 1
const NO_SNOOP = 3

describe('eight stores that fill a line of the framebuffer', () => {
  const stores = `
    mov rax, 0x1122334455667788
    mov ecx, 8
    rep stosq`

  test.each([
    ['WC', ['combined-write full 0/64']],
    ['UC', Array.from({ length: 8 }, (_, i) => `write access ${(i * 8).toString(16)}/8`)],
    ['WB', ['line-fill access 0/64']],
  ] as const)('as %s cross the bus as they should', (type, expected) => {
    const machine = run(mapThroughSlot1(FRAMEBUFFER.base, type) + stores)
    expect(traffic(machine, FRAMEBUFFER.base)).toEqual(expected)
    const shown = type === 'WB' ? 0 : 0x5566_7788
    expect(machine.framebuffer![0]).toBe(shown)
  })
})

test('a fence sends what write combining has collected, in the order of the buffers', () => {
  const machine = run(`${mapThroughSlot1(FRAMEBUFFER.base, 'WC')}
    mov dword [rdi + 64], 1
    mov dword [rdi], 2
    lfence
    sfence`)
  expect(traffic(machine, FRAMEBUFFER.base)).toEqual([
    'combined-write fence 40/4',
    'combined-write fence 0/4',
  ])
})

test.each([
  ['an OUT', 'out 80h, al', 'io'],
  ['CPUID', 'cpuid', 'serializing'],
  ['a locked instruction', 'lock inc dword [8000h]', 'locked'],
  ['an interrupt', 'int3', 'interrupt'],
])('%s completes write combining', (_, instruction, cause) => {
  const machine = machineWith(
    `${mapThroughSlot1(FRAMEBUFFER.base, 'WC')}\nmov dword [rdi], 2\n${instruction}\nhlt`,
    'long',
    { caches: true },
  )
  machine.run(1000)
  expect(traffic(machine, FRAMEBUFFER.base)).toEqual([`combined-write ${cause} 0/4`])
})

describe('the line register of the framebuffer', () => {
  const poll = `
    mov edi, ${FRAMEBUFFER.lineRegister}
    mov ebx, [rdi]
    mov ecx, 200
    loop $
    mov esi, [rdi]`

  test('advances when it is uncached', () => {
    const { general } = run(mapThroughSlot1(FRAMEBUFFER.base, 'UC') + poll).inspect()
    expect(general.rsi).toBeGreaterThan(general.rbx)
  })

  test('stands still when somebody mapped it as WB', () => {
    const { general } = run(poll).inspect()
    expect(general.rsi).toBe(general.rbx)
  })
})

describe('a bus master', () => {
  test('copies what is in the cache when it snoops, and what is in memory when it does not', () => {
    const machine = run(`
      mov dword [${BUFFER}], 7
      ${copy(BUFFER, BUFFER + 0x1000, 4, SNOOPED)}
      ${copy(BUFFER, BUFFER + 0x2000, 4, NO_SNOOP)}
      mov ebx, [${BUFFER + 0x1000}]
      mov esi, [${BUFFER + 0x2000}]`)
    expect(machine.inspect().general).toMatchObject({ rbx: 7n, rsi: 0n })
  })

  test('leaves a stale line behind when it writes without snooping, until the line is flushed', () => {
    const machine = run(`
      mov dword [${BUFFER}], 7
      wbinvd
      mov ebx, [${BUFFER + 0x1000}]
      ${copy(BUFFER, BUFFER + 0x1000, 4, NO_SNOOP)}
      mov esi, [${BUFFER + 0x1000}]
      clflush [${BUFFER + 0x1000}]
      mov edi, [${BUFFER + 0x1000}]`)
    expect(machine.inspect().general).toMatchObject({ rbx: 0n, rsi: 0n, rdi: 7n })
  })
})

describe('a machine with caches', () => {
  const program = `${mapThroughSlot1(FRAMEBUFFER.base, 'WC')}
    mov ebp, 300
again:
    imul ebx, ebp, 4160
    and ebx, 3fffch
    mov [rbx + ${BUFFER}], ebp
    mov [rdi + rbx], ebp
    ${copy(BUFFER, BUFFER + 0x1_0000, 200, NO_SNOOP)}
    dec ebp
    jnz again`

  test('comes to the same state in slices of any length and with either executor', () => {
    const digests = [1, 7, 1_000_000].flatMap((slice) =>
      (['compile', 'evaluate'] as const).map((executor) => {
        const machine = machineWith(`${program}\nhlt`, 'long', { caches: true, executor })
        while (machine.run(slice).reason === 'budget');
        return machine.digest()
      }),
    )
    expect(new Set(digests).size).toBe(1)
  })

  test('goes back in time with its caches and the log of its bus', () => {
    const machine = run(program)
    const end = { digest: machine.digest(), transactions: machine.transactions!.total }
    const { instructions } = machine
    machine.goTo(1234)
    expect(machine.transactions!.total).toBeLessThan(end.transactions)
    machine.goTo(instructions)
    expect({ digest: machine.digest(), transactions: machine.transactions!.total }).toEqual(end)
  })

  test('saves its caches, and a machine without caches refuses that state', () => {
    const machine = run(program)
    const saved = machine.save()
    const other = machineWith('hlt', 'long', { caches: true })
    other.restore(saved)
    expect(other.digest()).toBe(machine.digest())
    expect(() => machineWith('hlt').restore(saved)).toThrow('which this machine lacks')
  })
})
