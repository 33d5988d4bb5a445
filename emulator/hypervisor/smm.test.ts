/**
 * SMM of L1 under L0, in the way of KVM's smm_test for SVM: an SMI at every place of a program that enters L2 twice, and a vCPU that is
 * moved meanwhile. The measure is the bare machine.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assemble } from '../isa/index.ts'
import { START } from '../machine/index.ts'
import { exitsSeen, NESTED_PAGING, prepare, VMCB, type Prepared, type Program } from './l0.fixture.ts'
import type { L0Options } from './index.ts'
import type { Migration } from './migration.ts'

const HANDLER = 0x3_8000
/** The state-save area. */
const AREA = 0x3_fe00
/** The handler counts here, and notes what it finds behind it. */
const COUNT = 0x600
const NOTES = 0x604

const SMI = 'out 0xb2, al'

/** A machine with a handler of its own, which begins in 16-bit code with flat segments and CS at SMBASE. */
function withHandler(underL0: boolean, handler: string, program: Program): Prepared {
  const prepared = prepare(underL0, program)
  const text = `bits 16\norg 0x8000\n inc dword [${COUNT}]\n${handler}\n rsm`
  const { bytes, diagnostics } = assemble({ files: new Map([['smi.asm', text]]), entry: 'smi.asm' })
  expect(diagnostics).toEqual([])
  prepared.machine.load(HANDLER, bytes)
  return prepared
}

/** What can be told after the run, but for how long it took. */
function seenBy({ machine, l0 }: Prepared) {
  const { general, system, rip } = machine.inspect()
  return {
    general,
    cr3: system.cr3,
    rip,
    exits: exitsSeen({ machine, l0 }),
    count: machine.readMemory(COUNT, 1)[0],
    memory: machine.readMemory(0x6_0000, 8),
  }
}

function run(underL0: boolean, handler: string, program: Program) {
  const prepared = withHandler(underL0, handler, program)
  const { reason } = prepared.machine.run(5000)
  const moves = prepared.l0?.events.flatMap((event) => (event.kind === 'restored' ? [event] : [])) ?? []
  return { seen: { reason, ...seenBy(prepared) }, moves, prepared }
}

/** Places between instructions: of L1, and of L2, which begins a second time behind its first VMMCALL. */
const L1_PARTS = [
  'mov r15, 1',
  `mov rax, ${VMCB}\n vmrun`,
  `mov r14, [${VMCB + 0x70}]`,
  'stgi',
  `add qword [${VMCB + 0x578}], 3`,
  `mov rax, ${VMCB}`,
  'vmrun',
  'clgi',
  'inc r15',
  'stgi',
  'hlt',
]
const L2_PARTS = [
  'inc r13',
  'mov ecx, 0xc0000100\n mov eax, 0x1234\n xor edx, edx\n wrmsr',
  'mov qword [0x60000], 5',
  'mov ecx, 0x277\n rdmsr',
  'mov r11, rax',
  'vmmcall',
  'mov ecx, 0xc0000100\n rdmsr',
  'mov r12, rax',
  'vmmcall',
]
const VMCBS = { 'nested paging': NESTED_PAGING, 'no nested paging': {} }

/** The program with an SMI before the n-th part of L1 or of L2. */
function withSmi(
  vmcb: NonNullable<Program['vmcb']>,
  who: 'l1' | 'l2',
  at: number,
  policy: L0Options = {},
): Program {
  const text = (parts: readonly string[], isHere: boolean) =>
    parts.map((part, i) => (isHere && i === at ? `${SMI}\n ${part}` : part)).join('\n')
  return { vmcb, l1: text(L1_PARTS, who === 'l1'), l2: text(L2_PARTS, who === 'l2'), policy }
}

const PLACES = [
  ...L1_PARTS.keys().map((at) => ['l1', at] as const),
  ...L2_PARTS.keys().map((at) => ['l2', at] as const),
]

describe.each(Object.entries(VMCBS))('an SMI at any place, with %s', (_, vmcb) => {
  it.each(PLACES)('of %s, before part %i, is handled as on the bare machine', (who, at) => {
    const bare = run(false, '', withSmi(vmcb, who, at))
    expect(bare.seen).toMatchObject({ reason: 'halted-forever', count: 1 })
    expect(bare.seen.exits.map(({ code }) => code)).toEqual([0x81n, 0x81n])
    expect(run(true, '', withSmi(vmcb, who, at)).seen).toEqual(bare.seen)
  })
})

describe.each(['before', 'after'] as const)('a vCPU that is moved in SMM, its MSRs %s', (msrs) => {
  /** The handler exits to L0 in its middle. */
  const handler = 'mov ecx, 0xc0000080\n rdmsr'

  it.each(PLACES)('from %s, before part %i, tells nobody', (who, at) => {
    const unmoved = run(true, handler, withSmi(NESTED_PAGING, who, at))
    for (const occasion of [1, 2]) {
      const migration: Migration = { msrs, at: ['smm'], occasion }
      const { seen, moves } = run(true, handler, withSmi(NESTED_PAGING, who, at, { migration }))
      expect(moves).toMatchObject([{ error: '', guestMode: false }])
      expect(seen).toEqual(unmoved.seen)
    }
  })

  it.each(PLACES)('from %s, before part %i, and at all other exits, tells nobody', (who, at) => {
    const unmoved = run(true, handler, withSmi(NESTED_PAGING, who, at))
    const { seen, moves } = run(true, handler, withSmi(NESTED_PAGING, who, at, { migration: { msrs } }))
    expect(moves.length).toBeGreaterThan(5)
    expect(moves.filter(({ error }) => error !== '')).toEqual([])
    expect(seen).toEqual(unmoved.seen)
  })
})

describe('while the handler of an SMI from L2 runs', () => {
  /** What the handler finds, as 32-bit words. */
  function noted(handler: string, program: Program = {}) {
    const { prepared } = run(true, handler, { vmcb: NESTED_PAGING, l2: `${SMI}\n vmmcall`, ...program })
    return [...new Uint32Array(prepared.machine.readMemory(NOTES, 16).buffer)]
  }
  const note = (i: number, source: string) => `mov eax, ${source}\n mov [${NOTES + 4 * i}], eax\n`

  it('the state-save area says that L2 ran, and where vmcb12 is; from L1 it says neither', () => {
    const handler = note(0, '[cs:0xfed8]') + note(1, '[cs:0xfee0]') + note(2, '[cs:0xfefc]')
    expect(noted(handler)).toEqual([1, VMCB, 0x2_0064, 0])
    expect(noted(handler, { l1: `${SMI}\n hlt` })).toEqual([0, 0, 0x2_0064, 0])
  })

  it('vmcb12 has an exit code of the host software, and the host save area has L1', () => {
    const handler = note(0, `[dword ${VMCB + 0x70}]`) + note(1, `[dword ${START.hostSave + 0x578}]`)
    const [code, rip] = noted(handler, { l1: `mov rax, ${VMCB}\n vmrun\n hlt` })
    expect([code, rip]).toEqual([0xf000_0000, START.program + 8])
  })

  it('EFER is 0, and L1 has had no #VMEXIT', () => {
    expect(noted(`mov ecx, 0xc0000080\n rdmsr\n mov [${NOTES}], eax`)[0]).toBe(0)
    const { seen } = run(true, '', { vmcb: NESTED_PAGING, l2: `${SMI}\n vmmcall` })
    expect(seen.exits.map(({ code }) => code)).toEqual([0x81n])
  })

  it.each([
    ['another SMI waits for RSM', `cmp dword [${COUNT}], 2\n jae done\n ${SMI}\n nop\n done:`, {}],
    [
      'an NMI waits for RSM, and then ends L2, if L1 intercepts it',
      'mov edi, 0xfee00300\n mov dword [edi], 0x44400\n nop',
      { vmcb: { ...NESTED_PAGING, 'control.intercept_vector_3': 2n } },
    ],
    [
      'SMBASE moves',
      'mov dword [cs:0xff00], 0x58000',
      { l2: `${SMI}\n mov ecx, 0xc0010111\n rdmsr\n vmmcall` },
    ],
    ['a register of L2 changes', 'mov dword [cs:0xffc0], 77', {}],
    ['L2 goes on elsewhere', 'inc dword [cs:0xff78]', { l2: `${SMI}\n hlt\n mov r12, 3\n vmmcall` }],
    ['interrupts and VMRUN are off', 'rdtsc\n sti\n nop\n cli', {}],
  ] as const)('%s, as on the bare machine', (_, handler, program) => {
    const [bare, under] = [false, true].map(
      (underL0) => run(underL0, handler, { vmcb: NESTED_PAGING, l2: `${SMI}\n vmmcall`, ...program }).seen,
    )
    expect({ ...under, general: { ...under.general, rdx: 0n } }).toEqual({
      ...bare,
      general: { ...bare.general, rdx: 0n },
    })
  })
})

it('an INIT waits for RSM, and leaves nothing of SMM and L2', () => {
  const [bare, under] = [false, true].map((underL0) =>
    run(underL0, `mov edi, 0xfee00300\n mov dword [edi], 0x44500\n inc dword [${COUNT}]`, {
      vmcb: NESTED_PAGING,
      l2: `${SMI}\n vmmcall`,
    }),
  )
  expect([under.seen.count, under.seen.exits, under.seen.general]).toEqual([2, [], bare.seen.general])
  expect(bare.seen.count).toBe(2)
  expect(under.prepared.l0!.state(0)).toMatchObject({ smm: false, nested: { guestMode: false } })
})

describe('an SMI in an NMI handler of L1', () => {
  const SEND_NMI = 'mov dword [r8 + 0x300], 0x44400'
  /** The handler lets an SMI come and sends a second NMI, which has to wait for IRET. */
  const l1 = `
    mov r8d, 0xfee00000
    mov rax, handler
    mov rdi, 0x60020
    mov [rdi], ax
    mov word [rdi + 2], 8
    mov word [rdi + 4], 0x8e00
    shr rax, 16
    mov [rdi + 6], ax
    lidt [idtr]
    ${SEND_NMI}
    nop
    hlt
  handler:
    inc r13
    cmp r13, 1
    jne done
    ${SMI}
    ${SEND_NMI}
    nop
    mov r14, r13
  done:
    iretq
  idtr: dw 0xfff
        dq 0x60000`

  it.each([
    ['only returns', ''],
    ['executes IRET itself', 'mov sp, 0x700\n pushf\n push cs\n push word back\n iret\n back:'],
  ])('leaves NMIs masked, where the SMI handler %s', (_, handler) => {
    const [bare, under] = [false, true].map((underL0) => run(underL0, handler, { l1 }).seen)
    expect([bare.general.r13, bare.general.r14, bare.count]).toEqual([2n, 1n, 1])
    expect(under).toEqual(bare)
    const moved = run(true, handler, { l1, policy: { migration: { msrs: 'after' } } })
    expect(moved.seen).toEqual(bare)
  })
})

describe('SMIs of two processors', () => {
  /** Port B2h raises an SMI on both, before and after STARTUP; the second one begins at 11000h, in real mode, and counts at 60000h. */
  const l1 = `
    mov edi, 0xfee00000
    mov dword [edi + 0xf0], 0x1ff
    ${SMI}
    mov dword [edi + 0x310], 0x1000000
    mov dword [edi + 0x300], 0x4611
  started:
    pause
    cmp dword [0x60000], 1
    jne started
    ${SMI}
    mov dword [0x60004], 1
  ended:
    pause
    cmp dword [0x60000], 2
    jne ended
    hlt
    times 0x1000 - ($ - $$) db 0
    bits 16
    mov ax, 0x6000
    mov ds, ax
    inc dword [0]
  told:
    pause
    cmp dword [4], 1
    jne told
    inc dword [0]
    cli
    hlt`

  it('run a handler each, as on the bare machine', () => {
    const outcomes = [false, true].map((underL0) => {
      const prepared = withHandler(underL0, '', { l1, options: { cpus: 2 } })
      // That of the second processor, at its own SMBASE: inc dword [COUNT + 4], rsm.
      prepared.machine.load(
        HANDLER + 0x200,
        Uint8Array.of(0x66, 0xff, 0x06, (COUNT + 4) & 0xff, COUNT >> 8, 0x0f, 0xaa),
      )
      const { reason } = prepared.machine.run(20_000)
      return { reason, counts: prepared.machine.readMemory(COUNT, 8) }
    })
    expect(outcomes[0].reason).toBe('halted-forever')
    expect([...outcomes[0].counts]).toEqual([2, 0, 0, 0, 2, 0, 0, 0])
    expect(outcomes[1]).toEqual(outcomes[0])
  })
})

describe('an SMI that L1 intercepts', () => {
  it('ends L2, and waits for STGI to be taken', () => {
    const program: Program = {
      vmcb: { ...NESTED_PAGING, 'control.intercept_vector_3': 4n },
      l1: `mov rax, ${VMCB}\n vmrun\n mov r12, [${COUNT}]\n stgi\n nop\n mov r14, [${COUNT}]\n hlt`,
      l2: `${SMI}\n vmmcall`,
    }
    const [bare, under] = [false, true].map((underL0) => run(underL0, '', program).seen)
    expect(bare.exits.map(({ code }) => code)).toEqual([0x62n])
    expect([bare.general.r12, bare.general.r14]).toEqual([0n, 1n])
    expect(under).toEqual(bare)
  })
})

describe('RSM that cannot return to L2 shuts L1 down', () => {
  const l2 = `${SMI}\n vmmcall`

  it.each([
    ['EFER.SVME is 0 in the state-save area', 'and word [cs:0xfed0], 0xefff'],
    ['vmcb12 is where L1 has no RAM', 'mov dword [cs:0xfee0], 0x40000000'],
    ['vmcb12 fails a check: ASID 0', `mov dword [dword ${VMCB + 0x58}], 0`],
    ['CR0 is illegal', 'mov dword [cs:0xff5c], 1'],
    ['the revision is another', 'mov dword [cs:0xfefc], 0x30064'],
  ])('%s', (_, handler) => {
    const { seen } = run(true, handler, { vmcb: NESTED_PAGING, l2 })
    expect(seen).toMatchObject({ reason: 'shutdown', exits: [] })
  })

  it('and so does an SMI when L1 has no host save area', () => {
    const l1 = `mov r15, 0\n mov rax, ${VMCB}\n vmrun\n hlt`
    const program = {
      vmcb: NESTED_PAGING,
      l1,
      l2: `mov ecx, 0xc0010117\n mov eax, 0x40000000\n xor edx, edx\n wrmsr\n ${l2}`,
    }
    expect(run(true, '', program).seen.reason).toBe('shutdown')
  })
})

describe('a state-save area of random bytes', () => {
  /** Instructions until the handler has begun. */
  const BEGUN = 150
  const anyArea = fc.record({
    /** Bytes that change, by their offsets in the area. */
    changes: fc.array(fc.tuple(fc.nat({ max: 0x1ff }), fc.nat({ max: 0xff })), { maxLength: 20 }),
    all: fc.option(fc.uint8Array({ minLength: 0x200, maxLength: 0x200 }), { freq: 4 }),
  })

  it('ends the run, or L1 or L2 goes on, and nobody reaches what is of L0', () => {
    const { machine, l0 } = withHandler(true, 'nop', { vmcb: NESTED_PAGING, l2: `${SMI}\n vmmcall` })
    while (!l0!.state(0).smm && machine.instructions < BEGUN) machine.run(1)
    const begun = machine.save()
    const saved = machine.readMemory(AREA, 0x200)
    const iopm = machine.readMemory(l0!.map.iopm, 0x3000)
    expect(l0!.state(0).smm).toBe(true)
    fc.assert(
      fc.property(anyArea, ({ changes, all }) => {
        machine.restore(begun)
        const area = all ?? saved.slice()
        for (const [offset, byte] of changes) area[offset] = byte
        machine.load(AREA, area)
        machine.run(300)
        expect(l0!.state(0).started || machine.run(1).reason === 'shutdown').toBe(true)
        expect(machine.readMemory(l0!.map.iopm, 0x3000)).toEqual(iopm)
      }),
      { numRuns: 150, seed: 4 },
    )
  })
})

describe('the run', () => {
  const program = withSmi(NESTED_PAGING, 'l2', 2)

  it('is the same in slices of any length, and from a state saved at any step', () => {
    const whole = withHandler(true, '', program)
    whole.machine.run(5000)
    const end = whole.machine.digest()
    const sliced = withHandler(true, '', program)
    const resumed = withHandler(true, '', program)
    while (sliced.machine.run(1).reason !== 'halted-forever') {
      resumed.machine.restore(sliced.machine.save())
      resumed.machine.run(5000)
      expect(resumed.machine.digest()).toBe(end)
    }
    expect(sliced.machine.digest()).toBe(end)
  })
})
