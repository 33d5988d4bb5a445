import { describe, expect, test } from 'vitest'
import { createDebugExit, createShutdownPort } from './debug-exit.ts'
import { createPorts } from './ports.ts'
import { createUart } from './uart16550.ts'

function console16550() {
  const sent: number[] = []
  const uart = createUart((byte) => sent.push(byte))
  return { uart, sent, ports: createPorts([uart]) }
}

describe('the port bus', () => {
  test('reads all ones where nobody answers, in every size, and swallows writes', () => {
    const ports = createPorts([])
    ports.write(0x5000, 4, 1)
    expect(ports.read(0x5000, 1)).toBe(0xff)
    expect(ports.read(0xffff, 2)).toBe(0xffff)
    expect(ports.read(0, 4)).toBe(0xffff_ffff)
  })

  test('splits a wide access to a byte-wide device into bytes at consecutive ports', () => {
    const { ports } = console16550()
    ports.write(0x3fe, 2, 0x5a00)
    expect(ports.read(0x3fe, 2)).toBe(0x5ab0)
  })

  test('a wide access beyond the last port wraps to port 0', () => {
    const ports = createPorts([])
    expect(ports.read(0xfffe, 4)).toBe(0xffff_ffff)
  })
})

describe('the UART', () => {
  test('sends what is written to the holding register and is always ready for more', () => {
    const { ports, sent } = console16550()
    for (const letter of 'ok') ports.write(0x3f8, 1, letter.charCodeAt(0))
    expect(sent).toEqual([0x6f, 0x6b])
    expect(ports.read(0x3fd, 1)).toBe(0x60)
  })

  test('DLAB turns the first two registers into the divisor latch', () => {
    const { ports, sent } = console16550()
    ports.write(0x3fb, 1, 0x83)
    ports.write(0x3f8, 1, 0x0c)
    ports.write(0x3f9, 1, 0x01)
    expect(ports.read(0x3f8, 2)).toBe(0x010c)
    ports.write(0x3fb, 1, 0x03)
    expect(sent).toEqual([])
    expect(ports.read(0x3f9, 1)).toBe(0)
  })

  test('hands over received bytes in order and says when one is waiting', () => {
    const { uart, ports } = console16550()
    uart.receive(Uint8Array.of(1, 2))
    expect(ports.read(0x3fd, 1)).toBe(0x61)
    expect([ports.read(0x3f8, 1), ports.read(0x3f8, 1)]).toEqual([1, 2])
    expect(ports.read(0x3fd, 1)).toBe(0x60)
  })

  test('refuses input that nobody reads once the queue is full', () => {
    const { uart } = console16550()
    expect(uart.receive(new Uint8Array(0x1_0000))).toBe(0x1_0000)
    expect(uart.receive(Uint8Array.of(1))).toBe(0)
  })

  test('FCR enables the FIFOs, which IIR reports, and clears the receiver', () => {
    const { uart, ports } = console16550()
    uart.receive(Uint8Array.of(1))
    ports.write(0x3fa, 1, 0x07)
    expect(ports.read(0x3fa, 1)).toBe(0xc1)
    expect(ports.read(0x3fd, 1)).toBe(0x60)
  })

  test('in loopback mode, output becomes input and the modem outputs become its inputs', () => {
    const { ports, sent } = console16550()
    ports.write(0x3fc, 1, 0x1a)
    ports.write(0x3f8, 1, 0x41)
    expect(sent).toEqual([])
    expect(ports.read(0x3f8, 1)).toBe(0x41)
    expect(ports.read(0x3fe, 1)).toBe(0x90)
  })

  test('restores the state that it saved', () => {
    const { uart, ports } = console16550()
    ports.write(0x3ff, 1, 0x77)
    uart.receive(Uint8Array.of(9))
    const saved = uart.save()
    uart.reset()
    expect(uart.save()).not.toEqual(saved)
    uart.restore(saved)
    expect(uart.save()).toEqual(saved)
    expect(ports.read(0x3f8, 1)).toBe(9)
  })
})

describe('the ways to end a run', () => {
  test.each([
    [1, 0x10],
    [2, 0x1234],
    [4, 0x8000_0001],
  ] as const)('a write of %i bytes to F4h is the exit code', (size, code) => {
    let ended = 0
    const device = createDebugExit(() => ended++)
    createPorts([device]).write(0xf4, size, code)
    expect(device.code).toBe(code)
    expect(ended).toBe(1)
  })

  test('"Shutdown" at 8900h ends the run, other text does not', () => {
    let ended = 0
    const device = createShutdownPort(() => ended++)
    const ports = createPorts([device])
    for (const letter of 'SShutdow') ports.write(0x8900, 1, letter.charCodeAt(0))
    expect([device.complete, ended]).toEqual([false, 0])
    ports.write(0x8900, 1, 'n'.charCodeAt(0))
    expect([device.complete, ended]).toEqual([true, 1])
  })
})
