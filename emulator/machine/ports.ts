/** The I/O port bus: hands each access to the device that claims the port (APM vol 1 §3.8.2). */
import type { Ports } from '../state/cpu.ts'
import type { Device } from './device.ts'

const ALL_ONES = { 1: 0xff, 2: 0xffff, 4: 0xffff_ffff } as const

/** A bus over `devices`. Ports that nobody claims read as all ones and swallow writes. */
export function createPorts(devices: readonly Device[]): Ports {
  const owners = new Map<number, Device>()
  for (const device of devices)
    for (let port = device.base; port < device.base + device.count; port++) owners.set(port, device)

  function read(port: number, size: 1 | 2 | 4): number {
    const device = owners.get(port)
    if (size === 1 || device?.wide) return device?.read(port - device.base, size) ?? ALL_ONES[size]
    let value = 0
    for (let i = size - 1; i >= 0; i--) value = value * 256 + read((port + i) & 0xffff, 1)
    return value
  }

  function write(port: number, size: 1 | 2 | 4, value: number): void {
    const device = owners.get(port)
    if (size === 1 || device?.wide) {
      device?.write(port - device.base, size, value >>> 0)
      return
    }
    for (let i = 0; i < size; i++) write((port + i) & 0xffff, 1, (value >>> (8 * i)) & 0xff)
  }

  return { read, write }
}
