/** INIT, STARTUP and NMIs from one processor to another (APM vol 2 §14.1.3, §15.21.8, §16.5). */
import { describe, expect, test } from 'vitest'
import { runGuest } from './guest.fixture.ts'
import { machineWith } from './machine.fixture.ts'
import type { Machine } from './machine.ts'
import { multiprocessor, START_OTHERS } from './multiprocessor.fixture.ts'

const TWO = { cpus: 2 } as const

/** Processor 0 waits until the doubleword at 20000h has a value. */
const until = (value: number): string => `
  until_${value}: pause
    cmp dword [20000h], ${value}
    jne until_${value}`
/** Messages from processor 0 to processor 1. */
const TO_1 = 'mov dword [rdi + 310h], 1000000h\n'
const INIT = `${TO_1} mov dword [rdi + 300h], 4500h\n`
const STARTUP = `${TO_1} mov dword [rdi + 300h], 4611h\n`
const NMI = `${TO_1} mov dword [rdi + 300h], 4400h\n`
/** Long enough for the other processor to have had its turn. */
const delay = (label: string): string => `mov ecx, 20000\n${label}: loop ${label}\n`

/** Points every vector up to 31 at `handler`; the IDT is at 30000h. */
const IDT = `
    mov ecx, 32
    mov esi, 30000h
    mov rax, handler
  gates:
    mov [rsi], ax
    mov dword [rsi + 2], 8e000008h
    mov dword [rsi + 6], 1
    mov dword [rsi + 10], 0
    add esi, 16
    loop gates
    lidt [idtr]`
const IDTR = 'idtr: dw 1ffh\n dq 30000h'

function word(machine: Machine, address: number): number {
  return new DataView(machine.readMemory(address, 4).buffer).getUint32(0, true)
}

describe('STARTUP', () => {
  test('after RESET, all processors but the first wait for it', () => {
    const machine = machineWith('hlt', 'long', { cpus: 3 })
    expect(machine.run(100).reason).toBe('halted-forever')
    expect([0, 1, 2].map((n) => machine.inspect(n).activity)).toEqual([
      'halted',
      'waiting for STARTUP',
      'waiting for STARTUP',
    ])
  })

  test('begins in real mode at the page that its vector names', () => {
    const machine = machineWith(
      `mov edi, 0fee00000h
      mov dword [rdi + 300h], 0c4612h
      hlt
      times 2000h - ($ - $$) db 0
      bits 16
      hlt`,
      'long',
      TWO,
    )
    expect(machine.run(1000).reason).toBe('halted-forever')
    const { segments, rip, mode, general } = machine.inspect(1)
    expect(mode).toBe('real mode')
    expect(segments.cs).toMatchObject({ selector: 0x1200, base: 0x1_2000n, limit: 0xffff })
    expect(rip).toBe(1n)
    expect(general).toMatchObject({ rax: 0n, rsp: 0n, rdx: 0xa0_0f11n })
  })

  test('does nothing to a processor that runs', () => {
    const machine = multiprocessor(
      `${START_OTHERS}\n${until(1)}\n${STARTUP}\n${delay('wait_long')}\nhlt`,
      'lock inc dword [20000h]\nspin: inc r9\ntest r9d, 80000h\njz spin\nhlt',
      TWO,
    )
    machine.run(2_000_000)
    expect(word(machine, 0x2_0000)).toBe(1)
  })

  test('follows an INIT at once, as often as it is sent', () => {
    const again = (n: number): string => `${INIT}${STARTUP}${until(n)}`
    const machine = multiprocessor(
      `${START_OTHERS}\n${until(1)}\n${again(2)}\n${again(3)}\nhlt`,
      'lock inc dword [20000h]\ncli\nhlt',
      TWO,
    )
    expect(machine.run(1_000_000).reason).toBe('halted-forever')
    expect(word(machine, 0x2_0000)).toBe(3)
  })
})

describe('INIT', () => {
  test('makes a processor wait for STARTUP and leaves MSRs, MTRRs, CR0.CD and the time-stamp counter', () => {
    const machine = multiprocessor(
      `${START_OTHERS}\n${until(1)}\n${INIT}\nhlt`,
      `mov ecx, 277h
      mov eax, 00070106h
      mov edx, 00070406h
      wrmsr
      mov ecx, 2ffh
      mov eax, 806h
      xor edx, edx
      wrmsr
      mov ecx, 0c0000082h
      mov eax, 123456h
      wrmsr
      mov rax, cr0
      or eax, 40010000h
      mov cr0, rax
      mov dword [20000h], 1
      hlt`,
      TWO,
    )
    machine.run(100_000)
    const { activity, system, mode, segments, instructions, gif } = machine.inspect(1)
    expect({ activity, mode, gif }).toEqual({ activity: 'waiting for STARTUP', mode: 'real mode', gif: true })
    expect(system).toMatchObject({
      cr0: 0x4000_0010n,
      cr3: 0n,
      cr4: 0n,
      efer: 0n,
      pat: 0x0007_0406_0007_0106n,
      mtrrDefType: 0x806n,
      lstar: 0x12_3456n,
    })
    expect(segments.cs).toMatchObject({ selector: 0xf000, base: 0xffff_0000n })
    expect(instructions).toBeGreaterThan(20)
  })

  test('leads the boot-strap processor to the reset vector', () => {
    const machine = multiprocessor(
      `${START_OTHERS}\nhlt`,
      'mov dword [rdi + 310h], 0\nmov dword [rdi + 300h], 4500h\nhlt',
      TWO,
    )
    machine.load(0xf_fff0, Uint8Array.of(0x90, 0xf4))
    expect(machine.run(10_000).reason).toBe('halted-forever')
    expect(machine.inspect(0)).toMatchObject({ rip: 0xfff2n, mode: 'real mode', activity: 'halted' })
  })

  test('waits while GIF is 0', () => {
    const machine = multiprocessor(
      `${START_OTHERS}\n${until(1)}\n${INIT}\n${delay('wait_long')}\nmov dword [20000h], 2\nhlt`,
      `mov ecx, 0c0000080h
      rdmsr
      or eax, 1000h
      wrmsr
      clgi
      mov dword [20000h], 1
    other_until: pause
      cmp dword [20000h], 2
      jne other_until
      mov dword [20008h], 1
      stgi
      nop
      mov dword [20008h], 2
      hlt`,
      TWO,
    )
    expect(machine.run(1_000_000).reason).toBe('halted-forever')
    expect(word(machine, 0x2_0008)).toBe(1)
    expect(machine.inspect(1).activity).toBe('waiting for STARTUP')
  })

  test('is #SX with error code 1 where VM_CR.R_INIT redirects it', () => {
    const machine = multiprocessor(
      `${START_OTHERS}\n${until(1)}\n${INIT}\nhlt`,
      `${IDT}
      mov ecx, 0c0010114h
      mov eax, 2
      xor edx, edx
      wrmsr
      mov dword [20000h], 1
      cli
      hlt
      mov dword [20008h], 5
      hlt
    handler:
      pop rax
      mov [20010h], eax
      iretq
      ${IDTR}`,
      TWO,
    )
    expect(machine.run(100_000).reason).toBe('halted-forever')
    expect(machine.events.since().filter((event) => event.kind === 'delivered')).toMatchObject([
      { processor: 1, vector: 30, errorCode: 1 },
    ])
    expect(word(machine, 0x2_0010)).toBe(1)
    expect(word(machine, 0x2_0008)).toBe(5)
  })

  test('ends its assertion without effect', () => {
    const machine = multiprocessor(
      `${START_OTHERS}\n${until(1)}\n${TO_1}mov dword [rdi + 300h], 8500h\n${delay('wait_long')}\nhlt`,
      'mov dword [20000h], 1\ncli\nhlt',
      TWO,
    )
    machine.run(1_000_000)
    expect(machine.inspect(1).activity).toBe('halted')
  })
})

describe('INIT of a guest', () => {
  const SELF_INIT = 'mov edi, 0fee00000h\nmov dword [rdi + 300h], 44500h\nnop\nvmmcall'

  test('is intercepted between two instructions', () => {
    const { exits, machine } = runGuest(SELF_INIT, { 'control.intercept_vector_3': 8n })
    expect(exits).toMatchObject([{ code: 0x63n, nextRip: 0n }])
    expect(machine.inspect().gif).toBe(false)
  })

  test('comes before the redirection to #SX', () => {
    const host = `mov ecx, 0c0010114h\nmov eax, 2\nxor edx, edx\nwrmsr\nmov rax, 20000h\nvmrun\nhlt`
    const { exits } = runGuest(SELF_INIT, { 'control.intercept_vector_3': 8n }, undefined, host)
    expect(exits).toMatchObject([{ code: 0x63n }])
  })

  test('ends guest mode where nothing intercepts it', () => {
    const { machine, exits } = runGuest(SELF_INIT, {}, (machine) => {
      machine.load(0xf_fff0, Uint8Array.of(0xf4))
    })
    expect(exits).toEqual([])
    expect(machine.inspect()).toMatchObject({ guest: undefined, mode: 'real mode', rip: 0xfff1n })
  })
})

test('an NMI from another processor wakes HLT', () => {
  const machine = multiprocessor(
    `${START_OTHERS}\n${until(1)}\n${delay('wait_long')}\n${NMI}\n${until(2)}\nhlt`,
    `${IDT}
    cli
    mov dword [20000h], 1
    hlt
    inc dword [20000h]
    hlt
  handler: iretq
    ${IDTR}`,
    TWO,
  )
  expect(machine.run(1_000_000).reason).toBe('halted-forever')
  expect(word(machine, 0x2_0000)).toBe(2)
})
