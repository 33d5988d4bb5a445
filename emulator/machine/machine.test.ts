import { describe, expect, test } from 'vitest'
import { Machine } from './machine.ts'
import { machineWith } from './machine.fixture.ts'
import { describeRunResult } from './run-result.ts'
import { START } from './start.ts'

/** Touches much of the machine: a stack, strings, self-modifying code, flags, serial output, several pages. */
const BUSY = `
    mov rsp, 9fffh
    mov ebx, 40
  outer:
    mov rdi, 20000h
    mov rax, rbx
    mov ecx, 50
    rep stosb
    call work
    inc byte [patch + 1]
    mov dx, 3f8h
    mov al, bl
    out dx, al
    dec ebx
    jnz outer
    mov eax, 5
    out 0f4h, eax
  work:
    push rbx
  patch:
    mov al, 0
    mov rcx, 20
  next:
    add rax, [20000h + rcx * 8]
    adc [21ffch + rcx * 8], rax
    loop next
    pop rbx
    ret
`

describe('where a program begins', () => {
  test.each([
    ['long', '64-bit mode', 0x1_0000n],
    ['protected', 'protected mode, 32-bit', 0x1_0000n],
    ['real', 'real mode', 0n],
    ['reset', 'real mode', 0xfff0n],
  ] as const)('%s: %s', (kind, mode, rip) => {
    const state = machineWith('hlt', kind).inspect()
    expect(state.mode).toBe(mode)
    expect(state.rip).toBe(rip)
    expect(state.cpl).toBe(0)
  })

  test('long mode has a stack, the first 4 GiB mapped to themselves, SVM enabled and write-back memory', () => {
    const machine = machineWith(`
      push 123
      mov rax, [0ffff8h - 8]
      mov ebx, 0fffe0000h
      mov rbx, [rbx]
      mov ecx, 0c0000080h
      rdmsr
      mov esi, eax
      mov ecx, 0c0010117h
      rdmsr
      mov edi, eax
      mov ecx, 2ffh
      rdmsr
      hlt`)
    expect(machine.run(100).reason).toBe('halted-forever')
    const { general } = machine.inspect()
    expect(general.rsp).toBe(BigInt(START.stackTop - 8))
    expect(general.rbx).toBe(0xffff_ffff_ffff_ffffn)
    expect(general.rsi).toBe(0x1500n)
    expect(general.rdi).toBe(BigInt(START.hostSave))
    expect(general.rax).toBe(0x806n)
  })

  test('long mode can load the data, 64-bit and 32-bit code selectors of its GDT', () => {
    const machine = machineWith(`
      mov eax, 10h
      mov ds, eax
      push 18h
      push compatible
      retfq
    bits 32
    compatible:
      hlt`)
    expect(machine.run(100).reason).toBe('halted-forever')
    expect(machine.inspect().mode).toBe('compatibility mode, 32-bit')
  })

  test('after RESET, the first instruction is at FFFFFFF0h, where the top of the first MiB appears', () => {
    const machine = machineWith('org 0ffff0h\njmp 0f000h:0fffah\ntimes 5 nop\nhlt', 'reset')
    expect(machine.run(100)).toEqual({ reason: 'halted-forever', instructions: 2, rip: 0xfffbn })
    expect(machine.inspect().segments.cs.base).toBe(0xf_0000n)
  })

  test('real mode can call', () => {
    const machine = machineWith('call there\nhlt\nthere: ret', 'real')
    expect(machine.run(100)).toMatchObject({ reason: 'halted-forever', instructions: 3 })
  })

  test('a real-mode program cannot begin beyond 1 MiB', () => {
    const machine = new Machine({ ramBytes: 0x20_0000 })
    expect(() => machine.start('real', 0x10_0000)).toThrow(/100000h, beyond 1 MiB/)
  })

  test.each([0, 4096, 3.5 * 0x10_0000, 4096 * 0x10_0000])('%i bytes of RAM cannot be had', (ramBytes) => {
    expect(() => new Machine({ ramBytes })).toThrow(/RAM must be 1 to 3072 MiB/)
  })
})

describe('how a run ends', () => {
  test('never executes more than its budget', () => {
    const machine = machineWith('again: jmp again')
    expect(machine.run(12_345)).toEqual({ reason: 'budget', instructions: 12_345 })
    expect(machine.instructions).toBe(12_345)
  })

  test('HLT that nothing can wake, by name', () => {
    const machine = machineWith('nop\nhlt')
    const result = machine.run(1000)
    expect(result).toEqual({ reason: 'halted-forever', instructions: 2, rip: 0x1_0002n })
    expect(describeRunResult(result)).toMatch(/HLT before rIP 10002h, and nothing can wake/)
    expect(machine.run(1000)).toMatchObject({ reason: 'halted-forever', instructions: 0 })
  })

  test('shutdown, with the exceptions that led to it', () => {
    const result = machineWith('ud2').run(1000)
    expect(result).toMatchObject({ reason: 'shutdown', rip: 0x1_0000n })
    expect(describeRunResult(result)).toBe(
      'shutdown at rIP 10000h: #UD, then #GP(32h), then #GP(6Ah), then #GP(42h)',
    )
  })

  test('a page fault in the history of a shutdown says where', () => {
    const result = machineWith('mov rax, 123456789000h\nmov [rax], al').run(1000)
    expect(describeRunResult(result)).toMatch(/#PF\(2h\) at 123456789000h, then #GP/)
  })

  test('a write to F4h ends the run with its code, for good', () => {
    const machine = machineWith('mov eax, 77\nout 0f4h, eax\nhlt')
    expect(machine.run(1000)).toEqual({ reason: 'debug-exit', code: 77, instructions: 2 })
    expect(machine.run(1000)).toEqual({ reason: 'debug-exit', code: 77, instructions: 0 })
  })

  test('"Shutdown" at port 8900h ends the run', () => {
    const machine = machineWith(`
      mov dx, 8900h
      mov rsi, text
      mov ecx, 8
      rep outsb
      hlt
    text: db "Shutdown"`)
    expect(machine.run(1000)).toMatchObject({ reason: 'debug-exit', code: 0 })
  })

  test('a breakpoint stops before its instruction, and the next run leaves it', () => {
    const machine = machineWith('mov ecx, 3\nagain: dec ecx\njnz again\nhlt')
    machine.breakpoints.add(0x1_0005n)
    expect(machine.run(1000)).toEqual({ reason: 'breakpoint', rip: 0x1_0005n, instructions: 1 })
    expect(machine.run(1000)).toEqual({ reason: 'breakpoint', rip: 0x1_0005n, instructions: 2 })
    machine.breakpoints.clear()
    expect(machine.run(1000).reason).toBe('halted-forever')
  })

  test('a function that the run calls can stop it', () => {
    const machine = machineWith('again: out dx, al\njmp again', 'long', {
      onSerial: () => {
        machine.stop()
      },
    })
    machine.writeRegister('rdx', 0x3f8n)
    expect(machine.run(1000)).toEqual({ reason: 'stopped', instructions: 1 })
    expect(machine.run(1000)).toEqual({ reason: 'stopped', instructions: 2 })
  })

  test('stray ports and memory beyond RAM do no harm', () => {
    const machine = machineWith(`
      mov dx, 5000h
      in eax, dx
      mov ebx, eax
      out dx, eax
      mov ecx, 0f0000000h
      mov edx, [rcx]
      mov [rcx], edx
      hlt`)
    expect(machine.run(100).reason).toBe('halted-forever')
    expect(machine.inspect().general).toMatchObject({ rbx: 0xffff_ffffn, rdx: 0xffff_ffffn })
  })
})

describe('a step', () => {
  test('goes to the next instruction, over all iterations of REP', () => {
    const machine = machineWith('mov ecx, 100\nmov edi, 20000h\nrep stosb\nnop')
    machine.step()
    machine.step()
    expect(machine.step()).toMatchObject({ reason: 'budget', instructions: 100 })
    expect(machine.inspect().rip).toBe(0x1_000cn)
  })

  test('of a jump to itself is one instruction', () => {
    expect(machineWith('again: jmp again').step().instructions).toBe(1)
  })
})

describe('console', () => {
  test('what the guest sends is in the log, what it is sent can be read', () => {
    const machine = machineWith(`
      mov dx, 3fdh
    listen: in al, dx
      test al, 1
      jz listen
      mov dx, 3f8h
      in al, dx
      inc al
      out dx, al
      hlt`)
    machine.run(50)
    machine.sendSerial(Uint8Array.of(0x41))
    expect(machine.run(50).reason).toBe('halted-forever')
    expect(machine.serial.since()).toEqual([0x42])
  })
})

describe('the digest', () => {
  function digestInSlices(slice: number, executor: 'compile' | 'evaluate', history: boolean): string {
    const machine = machineWith(BUSY, 'long', { executor, history })
    for (;;) {
      const result = machine.run(slice)
      if (result.reason === 'debug-exit') return machine.digest()
      expect(result.reason).toBe('budget')
    }
  }

  const expected = digestInSlices(1_000_000, 'evaluate', false)

  test.each([
    [1, 'evaluate', false],
    [1000, 'evaluate', true],
    [1, 'compile', true],
    [7, 'compile', false],
    [1000, 'compile', false],
    [1_000_000, 'compile', true],
  ] as const)('is the same for slices of %i, %s, history %s', (slice, executor, history) => {
    expect(digestInSlices(slice, executor, history)).toBe(expected)
  })

  test('is the same after a start over', () => {
    const machine = machineWith(BUSY)
    const program = machine.readMemory(START.program, 0x200)
    machine.run(1_000_000)
    machine.start('long', START.program)
    machine.load(START.program, program)
    machine.run(1_000_000)
    expect(machine.digest()).toBe(expected)
  })
})
