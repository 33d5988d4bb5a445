/** Scenarios and migration as lab.yaml says them, in a lab whose L1 has two processors: one enters L2, the other stores into vmcb12. */
import { describe, expect, it } from 'vitest'
import * as hypervisor from '../hypervisor/index.ts'
import { l0LabFiles } from './l0.fixture.ts'
import { parseLab } from './parse.ts'
import { LabSession } from './session.ts'

const ROUNDS = 100
/** A memory type of 2 is reserved. */
const ILLEGAL = '0x0202020202020202'

/** Processor 1, if there is one, makes G_PAT illegal and legal again as long as processor 0 enters L2. */
const MAIN = `
        org 0x10000
start:  mov ebx, ${ROUNDS}
        mov eax, 0xfee00000     ; STARTUP to the other processor, at 11000h
        mov dword [rax + 0x310], 0x1000000
        mov dword [rax + 0x300], 0x4611
round:  mov rax, vmcb
        mov qword [rax + 0x578], guest  ; RIP
        mov dword [rax + 0xc0], 0       ; clean bits
        vmrun
        dec ebx
        jnz round
        mov dword [done], 1
        hlt

second: mov r8, ${ILLEGAL}
        mov r9, 0x0007040600070406
store:  mov [vmcb + 0x668], r8
        mov [vmcb + 0x668], r9
        cmp dword [done], 1
        jne store
        hlt

guest:  mov ecx, 0x277
        rdmsr
        cpuid
        vmmcall
done:   dd 0

        times 0x1000 - ($ - $$) db 0
        bits 16                 ; 11000h
        mov ax, cs
        mov ds, ax
        lgdt [descriptor - 0x11000]
        mov eax, 0x20           ; PAE
        mov cr4, eax
        mov eax, 0x1000
        mov cr3, eax
        mov ecx, 0xc0000080
        mov eax, 0x1100         ; SVME, LME
        xor edx, edx
        wrmsr
        mov eax, 0x80000031
        mov cr0, eax
        jmp dword 8:second
descriptor:
        dw 0x1f
        dd 0x7000
        bits 64

        align 4096
vmcb:   resb 4096
`

const VMCB = `
control.intercepts = vmrun, vmmcall, cpuid
control.asid = 1
control.nested_control.np_enable = 1
control.n_cr3 = 0x1000
save.cs.attrib = 0x0a9b
save.ss.attrib = 0x0c93
save.efer = svme, lme, lma
save.cr0 = pe, et, ne, pg
save.cr3 = 0x1000
save.cr4 = pae
save.rflags = 2
save.rip = guest
save.g_pat = 0x0007040600070406
`

/** Turns so short that a store falls between L0's two looks at the live page. */
const SEEDS = [16, 21]

function labWith(machine: string, scenarios: string) {
  const yaml = `
format: 1
title: Two processors of L1
summary: One enters L2 and the other stores into vmcb12.
objectives: [none]
minutes: 1
machine: ${machine}
limits: { instructions: 200000 }
files:
  - { name: main.asm }
  - { name: guest.vmcb, symbol: vmcb, editable: false }
  - { name: l0.yaml }
scenarios: ${scenarios}
goals:
  - { id: halts, text: It comes to an end, when: [{ ended: halted }] }
`
  const designs = [...l0LabFiles('run-l2')].filter(([path]) => path.startsWith('designs/'))
  const texts = [
    ['lab.yaml', yaml],
    ['start/main.asm', MAIN],
    ['start/guest.vmcb', VMCB],
  ] as const
  const parsed = parseLab('two', new Map([...designs, ...texts]))
  return { ...parsed, problems: parsed.diagnostics.map(({ message }) => message) }
}

function run(machine: string, scenarios = '[]'): LabSession {
  const { lab, start, problems } = labWith(machine, scenarios)
  expect(problems).toEqual([])
  const session = new LabSession(lab!, { hypervisor })
  const built = session.build(start)
  expect(built.diagnostics).toEqual([])
  session.reset(built)
  session.run()
  expect(session.goals()).toMatchObject([{ met: true }])
  return session
}

/** Some VMRUN of L1 has failed so late that the processor refused vmcb02. */
function failsLate(session: LabSession): boolean {
  return session.outcome().l0!.exits.some(({ of, name }) => of === 'vmcb02' && name === 'invalid')
}

describe('a lab whose L1 has two processors', () => {
  const machine = (design: string, seed: number): string =>
    `{ cpus: 2, seed: ${seed}, l0: { design: ${design}, quirk: off } }`

  it.each(SEEDS)('fails late where the design looks at the live page, seed %i', (seed) => {
    expect(failsLate(run(machine('live-page', seed)))).toBe(true)
  })

  it.each(SEEDS)('never fails late where the design copies, seed %i', (seed) => {
    expect(failsLate(run(machine('as-merged', seed)))).toBe(false)
  })

  it('goes back to any step and forward again, and ends as before', () => {
    const session = run(machine('live-page', SEEDS[0]))
    const { machine: made } = session
    const end = { at: made.instructions, digest: made.digest() }
    for (const part of [0.9, 0.5, 0.31, 0]) {
      session.goTo(Math.floor(end.at * part))
      session.goTo(end.at)
      expect(made.digest()).toBe(end.digest)
    }
  })
})

describe('a scenario', () => {
  const ONE = '{ l0: { design: as-merged, quirk: off } }'
  const LATE = '{ l0-exits-include: { of: vmcb02, are: [invalid] } }'

  it('has processors, a seed and a design of its own, whatever the reader made of l0.yaml', () => {
    const scenarios = `
  - { id: alone, title: Alone, l0: { design: live-page }, when: [${LATE}] }
  - { id: raced, title: Raced for, cpus: 2, seed: ${SEEDS[0]}, l0: { design: live-page }, when: [${LATE}] }
  - { id: copied, title: Copied, cpus: 2, seed: ${SEEDS[0]}, l0: { quirk: off }, when: [${LATE}] }`
    const found = run(ONE, scenarios).scenarios()
    expect(found.map(({ id, met }) => [id, met])).toEqual([
      ['alone', false],
      ['raced', true],
      ['copied', false],
    ])
  })

  it('cannot name a design that the book has not got', () => {
    const scenarios = `[{ id: a, title: A, l0: { design: dead-page }, when: [${LATE}] }]`
    expect(labWith(ONE, scenarios).problems).toEqual(['there is no design dead-page'])
  })
})

describe('migration when something has happened', () => {
  /** How often the vCPU was moved, and while L2 ran. */
  function moves(migration: string): [number, number] {
    const session = run(`{ l0: { design: live-page, migration: ${migration} } }`)
    const moved = session.outcome().l0!.events.flatMap((event) => (event.kind === 'restored' ? [event] : []))
    expect(moved.filter(({ error }) => error !== '')).toEqual([])
    return [moved.length, moved.filter(({ guestMode }) => guestMode).length]
  }

  it.each([
    ['an exit of L2 that L0 keeps', '{ when: { exit: msr } }', [ROUNDS, ROUNDS]],
    ['the second of these', '{ when: { exit: msr }, occasion: 2 }', [1, 1]],
    ['an exit that L1 gets', '{ when: { vmexit: cpuid } }', [ROUNDS, 0]],
    ['an exit that L1 gets, but only while L2 runs', '{ at: [l2], when: { vmexit: cpuid } }', [0, 0]],
    ['a decision', '{ when: { decision: { rule: "use: live", field: save.g_pat } } }', [ROUNDS, ROUNDS]],
    ['a decision on another value', '{ when: { decision: { field: save.g_pat, equals: 1 } } }', [0, 0]],
    ['a look at vmcb12', '{ when: { look: { field: save.g_pat, for: check } } }', [ROUNDS, ROUNDS]],
    [
      'a look for a purpose that L0 does not have',
      '{ when: { look: { field: save.rax, for: use } } }',
      [0, 0],
    ],
    ['two things at once', '{ when: { exit: vmrun, look: { field: save.rip } } }', [ROUNDS, ROUNDS]],
  ])('%s', (_, migration, expected) => {
    expect(moves(migration)).toEqual(expected)
  })
})
