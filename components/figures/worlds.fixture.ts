/** Test set-up: a host with one VMCB, and L1 under L0 with a vmcb12. */
import { readFileSync } from 'node:fs'
import {
  cpuOfL1,
  createL0,
  parseDecisions,
  raceForVmcb12,
  raceStart,
  scheduledHost,
  type Decisions,
  type L0,
  type Property,
  type Store,
} from '../../emulator/hypervisor/index.ts'
import { assemble } from '../../emulator/isa/index.ts'
import { Machine, START, type MachineOptions } from '../../emulator/machine/index.ts'
import { VMCB_BYTES, vmcbField, writeField } from '../../emulator/svm/index.ts'
import { latticeRecord, type LatticeRecord } from './lattice-data.ts'

export const GUEST = 0x1_2000
export const VMCB = 0x2_0000
const RAM = 0x10_0000
const NESTED = 0x4_0000

/** A 64-bit guest on the host's page tables that exits with VMMCALL. */
const LONG_GUEST: Readonly<Record<string, bigint>> = {
  'control.intercept_vector_4': 3n,
  'control.asid': 1n,
  'control.iopm_base_pa': 0x3_0000n,
  'control.msrpm_base_pa': 0x3_4000n,
  'save.efer': 0x1500n,
  'save.cr0': 0x8000_0031n,
  'save.cr4': 0x20n,
  'save.cr3': BigInt(START.pml4),
  'save.cs.attrib': 0xa9bn,
  'save.ss.attrib': 0xc93n,
  'save.rip': BigInt(GUEST),
  'save.rsp': 0x5_0000n,
  'save.rflags': 2n,
}

export const NESTED_PAGING: Readonly<Record<string, bigint>> = {
  'control.nested_control': 1n,
  'control.n_cr3': BigInt(NESTED),
  'save.g_pat': 0x0007_0406_0007_0406n,
}

export interface World {
  /** 64-bit code at START.program; by default one VMRUN. */
  readonly host?: string
  /** 64-bit code at GUEST. */
  readonly guest?: string
  readonly vmcb?: Readonly<Record<string, bigint>>
  readonly options?: Partial<MachineOptions>
}

const ONE_VMRUN = `
    mov rax, ${VMCB}
    vmrun
    hlt`

/** A machine about to execute its host. */
export function worldMachine({
  host = ONE_VMRUN,
  guest = 'vmmcall',
  vmcb = {},
  options,
}: World = {}): Machine {
  const source = `bits 64\norg ${START.program}\n${host}\n times ${GUEST - START.program} - ($ - $$) db 0\n${guest}`
  const program = assemble({ files: new Map([['test.asm', source]]), entry: 'test.asm' })
  if (program.diagnostics.length > 0)
    throw new Error(program.diagnostics.map(({ message }) => message).join('\n'))
  const machine = new Machine({ ramBytes: RAM, ...options })
  machine.start('long', START.program)
  machine.load(START.program, program.bytes)
  const image = new DataView(new ArrayBuffer(VMCB_BYTES))
  for (const [key, value] of Object.entries({ ...LONG_GUEST, ...vmcb }))
    writeField(image, vmcbField(key), value)
  machine.load(VMCB, new Uint8Array(image.buffer))
  loadWords(machine, NESTED, [BigInt(NESTED + 0x1000) | 7n])
  // A 1 GB leaf: bit 7, PS.
  loadWords(machine, NESTED + 0x1000, [0x87n])
  return machine
}

/** The same with L0 below: the host is L1, its guest L2, its VMCB vmcb12. */
export function nestedMachine(world: World): { machine: Machine; l0: L0 } {
  const made = createL0(RAM)
  const machine = worldMachine({ ...world, options: { cpu: cpuOfL1(), ...world.options, host: made.host } })
  return { machine, l0: made.l0() }
}

function loadWords(machine: Machine, address: number, words: readonly bigint[]): void {
  machine.load(address, new Uint8Array(BigUint64Array.from(words).buffer))
}

/** Every order of L0's steps for a VMRUN of `world` under a design, against stores of another vCPU. */
export function recordedRace(
  decisions: Decisions,
  stores: readonly Store[],
  properties?: readonly Property[],
): LatticeRecord {
  const made = createL0(RAM, { decisions })
  const { host, scheduled } = scheduledHost(made)
  const machine = worldMachine({ vmcb: NESTED_PAGING, options: { cpu: cpuOfL1(), history: false, host } })
  while (!scheduled().isReady) machine.run(1)
  const race = raceForVmcb12(raceStart(machine, made.l0()), [stores], properties)
  return latticeRecord(race, ['L0 for vCPU 0', 'vCPU 1 of L1'], VMCB)
}

/** A store to a field of vmcb12. */
export function storeTo(key: string, value: bigint): Store {
  const { offset, bytes } = vmcbField(key)
  return { address: VMCB + offset, bytes: bytes as Store['bytes'], value }
}

/** A design of the case study, by the name of its file. */
export function designOf(name: string): Decisions {
  const file = new URL(`../../content/designs/${name}.yaml`, import.meta.url)
  return parseDecisions(`${name}.yaml`, readFileSync(file, 'utf8')).decisions!
}
