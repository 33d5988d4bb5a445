/** Several processors on one memory: turns, time, locked instructions, code that another processor changes. */
import { describe, expect, test } from 'vitest'
import { machineWith } from './machine.fixture.ts'
import type { Executor, Machine } from './machine.ts'
import { multiprocessor, START_OTHERS } from './multiprocessor.fixture.ts'

function word(machine: Machine, address: number): number {
  return new DataView(machine.readMemory(address, 4).buffer).getUint32(0, true)
}

/** Every processor takes a number with LOCK XADD a thousand times; processor 0 ends the run when all are done. */
const COUNT = `
    mov ecx, 1000
  count:
    mov eax, 1
    lock xadd [20000h], eax
    xor [20010h + rbx * 8], eax
    loop count
    lock inc dword [20008h]`
const COUNTERS = [
  `${START_OTHERS}
    xor ebx, ebx
    ${COUNT}
  wait_for_all:
    pause
    cmp dword [20008h], 3
    jne wait_for_all
    mov eax, [20000h]
    out 0f4h, eax`,
  `${COUNT.replaceAll('count', 'others_count')}
    hlt`,
] as const

describe('locked instructions', () => {
  test.each([0, 1, 2, 3, 4, 5])('no count is lost with seed %i', (seed) => {
    const machine = multiprocessor(...COUNTERS, { seed })
    expect(machine.run(1_000_000)).toMatchObject({ reason: 'debug-exit', code: 3000 })
  })

  test('a token goes round by LOCK XADD: each processor waits for its number', () => {
    const pass = (label: string): string => `
      mov ecx, 100
    ${label}:
      mov eax, [20000h]
      xor edx, edx
      mov esi, 3
      div esi
      cmp edx, ebx
      jne ${label}
      mov eax, 1
      lock xadd [20000h], eax
      loop ${label}`
    const machine = multiprocessor(
      `${START_OTHERS}\nxor ebx, ebx\n${pass('mine')}\nhlt`,
      `${pass('its')}\nhlt`,
    )
    expect(machine.run(10_000_000).reason).toBe('halted-forever')
    expect(word(machine, 0x2_0000)).toBe(300)
  })
})

describe('a run does not depend on how it is done', () => {
  /** Runs in slices, for at most 200,000 instructions, and gives what is left of it. */
  function runIn(slice: number, options: { executor?: Executor; history?: boolean; seed?: number }): string {
    const machine = multiprocessor(...COUNTERS, options)
    let left = 30_000
    while (left > 0) {
      const { reason, instructions } = machine.run(Math.min(slice, left))
      left -= instructions
      if (reason !== 'budget') break
    }
    return `${machine.instructions} ${machine.digest()}`
  }

  test.each([0, 3, 7])(
    'with slices of any length, both executors, with snapshots or without: seed %i',
    (seed) => {
      const whole = runIn(1_000_000, { seed })
      expect(runIn(1000, { seed })).toBe(whole)
      expect(runIn(1, { seed })).toBe(whole)
      expect(runIn(1_000_000, { seed, executor: 'evaluate' })).toBe(whole)
      expect(runIn(777, { seed, executor: 'evaluate', history: false })).toBe(whole)
    },
  )

  test('at every point of a run, not only at its end', () => {
    const whole = multiprocessor(...COUNTERS)
    const stepped = multiprocessor(...COUNTERS, { executor: 'evaluate' })
    for (let point = 500; point <= 12_000; point += 1500) {
      whole.run(point - whole.instructions)
      while (stepped.instructions < point) stepped.run(1)
      expect(stepped.digest()).toBe(whole.digest())
    }
  })

  test('another seed gives the processors turns of another length', () => {
    expect(runIn(1_000_000, { seed: 1 })).not.toBe(runIn(1_000_000, { seed: 0 }))
  })

  test('going back and forward again ends in the same state', () => {
    const machine = multiprocessor(...COUNTERS)
    machine.run(1_000_000)
    const end = machine.instructions
    const digest = machine.digest()
    expect(machine.goTo(9000)).toBe(9000)
    expect(machine.goTo(end)).toBe(end)
    expect(machine.digest()).toBe(digest)
  })

  test('a saved state goes on in another machine, and not in one with fewer processors', () => {
    const machine = multiprocessor(...COUNTERS)
    machine.run(9000)
    const other = multiprocessor('hlt', 'hlt')
    other.restore(machine.save())
    machine.run(1_000_000)
    other.run(1_000_000)
    expect(other.digest()).toBe(machine.digest())
    expect(() => {
      machineWith('hlt').restore(machine.save())
    }).toThrow(/3 processors, this machine has 1/)
  })
})

describe('turns and time', () => {
  test('all processors have had about as much time, whatever they did with it', () => {
    const machine = multiprocessor(
      `${START_OTHERS}\nagain: inc eax\njmp again`,
      'cmp ebx, 1\nje halt\nspin: pause\njmp spin\nhalt: hlt',
    )
    machine.run(100_000)
    const [busy, halted, pausing] = [0, 1, 2].map((n) => machine.inspect(n).instructions)
    expect(busy).toBeGreaterThan(95_000)
    expect(halted).toBeLessThan(50)
    expect(pausing).toBeGreaterThan(100)
  })

  test('time-stamp counters of processors that answer each other are less than two rounds apart', () => {
    // Each processor adds one to the number and stores its counter when it is odd, or even.
    const exchange = (label: string, odd: number): string => `
      mov ecx, 20
    ${label}:
      pause
      mov eax, [20000h]
      and eax, 1
      cmp eax, ${odd}
      jne ${label}
      rdtsc
      shl rdx, 32
      or rax, rdx
      mov rdx, rax
      sub rdx, [20010h]
      mov [20010h], rax
      cmp rdx, [20018h]
      jle ${label}_done
      mov [20018h], rdx
    ${label}_done:
      inc dword [20000h]
      loop ${label}`
    const machine = multiprocessor(
      `${START_OTHERS}\nrdtsc\nmov [20010h], eax\n${exchange('even', 0)}\nhlt`,
      `${exchange('odd', 1)}\nhlt`,
      { cpus: 2 },
    )
    machine.run(1_000_000)
    expect(word(machine, 0x2_0000)).toBe(40)
    expect(word(machine, 0x2_0018)).toBeLessThan(2 * 4096 * 16)
  })

  test('step() executes one instruction of the processor whose turn it is', () => {
    const machine = multiprocessor(`${START_OTHERS}\nagain: jmp again`, 'other_again: jmp other_again', {
      seed: 7,
    })
    machine.run(500)
    const seen = new Set<number>()
    for (let n = 0; n < 3000; n++) {
      const before = [0, 1, 2].map((index) => machine.inspect(index).instructions)
      const { processor } = machine
      expect(machine.step().instructions).toBe(1)
      before[processor]++
      expect([0, 1, 2].map((index) => machine.inspect(index).instructions)).toEqual(before)
      seen.add(processor)
    }
    expect([...seen].sort()).toEqual([0, 1, 2])
  })

  test('a breakpoint stops whichever processor comes to it, and says which', () => {
    const machine = multiprocessor(`${START_OTHERS}\nhlt`, 'mov eax, [20000h]\nhlt', { cpus: 2 })
    machine.run(100_000)
    const hltAt = machine.inspect(1).rip - 1n
    machine.goTo(0)
    machine.breakpoints.add(hltAt)
    expect(machine.run(100_000)).toMatchObject({ reason: 'breakpoint', rip: hltAt, processor: 1 })
    expect(machine.run(100_000).reason).toBe('halted-forever')
  })

  test('the run ends when all processors halt for good, and not before', () => {
    const machine = multiprocessor(`${START_OTHERS}\nhlt`, 'mov ecx, 50000\nothers: loop others\nhlt')
    expect(machine.run(1_000_000)).toMatchObject({ reason: 'halted-forever' })
    expect(machine.inspect(2).instructions).toBeGreaterThan(50_000)
  })

  test('a shutdown says which processor it was', () => {
    const machine = multiprocessor(`${START_OTHERS}\nhlt`, 'cmp ebx, 2\njne fine\nud2\nfine: hlt')
    expect(machine.run(100_000)).toMatchObject({ reason: 'shutdown', processor: 2 })
  })

  test('a machine has 1 to 8 processors', () => {
    expect(() => machineWith('hlt', 'long', { cpus: 9 })).toThrow(/1 to 8 processors, not 9/)
    expect(() => machineWith('hlt').inspect(1)).toThrow(/no processor 1/)
  })
})

describe('the timer of an idle processor', () => {
  const HANDLER = `
      lidt [idtr]
      mov dword [rdi + 0f0h], 1ffh
      mov dword [rdi + 3e0h], 0bh
      mov dword [rdi + 320h], 40h
      mov dword [rdi + 380h], 1000000
      sti
      hlt
      rdtsc
      mov [20000h], eax
      mov dword [20008h], ebx
      mov eax, 7
      out 0f4h, eax
    handler: iretq
    idtr: dw 0fffh
      dq 30000h`
  const GATE = `
      mov rax, handler
      mov [30400h], ax
      mov word [30402h], 8
      mov word [30404h], 8e00h
      shr rax, 16
      mov [30406h], ax`

  test('wakes it although all others halt, at its time', () => {
    const machine = multiprocessor(
      `${GATE}\n${START_OTHERS}\nhlt`,
      `cmp ebx, 2\nje timed\nhlt\ntimed:\n${HANDLER}`,
    )
    expect(machine.run(100_000)).toMatchObject({ reason: 'debug-exit', code: 7 })
    expect(word(machine, 0x2_0008)).toBe(2)
    const counter = word(machine, 0x2_0000) / 16
    expect(counter).toBeGreaterThan(1_000_000)
    expect(counter).toBeLessThan(1_000_000 + 3 * 4096)
  })
})

describe('code that another processor changes', () => {
  const WRITER = (extra: string): string => `${START_OTHERS}
    ${extra}
  ready: pause
    cmp dword [20000h], 1
    jne ready
    mov byte [patched + 1], 77
    mov dword [20000h], 2
  done: pause
    cmp dword [20000h], 3
    jne done
    mov eax, [20008h]
    out 0f4h, eax`
  const READER = `
    mov ecx, 3000
  warm: call patch
    loop warm
    mov dword [20000h], 1
  wait_for_writer:
    call patch
    cmp dword [20000h], 2
    jne wait_for_writer
    call patch
    mov [20008h], eax
    mov dword [20000h], 3
    hlt
  patch:
  patched: mov eax, 5
    ret`

  test.each(['evaluate', 'compile'] as const)('takes effect at once (%s)', (executor) => {
    const machine = multiprocessor(WRITER(''), READER, { cpus: 2, executor })
    expect(machine.run(1_000_000)).toMatchObject({ reason: 'debug-exit', code: 77 })
  })

  test('also where the writer has stored to the page before there was code in it', () => {
    // The page of the code is written by processor 0 while it still is plain data, so that its stores there are fast.
    const warm = 'mov ecx, 5000\nplain: mov [patched + 100h], cl\nloop plain'
    const machine = multiprocessor(WRITER(warm), READER, { cpus: 2, history: false })
    expect(machine.run(1_000_000)).toMatchObject({ reason: 'debug-exit', code: 77 })
  })
})

test('a snapshot sees the first store of every processor to a page', () => {
  const store = (label: string): string => `
    mov ecx, 20000
  ${label}: lea rdx, [rbx + 8]
    shl edx, 14
    inc dword [rdx]
    loop ${label}`
  const machine = multiprocessor(
    `${START_OTHERS}\nxor ebx, ebx\n${store('mine')}\nhlt`,
    `${store('theirs')}\nhlt`,
  )
  machine.run(50_000)
  const digest = machine.digest()
  machine.run(100_000)
  machine.goTo(50_000)
  expect(machine.digest()).toBe(digest)
})

test('events say which processor they are of', () => {
  const machine = multiprocessor(`${START_OTHERS}\nhlt`, 'cmp ebx, 2\njne fine\nud2\nfine: hlt')
  machine.run(100_000)
  const raised = machine.events.since().filter((event) => event.kind === 'raised')
  expect(raised.length).toBeGreaterThan(0)
  expect(raised.every((event) => event.processor === 2)).toBe(true)
})

test('CPUID counts the cores and numbers them', () => {
  const machine = multiprocessor(
    `${START_OTHERS}\nmov eax, 1\ncpuid\nmov [20000h], ebx\nmov [20004h], edx\nmov eax, 80000008h\ncpuid\nmov [20008h], ecx\nhlt`,
    'mov [20010h + rbx * 4], ebx\nhlt',
  )
  machine.run(100_000)
  expect(word(machine, 0x2_0000) >>> 16).toBe(3)
  expect(word(machine, 0x2_0004) & (1 << 28)).not.toBe(0)
  expect(word(machine, 0x2_0008)).toBe(0x2002)
  expect([word(machine, 0x2_0014), word(machine, 0x2_0018)]).toEqual([1, 2])
})
