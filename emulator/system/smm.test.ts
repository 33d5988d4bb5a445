import { describe, expect, test } from 'vitest'
import { CS, DS, FS, GS, IF, RF, SS, TF, VM } from '../isa/registers.ts'
import { readLinear } from '../paging/access.ts'
import { modeChanged } from '../paging/contexts.ts'
import { tlbEntries } from '../paging/tlb.ts'
import { ATTENTION } from '../state/attention.ts'
import type { Cpu } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { VECTOR } from '../state/faults.ts'
import { readRflags } from '../state/flags.ts'
import { CR0, CR4, EFER } from '../state/mode.ts'
import { ACTIVITY } from '../state/vcpu.ts'
import { beforeInstruction } from './boundary.ts'
import { setDr7 } from './debug-registers.ts'
import { lookForEvents, nextEvent } from './events.ts'
import { loadRflags } from './rflags.ts'
import { SMM } from './smm.ts'
import { readField, savedField, SAVED_FIELDS, STATE_SAVE, writeField } from './smm-state-save.ts'
import {
  AT,
  enterGuest,
  execute,
  exitOf,
  faultOf,
  isShutDown,
  longCpu,
  protectedCpu,
  realCpu,
  SEL,
  type TestCpu,
  useSegments,
} from './system.fixture.ts'

const RSM = [0x0f, 0xaa]
const IRET = [0xcf]

function takeSmi(cpu: Cpu): void {
  cpu.state.smiPending = 1
  lookForEvents(cpu.state)
  beforeInstruction(cpu)
}

function area(cpu: Cpu): DataView {
  const bytes = cpu.memory.dump(Number(cpu.state.smbase) + STATE_SAVE.offset, STATE_SAVE.bytes)
  return new DataView(bytes.buffer)
}

function saved(cpu: Cpu, name: string): bigint {
  return readField(area(cpu), savedField(name))
}

function change(cpu: Cpu, name: string, value: bigint): void {
  const image = area(cpu)
  writeField(image, savedField(name), value)
  cpu.memory.load(Number(cpu.state.smbase) + STATE_SAVE.offset, new Uint8Array(image.buffer))
}

/** A processor in 64-bit mode with something recognizable in every register that an SMI saves. */
function busyCpu(): TestCpu {
  const cpu = longCpu()
  const { state } = cpu
  for (let register = 0; register < 16; register++)
    state.gpr[register] = 0x1111_0000_0000_0000n + BigInt(register)
  state.segments[FS].base = 0x7000_1234_5678n
  state.segments[GS].base = 0xffff_9000_0000_0000n
  state.dr6 = 0xffff_0ff1n
  state.idtrLimit = 0x123
  setDr7(cpu, 0x401n)
  loadRflags(cpu, IF | 1 | 2)
  return cpu
}

/** A generator of 32-bit numbers (xorshift). */
function prng(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

/** Every value of the area, by name, as an SMI would store it now. */
function snapshot({ state }: Cpu): Record<string, bigint> {
  return Object.fromEntries(SAVED_FIELDS.map((field) => [field.name, field.save(state)]))
}

describe('the state-save area', () => {
  test('has its rows in 512 bytes, aligned and without overlap', () => {
    const taken = new Set<number>()
    for (const { offset, bytes, name } of SAVED_FIELDS) {
      expect(offset % bytes, name).toBe(0)
      for (let i = offset; i < offset + bytes; i++) {
        expect(taken.has(i), name).toBe(false)
        taken.add(i)
      }
    }
    expect(Math.min(...taken)).toBe(STATE_SAVE.offset)
    expect(Math.max(...taken)).toBe(STATE_SAVE.offset + STATE_SAVE.bytes - 1)
  })

  test('lets the handler change what table 10-1 lets it change', () => {
    const writable = SAVED_FIELDS.filter((field) => field.writable).map(({ name }) => name)
    const general = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] // prettier-ignore
    expect(writable.toSorted()).toEqual(
      [...general, 'rip', 'rflags', 'ssp', 'smbase', 'io_restart', 'halt_restart'].toSorted(),
    )
  })

  // Single rows of table 10-1 by number, so that a shifted table cannot agree with itself.
  test.each([
    ['es.selector', 0xfe00],
    ['cs.attributes', 0xfe12],
    ['ss.limit', 0xfe24],
    ['gs.base', 0xfe58],
    ['gdtr.limit', 0xfe64],
    ['ldtr.base', 0xfe78],
    ['idtr.base', 0xfe88],
    ['tr.selector', 0xfe90],
    ['efer', 0xfed0],
    ['svm_guest.vmcb', 0xfee0],
    ['revision', 0xfefc],
    ['smbase', 0xff00],
    ['svm_host.cr0', 0xff40],
    ['cr4', 0xff48],
    ['cr0', 0xff58],
    ['rflags', 0xff70],
    ['rip', 0xff78],
    ['r15', 0xff80],
    ['rsp', 0xffd8],
    ['rax', 0xfff8],
  ])('has %s at %i', (name, offset) => {
    expect(savedField(name).offset).toBe(offset)
  })
})

describe('an SMI', () => {
  test('stores the interrupted state at SMBASE + FE00h', () => {
    const cpu = busyCpu()
    const before = snapshot(cpu)
    takeSmi(cpu)
    const image = area(cpu)
    for (const field of SAVED_FIELDS) expect(readField(image, field), field.name).toBe(before[field.name])
    expect(image.getUint32(0xfc, true)).toBe(0x3_0064)
  })

  test('begins the handler at SMBASE + 8000h in the state of table 10-3', () => {
    const cpu = busyCpu()
    cpu.state.smbase = 0x5_0000n
    cpu.state.cr0 |= CR0.TS | CR0.EM | CR0.NE
    takeSmi(cpu)
    const { state } = cpu
    expect([state.rip, state.segments[CS].base, state.segments[CS].selector]).toEqual([
      0x8000n,
      0x5_0000n,
      0x5000,
    ])
    for (const register of [SS, DS, FS, GS])
      expect([state.segments[register].selector, state.segments[register].base]).toEqual([0, 0n])
    for (const register of [CS, SS, DS]) expect(state.segments[register].limit).toBe(0xffff_ffff)
    expect([readRflags(state), state.cr4, state.dr7, state.efer, state.cpl]).toEqual([2, 0n, 0x400n, 0n, 0])
    expect(state.cr0).toBe(CR0.ET | CR0.WP | CR0.NE)
    expect(state.attention & (ATTENTION.breakpoints | ATTENTION.trap)).toBe(0)
  })

  test('waits for the end of the handler, and so does an NMI that IRET has not unmasked', () => {
    const cpu = busyCpu()
    takeSmi(cpu)
    cpu.state.smiPending = 1
    cpu.state.nmiPending = 1
    expect(nextEvent(cpu.state)).toBeUndefined()
    cpu.state.smiPending = 0
    cpu.state.gpr[4] = 0x9000n
    execute(cpu, IRET)
    expect(nextEvent(cpu.state)).toBe('nmi')
  })

  test('comes before an NMI, which comes right after RSM', () => {
    const cpu = busyCpu()
    cpu.state.nmiPending = 1
    takeSmi(cpu)
    expect(cpu.state.smm).toBe(SMM.fromHost)
    execute(cpu, RSM)
    expect(nextEvent(cpu.state)).toBe('nmi')
    expect(cpu.state.attention & ATTENTION.event).not.toBe(0)
  })

  test('flushes the TLB, and so does RSM', () => {
    const cpu = busyCpu()
    readLinear(cpu, 0x3000n, 8, false)
    expect(tlbEntries(cpu.state)).not.toEqual([])
    takeSmi(cpu)
    expect(tlbEntries(cpu.state)).toEqual([])
    readLinear(cpu, 0x3000n, 8, false)
    execute(cpu, RSM)
    expect(tlbEntries(cpu.state)).toEqual([])
  })

  test('holds an INIT back until RSM', () => {
    const cpu = busyCpu()
    takeSmi(cpu)
    cpu.state.initPending = 1
    expect(nextEvent(cpu.state)).toBeUndefined()
    execute(cpu, RSM)
    expect(nextEvent(cpu.state)).toBe('init')
  })

  test('is held back while GIF is 0', () => {
    const cpu = busyCpu()
    cpu.state.gif = 0
    takeSmi(cpu)
    expect([cpu.state.smm, cpu.state.smiPending]).toEqual([SMM.none, 1])
  })
})

describe('RSM', () => {
  test.each([
    ['64-bit mode', busyCpu],
    ['protected mode', protectedCpu],
    ['real mode', realCpu],
  ])('returns to %s with everything as it was', (_, make) => {
    const cpu = make()
    const before = snapshot(cpu)
    const { mode, cpl } = cpu.state
    takeSmi(cpu)
    execute(cpu, RSM)
    expect(snapshot(cpu)).toEqual(before)
    expect([cpu.state.mode, cpu.state.cpl, cpu.state.smm, cpu.state.nmiMasked]).toEqual([
      mode,
      cpl,
      SMM.none,
      0,
    ])
  })

  test('returns to the CPL of the program, which is saved in no field', () => {
    const cpu = longCpu()
    useSegments(cpu, SEL.userCode64, SEL.userData)
    // SYSRET leaves the attributes of SS alone: its DPL may be 0 at CPL 3.
    cpu.state.segments[SS].attributes &= ~0x60
    takeSmi(cpu)
    expect(cpu.state.cpl).toBe(0)
    execute(cpu, RSM)
    expect(cpu.state.cpl).toBe(3)
  })

  test('leaves NMIs masked in an NMI handler', () => {
    const cpu = longCpu()
    cpu.state.nmiMasked = 1
    takeSmi(cpu)
    execute(cpu, RSM)
    expect(cpu.state.nmiMasked).toBe(1)
  })

  test.each(
    SAVED_FIELDS.filter(({ name, writable }) => writable && /^(r(?!flags).*)$/.test(name)).map(
      ({ name }) => name,
    ),
  )('loads what the handler wrote for %s', (name) => {
    const cpu = busyCpu()
    takeSmi(cpu)
    change(cpu, name, 0x1234_5678_9abcn)
    execute(cpu, RSM)
    expect(savedField(name).save(cpu.state)).toBe(0x1234_5678_9abcn)
  })

  test('loads the rFLAGS that the handler wrote, traps included', () => {
    const cpu = longCpu()
    takeSmi(cpu)
    change(cpu, 'rflags', BigInt(TF | RF | 2))
    execute(cpu, RSM)
    expect(readRflags(cpu.state)).toBe(TF | RF | 2)
    expect(cpu.state.attention & (ATTENTION.trap | ATTENTION.resume)).toBe(ATTENTION.trap | ATTENTION.resume)
  })

  test('moves SMBASE: the next SMI is taken there', () => {
    const cpu = longCpu()
    takeSmi(cpu)
    change(cpu, 'smbase', 0x6_0000n)
    execute(cpu, RSM)
    takeSmi(cpu)
    expect([cpu.state.segments[CS].base, saved(cpu, 'smbase')]).toEqual([0x6_0000n, 0x6_0000n])
  })

  test.each([
    ['goes back to HLT', 1n, ACTIVITY.halted],
    ['goes on behind HLT when the handler cleared the restart', 0n, ACTIVITY.running],
  ])('%s', (_, restart, activity) => {
    const cpu = longCpu()
    cpu.state.activity = ACTIVITY.halted
    cpu.state.attention |= ATTENTION.inactive
    takeSmi(cpu)
    expect(saved(cpu, 'halt_restart')).toBe(1n)
    expect(cpu.state.attention & ATTENTION.inactive).toBe(0)
    change(cpu, 'halt_restart', restart)
    execute(cpu, RSM)
    expect(cpu.state.activity).toBe(activity)
    expect((cpu.state.attention & ATTENTION.inactive) !== 0).toBe(activity === ACTIVITY.halted)
  })

  test('is undefined outside SMM', () => {
    expect(faultOf(() => execute(longCpu(), RSM))).toEqual({ vector: VECTOR.UD, errorCode: -1 })
  })

  test('is intercepted before it is undefined', () => {
    const cpu = longCpu()
    enterGuest(cpu, EXIT.RSM)
    expect(exitOf(() => execute(cpu, RSM))?.code).toBe(EXIT.RSM)
  })

  // Each condition of §10.4.
  test.each([
    ['paging without protection', { cr0: CR0.PG | CR0.ET }],
    ['CR0.NW without CD', { cr0: CR0.PE | CR0.PG | CR0.NW }],
    ['CR0[63:32]', { cr0: (1n << 32n) | CR0.PE }],
    ['a CR3 beyond MAXPHYADDR', { cr3: 1n << 51n }],
    ['a CR4 bit that does not exist', { cr4: (1n << 40n) | CR4.PAE }],
    ['DR6[63:32]', { dr6: 1n << 32n }],
    ['DR7[63:32]', { dr7: 1n << 63n }],
    ['an EFER bit that does not exist', { efer: EFER.LME | (1n << 40n) }],
    ['long mode without PAE', { cr4: 0n }],
    ['CS with L and D in long mode', { 'cs.attributes': 0xe9bn }],
    ['another revision identifier', { revision: 0x3_0065n }],
  ] as [string, Record<string, bigint>][])('shuts the processor down for %s', (_, changes) => {
    const cpu = longCpu()
    takeSmi(cpu)
    for (const [name, value] of Object.entries(changes)) change(cpu, name, value)
    execute(cpu, RSM)
    expect(isShutDown(cpu)).toBe(true)
  })

  test('loads or shuts down, whatever the area holds', () => {
    const random = prng(7)
    let shutdowns = 0
    for (let round = 0; round < 300; round++) {
      const cpu = longCpu()
      takeSmi(cpu)
      // Few changes at a time, so that not every area is illegal.
      for (let n = 0; n < 3; n++) {
        const field = SAVED_FIELDS[random() % SAVED_FIELDS.length]
        change(cpu, field.name, (BigInt(random()) << 32n) | BigInt(random()))
      }
      execute(cpu, RSM)
      if (isShutDown(cpu)) shutdowns++
      else expect(cpu.state.smm).toBe(SMM.none)
    }
    expect(shutdowns).toBeGreaterThan(30)
    expect(shutdowns).toBeLessThan(270)
  })

  test('restores LMA, VM and bases in their default manner', () => {
    const cpu = longCpu()
    takeSmi(cpu)
    change(cpu, 'efer', EFER.LME | EFER.NXE)
    change(cpu, 'rflags', BigInt(VM | 2))
    change(cpu, 'fs.base', 0x0100_0000_0000_0000n)
    change(cpu, 'ds.base', 0xffff_ffff_0000_1000n)
    execute(cpu, RSM)
    const { state } = cpu
    expect(state.efer).toBe(EFER.LME | EFER.LMA | EFER.NXE)
    expect(readRflags(state) & VM).toBe(0)
    expect(state.segments[FS].base).toBe(0xff00_0000_0000_0000n)
    expect(state.segments[DS].base).toBe(0x1000n)
  })
})

describe('an SMI in a guest', () => {
  function guest(): TestCpu {
    const cpu = longCpu()
    enterGuest(cpu)
    cpu.state.vmcb = 0x2_0000
    cpu.state.hostCr0 = CR0.PE | CR0.PG
    cpu.state.hostRflags = BigInt(IF)
    cpu.state.virtualInterrupt = 0x0100_0000
    return cpu
  }

  test('leaves guest mode for the handler and says so in the state-save area', () => {
    const cpu = guest()
    takeSmi(cpu)
    expect([cpu.state.guestMode, cpu.state.smm]).toEqual([0, SMM.fromGuest])
    expect(saved(cpu, 'svm_guest')).toBe(0xan)
    expect(saved(cpu, 'svm_guest.vmcb')).toBe(0x2_0000n)
    expect(saved(cpu, 'svm_guest.virtual_interrupt')).toBe(0x0100_0000n)
    expect(saved(cpu, 'svm_host.cr0')).toBe(CR0.PE | CR0.PG)
  })

  test('stores zeros there outside a guest', () => {
    const cpu = guest()
    cpu.state.guestMode = 0
    takeSmi(cpu)
    for (const { name } of SAVED_FIELDS.filter((field) => field.name.startsWith('svm_')))
      expect(saved(cpu, name), name).toBe(0n)
  })

  test('meets no intercept in the handler, and RSM leads back into the guest', () => {
    const cpu = guest()
    cpu.intercepts.codes.add(EXIT.RSM)
    const { mode } = cpu.state
    takeSmi(cpu)
    execute(cpu, RSM)
    expect([cpu.state.guestMode, cpu.state.mode]).toEqual([1, mode])
    expect(cpu.intercepts.asked).toEqual([EXIT.SMI])
  })

  test('may interrupt paged real mode, which RSM restores', () => {
    const cpu = guest()
    cpu.state.cr0 = CR0.PG | CR0.ET
    cpu.state.efer = 0n
    modeChanged(cpu)
    takeSmi(cpu)
    execute(cpu, RSM)
    expect([isShutDown(cpu), cpu.state.cr0]).toEqual([false, CR0.PG | CR0.ET])
  })

  test('keeps counting bus locks after RSM', () => {
    const cpu = guest()
    cpu.state.attention |= ATTENTION.busLocks
    takeSmi(cpu)
    expect(cpu.state.attention & ATTENTION.busLocks).toBe(0)
    execute(cpu, RSM)
    expect(cpu.state.attention & ATTENTION.busLocks).not.toBe(0)
  })

  test('exits as an external SMI, which stays pending, if the VMCB asks for it', () => {
    const cpu = guest()
    cpu.intercepts.codes.add(EXIT.SMI)
    const exit = exitOf(() => takeSmi(cpu))
    expect([exit?.code, exit?.info1]).toEqual([EXIT.SMI, 1n])
    expect([cpu.state.smiPending, cpu.state.smm]).toEqual([1, SMM.none])
  })

  test('is not intercepted once HWCR.SMMLOCK is set', () => {
    const cpu = guest()
    cpu.intercepts.codes.add(EXIT.SMI)
    cpu.state.hwcr = 1n
    takeSmi(cpu)
    expect(cpu.state.smm).toBe(SMM.fromGuest)
  })
})

describe('an SMI of an I/O instruction', () => {
  const OUT_B2 = [0xe6, 0xb2]
  const REP_OUTSB = [0xf3, 0x6e]

  function chipset(cpu: TestCpu): TestCpu {
    const write = (port: number): void => {
      if (port !== 0xb2) return
      cpu.state.smiPending = 1
      lookForEvents(cpu.state)
    }
    return Object.assign(cpu, { ports: { read: () => 0xff, write } })
  }

  test('tells the handler which instruction it was', () => {
    const cpu = chipset(longCpu())
    execute(cpu, OUT_B2)
    takeSmi(cpu)
    // PORT B2h, A64, SZ8, VAL, OUT.
    expect(saved(cpu, 'io_restart.dword')).toBe(0x00b2_0212n)
    expect(saved(cpu, 'io_restart.rip')).toBe(BigInt(AT.code))
    expect(saved(cpu, 'rip')).toBe(BigInt(AT.code + 2))
  })

  test('runs the instruction again after RSM when the handler asks for it', () => {
    const cpu = chipset(longCpu())
    Object.assign(cpu.state.gpr, { 1: 3n, 2: 0xb2n, 6: 0x9000n })
    execute(cpu, REP_OUTSB)
    takeSmi(cpu)
    // REP and STR too.
    expect(saved(cpu, 'io_restart.dword')).toBe(0x00b2_021en)
    expect([saved(cpu, 'rcx'), saved(cpu, 'rsi')]).toEqual([2n, 0x9001n])
    change(cpu, 'io_restart', 0xffn)
    execute(cpu, RSM)
    expect([cpu.state.gpr[1], cpu.state.gpr[6], cpu.state.rip]).toEqual([3n, 0x9000n, BigInt(AT.code)])
  })

  test('leaves the next SMI without one, whose restart byte RSM ignores', () => {
    const cpu = chipset(longCpu())
    execute(cpu, OUT_B2)
    takeSmi(cpu)
    execute(cpu, RSM)
    takeSmi(cpu)
    expect([saved(cpu, 'io_restart.dword'), saved(cpu, 'io_restart.rip')]).toEqual([0n, 0n])
    change(cpu, 'io_restart', 0xffn)
    execute(cpu, RSM)
    expect(cpu.state.rip).toBe(BigInt(AT.code + 2))
  })

  test('is in EXITINFO1 and EXITINFO2 of the intercept', () => {
    const cpu = chipset(longCpu())
    enterGuest(cpu, EXIT.SMI)
    Object.assign(cpu.state.gpr, { 2: 0xb2n, 6: 0x9000n })
    // OUTSB from FS, segment register 4.
    execute(cpu, [0x64, 0x6e])
    const exit = exitOf(() => beforeInstruction(cpu))
    expect(exit?.info1).toBe((0x00b2_0216n << 32n) | (4n << 10n) | 1n)
    expect(exit?.info2).toBe(BigInt(AT.code))
  })
})
