/**
 * A vCPU that is moved once, at every boundary in turn: L1 cannot tell. What a design loses of L2's PAT is the business of
 * nested-pat.test.ts; here both have the PAT that every design keeps.
 */
import { describe, expect, it } from 'vitest'
import { design, DESIGN_NAMES } from './designs.fixture.ts'
import { exitsSeen, loadWords, NESTED, NESTED_PAGING, prepare, VMCB, type Program } from './l0.fixture.ts'
import { MIGRATION_POINTS, type Migration } from './migration.ts'

/** An exit to L0 and nothing else: L1 reads EFER, L2 reads PAT. */
const EXIT_OF_L1 = 'mov ecx, 0xc0000080\n rdmsr'
const EXIT_OF_L2 = 'mov ecx, 0x277\n rdmsr'
const SEND_NMI = 'mov edi, 0xfee00000\n mov dword [rdi + 0x300], 0x44400'
/** To a handler that only returns. */
const SMI = 'out 0xb2, al'
const ENTER = `mov rax, ${VMCB}\n vmrun`
const TO_NEXT = `add qword [${VMCB + 0x578}], 3`

/** L2 exits once for itself, and once for an NMI that has waited for its STGI. One SMI comes in L2, and one waits for L1's STGI. */
const PROGRAM: Program = {
  vmcb: {
    ...NESTED_PAGING,
    'control.intercept_vector_3': 2n,
    'control.tsc_offset': 0x1_0000_0000n,
    'control.virtual_interrupt': 3n,
  },
  l1: `
    mov r12, 12
    ${EXIT_OF_L1}
    ${ENTER}
    ${EXIT_OF_L1}
    mov r15, rax
    ${SMI}
    ${TO_NEXT}
    stgi
    ${ENTER}
    ${EXIT_OF_L1}
    hlt`,
  l2: `
    ${EXIT_OF_L2}
    mov r13, rax
    mov qword [0x60000], 5
    rdtsc
    mov r14, rdx
    ${SMI}
    vmmcall
    clgi
    ${SEND_NMI}
    ${EXIT_OF_L2}
    inc r12
    stgi
    inc r12
    vmmcall`,
}

/** What L1 can tell after the run, and where its vCPU was moved: whether L2 ran. */
function outcome(name: string, migration?: Migration) {
  const { machine, l0 } = prepare(true, {
    ...PROGRAM,
    options: { history: false },
    policy: { decisions: design(name), migration },
  })
  // L2 reaches the local APIC: a large page for its last GB below 4 GB.
  loadWords(machine, NESTED + 0x1000 + 3 * 8, [0xc000_0087n])
  const { reason } = machine.run(3000)
  const { general, rip } = machine.inspect()
  return {
    seen: {
      reason,
      rip,
      general,
      exits: exitsSeen({ machine, l0 }),
      memory: machine.readMemory(0x6_0000, 8),
    },
    moves: l0!.events.flatMap((event) => (event.kind === 'restored' ? [event] : [])),
  }
}

describe.each(DESIGN_NAMES)('moved once, under %s', (name) => {
  const unmoved = outcome(name)

  it('is a run that has every boundary', () => {
    expect(unmoved.moves).toEqual([])
    expect(unmoved.seen).toMatchObject({ reason: 'halted-forever', general: { r12: 13n, r14: 1n } })
    expect(unmoved.seen.exits.map(({ code }) => code)).toEqual([0x81n, 0x61n])
  })

  it.each(MIGRATION_POINTS)('%s: nobody can tell, whichever time it is', (point) => {
    let occasion = 1
    for (; ; occasion++) {
      const msrs = occasion % 2 === 0 ? 'before' : 'after'
      const { seen, moves } = outcome(name, { msrs, at: [point], occasion })
      expect(seen).toEqual(unmoved.seen)
      if (moves.length === 0) break
      expect(moves).toMatchObject([{ error: '', guestMode: point !== 'l1' && point !== 'smm' }])
    }
    expect(occasion).toBeGreaterThan(1)
  })
})
