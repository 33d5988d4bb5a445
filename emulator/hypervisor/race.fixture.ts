/** Test set-up: two processors of L1 that race for vmcb12. */
import { expect } from 'vitest'
import { assemble } from '../isa/index.ts'
import { Machine, START } from '../machine/index.ts'
import { vmcbField } from '../svm/index.ts'
import type { Decisions } from './decisions.ts'
import { explore, scheduleOf, type ExploreOptions, type Loss, type Race, type Report } from './explorer.ts'
import { cpuOfL1, createL0, type L0 } from './index.ts'
import { L1_BYTES, L2, loadWords, NESTED, NESTED_PAGING, VMCB, vmcbImage } from './l0.fixture.ts'
import { cutsFor, raceOf, raceStart, type RaceStart } from './race-model.ts'
import { racingProgram, scheduledHost, type ScheduledL0 } from './race-schedule.ts'
import { isStore, type Action, type Store } from './race-vcpu.ts'

/** A store to a field of vmcb12, or to its first bytes. */
export function storeTo(field: string, value: bigint, bytes?: Store['bytes']): Store {
  const { offset, bytes: all } = vmcbField(field)
  return { address: VMCB + offset, bytes: bytes ?? (all as Store['bytes']), value }
}

/** Turns of 18 units of time: who waits for the other does not wait long. */
const SEED = 44

export const VMRUN_OF_VMCB12: Action = { vmrun: VMCB }

/** Starts the second processor at 11000h. */
const START_SECOND = `
    mov edi, 0fee00000h
    mov dword [rdi + 300h], 0c4500h
    mov dword [rdi + 300h], 0c4611h`

/** From real mode to 64-bit mode with the tables of the start state, and SVM turned on. */
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
    mov ds, ax
    mov ecx, 0c0010117h
    mov eax, 6000h
    xor edx, edx
    wrmsr`

export interface RaceSetup {
  readonly decisions: Decisions
  /** What the first processor does: one VMRUN of vmcb12. */
  readonly first?: readonly Action[]
  readonly second: readonly Action[]
  /** Where L0's looks and stores are cut: cutsFor() the stores. */
  readonly cuts?: readonly number[]
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

function firstOf({ first = [VMRUN_OF_VMCB12] }: RaceSetup): readonly Action[] {
  return first
}

function cutsOf(setup: RaceSetup): readonly number[] {
  return setup.cuts ?? cutsFor([...firstOf(setup), ...setup.second].filter(isStore))
}

/** A machine in which the race is about to begin. With a schedule it will go on as that says. */
export function racingMachine(setup: RaceSetup, schedule?: readonly number[]): RacingMachine {
  const { decisions, second, l2 = 'vmmcall', memory = [] } = setup
  const source = `bits 64\norg ${START.program}\n${START_SECOND}\n${racingProgram(firstOf(setup))}\n hlt\n times 0x1000 - ($ - $$) db 0
    ${TRAMPOLINE}\n${racingProgram(second)}\n hlt\n times ${L2 - START.program} - ($ - $$) db 0\n${l2}`
  const program = assemble({ files: new Map([['race.asm', source]]), entry: 'race.asm' })
  expect(program.diagnostics).toEqual([])
  const made = createL0(L1_BYTES, { vcpus: 2, decisions, cuts: cutsOf(setup) })
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

/** Where a race begins under a design. It depends on nothing that the race is about, because that has had no part in anything yet. */
export function startUnder(decisions: Decisions): RaceStart {
  if (madeStart === undefined) {
    const { machine, l0 } = racingMachine({ decisions, second: [] })
    madeStart = raceStart(machine, l0)
  }
  return { ...madeStart, context: { ...madeStart.context, decisions } }
}

export function raceIn(setup: RaceSetup): Race {
  return raceOf(startUnder(setup.decisions), [firstOf(setup), setup.second], { cuts: cutsOf(setup) })
}

export function exploreRace(setup: RaceSetup, options?: ExploreOptions): Report {
  return explore(raceIn(setup), options)
}

/** Runs a trace on a machine, and on for so many instructions or until both processors halt. */
export function replay(setup: RaceSetup, { trace }: Loss, instructions = 3000) {
  const { machine, l0 } = racingMachine(setup, scheduleOf(trace))
  const result = machine.run(instructions)
  return { machine, l0, result }
}
