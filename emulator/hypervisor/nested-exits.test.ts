import { describe, expect, it } from 'vitest'
import { START } from '../machine/index.ts'
import { runL1, VMCB, type Program } from './l0.fixture.ts'

/** Writes a PAT with a reserved type: #GP(0), from the processor or from L0, which executes the WRMSR. */
const BAD_PAT = `
    mov ecx, 0x277
    mov eax, 0x02020202
    xor edx, edx
    wrmsr
    vmmcall`

/** Sets a gate for #GP, and runs L2 until it comes back. */
const WITH_HANDLER = `
    mov rax, handler
    mov rdi, 0x600d0
    mov [rdi], ax
    mov word [rdi + 2], 8
    mov word [rdi + 4], 0x8e00
    shr rax, 16
    mov [rdi + 6], ax
    mov rax, ${VMCB}
    vmrun
    hlt
  handler:
    vmmcall`

const GUEST_WITH_IDT = {
  'save.idtr.base': 0x6_0000n,
  'save.idtr.limit': 0xfffn,
  'save.gdtr.base': BigInt(START.gdt),
  'save.gdtr.limit': 0x1fn,
  'save.cs.selector': 8n,
}

function exitOf(underL0: boolean, vmcb: Program['vmcb']) {
  const program = { l1: WITH_HANDLER, l2: BAD_PAT, vmcb: { ...GUEST_WITH_IDT, ...vmcb } }
  const { exits, field } = runL1(underL0, program)
  return exits.map(({ code, info1, rip }) => ({ code, info1, rip, nextRip: field('control.n_rip') }))
}

describe('an exception that L0 raises in L2', () => {
  const intercepted = { 'control.intercept_vector_2': 1n << 13n }

  it('is an exit for an L1 that intercepts it, as on the bare machine', () => {
    const [exit] = exitOf(true, intercepted)
    expect(exit).toMatchObject({ code: 0x4dn, info1: 0n, nextRip: 0n })
    expect(exitOf(false, intercepted)).toEqual([exit])
  })

  it('goes to the handler of L2 otherwise', () => {
    expect(exitOf(true, {}).map(({ code }) => code)).toEqual([0x81n])
  })
})
