import { describe, expect, it } from 'vitest'
import { vmcbField } from '../svm/index.ts'
import type { Effect } from './effects.ts'
import { L2, NESTED, NESTED_PAGING, runL1, VMCB } from './l0.fixture.ts'
import { addSources, forgetSources, isUpToDate } from './shadow-sources.ts'
import { createVcpuState, type VcpuState } from './state.ts'
import { put } from './vmcb-image.ts'

/** Whether the shadow is kept, when L1's memory answers a look at its tables with `same`. */
function isKept(vcpu: VcpuState, same: boolean): { kept: boolean; looks: Effect[] } {
  const looks: Effect[] = []
  const handler = isUpToDate(vcpu)
  let { done, value } = handler.next()
  while (!done) {
    looks.push(value as Effect)
    ;({ done, value } = handler.next(same))
  }
  return { kept: value as boolean, looks }
}

/** A vCPU with a shadow of one page, made of two entries. */
function vcpuWithShadow(): VcpuState {
  const vcpu = createVcpuState(0)
  put(vcpu.vmcb01, 'save.efer', 0x500n)
  put(vcpu.nested.controls, 'control.n_cr3', BigInt(NESTED))
  forgetSources(vcpu)
  vcpu.nested.shadowPages = 1
  addSources(vcpu.nested, [
    { at: NESTED, entry: 0x4_1027n },
    { at: NESTED + 0x1000, entry: 0xa7n },
  ])
  return vcpu
}

describe('the shadow of nested tables', () => {
  it('is kept while L1 has the entries that it was made of', () => {
    const { kept, looks } = isKept(vcpuWithShadow(), true)
    expect(kept).toBe(true)
    expect(looks).toMatchObject([
      {
        kind: 'compare',
        words: [
          { address: NESTED, bytes: 8, value: 0x4_1027n },
          { address: NESTED + 0x1000, bytes: 8, value: 0xa7n },
        ],
      },
    ])
    expect(isKept(vcpuWithShadow(), false).kept).toBe(false)
  })

  it('is not kept for other tables, or where L1 reads them in another way', () => {
    const [other, format] = [vcpuWithShadow(), vcpuWithShadow()]
    put(other.nested.controls, 'control.n_cr3', BigInt(NESTED + 0x1000))
    put(format.vmcb01, 'save.efer', 0xd00n)
    for (const vcpu of [other, format]) expect(isKept(vcpu, true)).toEqual({ kept: false, looks: [] })
  })

  it('is kept after D was set in an entry, and not after L1 changed one under it', () => {
    const [dirty, changed] = [vcpuWithShadow(), vcpuWithShadow()]
    addSources(dirty.nested, [{ at: NESTED + 0x1000, entry: 0xe7n }])
    addSources(changed.nested, [{ at: NESTED + 0x1000, entry: 0x20_00a7n }])
    expect([isKept(dirty, true).kept, isKept(changed, true).kept]).toEqual([true, false])
  })

  it('is not kept when it was made of too many entries, nor with any count that a saved state can have', () => {
    const vcpu = vcpuWithShadow()
    const entries = Array.from({ length: 300 }, (_, i) => ({ at: i * 8, entry: 1n }))
    addSources(vcpu.nested, entries)
    expect(isKept(vcpu, true).kept).toBe(false)
    for (const count of [-2, 256, 1e9]) {
      vcpu.nested.sourceCount = count
      expect(isKept(vcpu, true).kept).toBe(false)
    }
  })

  it.each([true, false])('shows L2 what L1 has mapped since its last VMRUN, under L0: %s', (underL0) => {
    const [rip, rax] = ['save.rip', 'save.rax'].map((key) => VMCB + vmcbField(key).offset)
    const enter = `mov qword [${rip}], ${L2}
      mov byte [${VMCB + vmcbField('control.tlb_control').offset}], 3
      mov rax, ${VMCB}
      vmrun`
    const l1 = `mov qword [${NESTED} + 0x1000], ${NESTED + 0x2007}
      mov qword [${NESTED} + 0x2000], 0x87
      mov qword [${NESTED} + 0x2008], ${NESTED + 0x3007}
      mov qword [${NESTED} + 0x3000], 0x60007
      mov qword [0x60000], 0x1111
      mov qword [0x61000], 0x2222
      ${enter}
      mov r8, [${rax}]
      ${enter}
      mov r9, [${rax}]
      mov qword [${NESTED} + 0x3000], 0x61007
      ${enter}
      mov r10, [${rax}]
      hlt`
    const l2 = 'mov rax, [0x200000]\n vmmcall'
    const { machine } = runL1(underL0, { vmcb: NESTED_PAGING, l1, l2 })
    const { r8, r9, r10 } = machine.inspect().general
    expect([r8, r9, r10]).toEqual([0x1111n, 0x1111n, 0x2222n])
  })
})
