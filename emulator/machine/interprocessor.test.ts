import { expect, test } from 'vitest'
import type { Cpu } from '../state/cpu.ts'
import { VCPU_STRIDE } from '../state/memory-map.ts'
import { vcpuView } from '../state/vcpu.ts'
import { APIC } from '../system/apic-registers.ts'
import { pendingInterrupt, resetApic } from '../system/local-apic.ts'
import { sendInterrupt } from './interprocessor.ts'

/** Three processors, of which only registers exist; their APICs are enabled. Returns who received vector 40h, an NMI or an SMI. */
function send(low: number, high = 0, prepare: (cpus: Cpu[]) => void = () => undefined): number[] {
  const buffer = new ArrayBuffer(3 * VCPU_STRIDE)
  const cpus: Cpu[] = [0, 1, 2].map(
    (index) => ({ index, state: vcpuView(buffer, index), processors: () => cpus }) as unknown as Cpu,
  )
  for (const { index, state } of cpus) {
    state.apicBase = 0xfee0_0800n
    resetApic(state, index)
    state.apic[APIC.spuriousVector] = 0x1ff
  }
  prepare(cpus)
  cpus[1].state.apic[APIC.commandHigh] = high
  cpus[1].state.apic[APIC.commandLow] = low
  sendInterrupt(cpus[1])
  return cpus
    .filter(({ state }) => pendingInterrupt(state) === 0x40 || state.nmiPending || state.smiPending)
    .map(({ index }) => index)
}

const VECTOR = 0x40
const NMI = 0x400
const SMI = 0x200
const LOGICAL = 0x800
const [SELF, ALL, OTHERS] = [0x4_0000, 0x8_0000, 0xc_0000]

function giveLogicalIds(format: number, ...ids: number[]): (cpus: Cpu[]) => void {
  return (cpus) => {
    for (const { index, state } of cpus) {
      state.apic[APIC.logicalDestination] = ids[index] << 24
      state.apic[APIC.destinationFormat] = format
    }
  }
}

test('the shorthands mean oneself, everybody, and everybody else', () => {
  expect(send(SELF | VECTOR)).toEqual([1])
  expect(send(ALL | VECTOR)).toEqual([0, 1, 2])
  expect(send(OTHERS | VECTOR)).toEqual([0, 2])
})

test('a physical destination is an APIC ID or FFh for all', () => {
  expect(send(VECTOR, 0x0200_0000)).toEqual([2])
  expect(send(VECTOR, 0x0700_0000)).toEqual([])
  expect(send(VECTOR, 0xff00_0000)).toEqual([0, 1, 2])
})

test('a logical destination in the flat model is a set of bits', () => {
  expect(send(LOGICAL | VECTOR, 0x0500_0000, giveLogicalIds(0xffff_ffff, 1, 2, 4))).toEqual([0, 2])
})

test('a logical destination in the cluster model is a cluster and a set of bits in it', () => {
  const ids = giveLogicalIds(0x0fff_ffff, 0x11, 0x12, 0x21)
  expect(send(LOGICAL | VECTOR, 0x1300_0000, ids)).toEqual([0, 1])
  expect(send(LOGICAL | VECTOR, 0xf100_0000, ids)).toEqual([0, 2])
})

test('an SMI goes where it is sent', () => {
  expect(send(SELF | SMI)).toEqual([1])
})

test('an NMI goes where it is sent and needs no enabled APIC', () => {
  expect(send(OTHERS | NMI, 0, ([cpu]) => (cpu.state.apic[APIC.spuriousVector] = 0xff))).toEqual([0, 2])
})
