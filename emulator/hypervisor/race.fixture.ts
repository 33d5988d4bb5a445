/** Test set-up: two processors of L1; the second stores to vmcb12 while L0 handles the first one's VMRUN. */
import { expect } from 'vitest'
import { assemble } from '../isa/index.ts'
import { Machine, START } from '../machine/index.ts'
import { vmcbField } from '../svm/index.ts'
import type { Decisions } from './decisions.ts'
import { explore, scheduleOf, type ExploreOptions, type Loss, type Report } from './explorer.ts'
import { cpuOfL1, createL0, type L0 } from './index.ts'
import { L1_BYTES, L2, loadWords, NESTED, NESTED_PAGING, VMCB, vmcbImage } from './l0.fixture.ts'
import { raceForVmcb12, raceStart, type RaceStart, type Store } from './race-model.ts'
import { scheduledHost, storingProgram, type ScheduledL0 } from './race-schedule.ts'

/** A store to a field of vmcb12, or to its first bytes. */
export function storeTo(field: string, value: bigint, bytes?: Store['bytes']): Store {
  const { offset, bytes: all } = vmcbField(field)
  return { address: VMCB + offset, bytes: bytes ?? (all as Store['bytes']), value }
}

/** Turns of 18 units of time: who waits for the other does not wait long. */
const SEED = 44

/** Starts the second processor at 11000h, and executes VMRUN. */
const FIRST = `
    mov edi, 0fee00000h
    mov dword [rdi + 300h], 0c4500h
    mov dword [rdi + 300h], 0c4611h
    mov rax, ${VMCB}
    vmrun
    hlt`

/** From real mode to 64-bit mode with the tables of the start state. */
const TRAMPOLINE = `
  bits 16
  trampoline:
    lgdt [cs:gdtr - trampoline]
    mov eax, 20h
    mov cr4, eax
    mov eax, 1000h
    mov cr3, eax
    mov ecx, 0c0000080h
    mov eax, 1100h
    xor edx, edx
    wrmsr
    mov eax, 80000011h
    mov cr0, eax
    jmp dword 8:other
  gdtr:
    dw 1fh
    dd 7000h
  bits 64
  other:
    mov ax, 10h
    mov ds, ax`

export interface RaceSetup {
  readonly decisions: Decisions
  readonly stores: readonly Store[]
  /** L2's code. */
  readonly l2?: string
  /** What else lies in memory. */
  readonly memory?: readonly (readonly [address: number, bytes: Uint8Array])[]
}

export interface RacingMachine {
  readonly machine: Machine
  readonly l0: L0
  readonly scheduled: ScheduledL0
}

/** A machine in which the race is about to begin. With a schedule it will go on as that says. */
export function racingMachine(
  { decisions, stores, l2 = 'vmmcall', memory = [] }: RaceSetup,
  schedule?: readonly number[],
): RacingMachine {
  const source = `bits 64\norg ${START.program}\n${FIRST}\n times 0x1000 - ($ - $$) db 0
    ${TRAMPOLINE}\n${storingProgram(stores)}\n hlt\n times ${L2 - START.program} - ($ - $$) db 0\n${l2}`
  const program = assemble({ files: new Map([['race.asm', source]]), entry: 'race.asm' })
  expect(program.diagnostics).toEqual([])
  const made = createL0(L1_BYTES, { vcpus: 2, decisions })
  const { host, scheduled } = scheduledHost(made, schedule)
  const machine = new Machine({
    ramBytes: L1_BYTES,
    cpu: cpuOfL1(),
    cpus: 2,
    seed: SEED,
    history: false,
    host,
  })
  machine.start('long', START.program)
  machine.load(START.program, program.bytes)
  machine.load(VMCB, vmcbImage(NESTED_PAGING))
  for (const [address, bytes] of memory) machine.load(address, bytes)
  loadWords(machine, NESTED, [BigInt(NESTED + 0x1000) | 7n])
  loadWords(machine, NESTED + 0x1000, [0x87n])
  for (let i = 0; i < 20_000 && !scheduled().isReady; i++) machine.run(1)
  expect(scheduled().isReady).toBe(true)
  return { machine, l0: made.l0(), scheduled: scheduled() }
}

let madeStart: RaceStart | undefined

/**
 * Where a race begins under a design. It depends on neither the design nor the stores, because neither has had a part
 * in anything yet.
 */
export function startUnder(decisions: Decisions): RaceStart {
  if (madeStart === undefined) {
    const { machine, l0 } = racingMachine({ decisions, stores: [] })
    madeStart = raceStart(machine, l0)
  }
  return { ...madeStart, context: { ...madeStart.context, decisions } }
}

export function exploreRace({ decisions, stores }: RaceSetup, options?: ExploreOptions): Report {
  return explore(raceForVmcb12(startUnder(decisions), [stores]), options)
}

/** Runs a trace on a machine, and on for so many instructions or until both processors halt. */
export function replay(setup: RaceSetup, { trace }: Loss, instructions = 3000) {
  const { machine, l0 } = racingMachine(setup, scheduleOf(trace))
  const result = machine.run(instructions)
  return { machine, l0, result }
}
