import { expect, test } from 'vitest'
import { machineWith } from './machine.fixture.ts'

/** A fixed interrupt of vector 41h to the processor itself, with interrupts off. */
const SELF_INTERRUPT = `
    mov ebp, 0FEE00000h
    mov dword [rbp + 0F0h], 1FFh
    mov dword [rbp + 300h], 44041h
    mov eax, 5
    mov cr8, rax
    hlt`

test('an interrupt that waits is shown with what holds it back', () => {
  const machine = machineWith(SELF_INTERRUPT)
  machine.run(5)
  const before = machine.digest()
  expect(machine.pendingEvents()).toMatchObject({
    guestMode: false,
    gif: true,
    interruptFlag: false,
    requested: [0x41],
    taskPriority: 5,
    processorPriority: 0x50,
    next: undefined,
  })
  expect(machine.digest()).toBe(before)
})

test('there are no pending events of a processor that does not exist', () => {
  expect(() => machineWith('hlt').pendingEvents(1)).toThrow(RangeError)
})

test('the host save area has the host from the instruction after VMRUN', () => {
  const machine = machineWith('mov rsp, 4444h\nmov eax, 20000h\nmov byte [rax + 58h], 1\nvmrun\nhlt')
  machine.run(4)
  const { registers, segments } = machine.hostSave()
  expect(registers).toMatchObject({ rsp: 0x4444n, rax: 0x2_0000n, rip: machine.inspect().rip })
  expect(segments.cs).toEqual(machine.inspect().segments.cs)
})
