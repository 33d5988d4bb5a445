import { describe, expect, it } from 'vitest'
import { FS, GS, LDTR, RAX, RCX, TR } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { insertEntry, tlbEntries } from '../paging/tlb.ts'
import { ATTENTION } from '../state/attention.ts'
import { EXIT } from '../state/exit-codes.ts'
import { Exit, Fault, VECTOR } from '../state/faults.ts'
import { CR0, EFER } from '../state/mode.ts'
import { VMCB_FIELDS } from './fields.ts'
import { SVM_INSTRUCTIONS } from './instructions.ts'
import { svmTest, VMCB, type SvmTest } from './svm.fixture.ts'

/** 'entered' when nothing is thrown, else the fault's vector or the exit's code. */
function outcome(test: SvmTest, operation: string): string {
  try {
    test.execute(operation)
  } catch (thrown) {
    if (thrown instanceof Fault) return `fault ${thrown.vector}`
    if (thrown instanceof Exit) return `exit ${thrown.code.toString(16)}`
    throw thrown
  }
  return 'done'
}

const NEED_SVME = ['vmrun', 'vmload', 'vmsave', 'clgi', 'invlpga']
const PRIVILEGED = [...NEED_SVME, 'stgi', 'skinit']
const HIDDEN = VMCB_FIELDS.filter(({ moved }) => moved.includes('vmload'))

it.each(NEED_SVME)('%s raises #UD without EFER.SVME, before #GP', (operation) => {
  const test = svmTest()
  test.cpu.state.efer &= ~EFER.SVME
  test.cpu.state.cpl = 3
  expect(outcome(test, operation)).toBe(`fault ${VECTOR.UD}`)
})

it('STGI needs no EFER.SVME where CPUID reports SKINIT', () => {
  const test = svmTest()
  test.cpu.state.efer &= ~EFER.SVME
  expect(outcome(test, 'stgi')).toBe('done')
  const without = svmTest('default,-skinit')
  without.cpu.state.efer &= ~EFER.SVME
  expect(outcome(without, 'stgi')).toBe(`fault ${VECTOR.UD}`)
})

describe.each(PRIVILEGED)('%s', (operation) => {
  it('raises #UD outside protected mode', () => {
    const test = svmTest()
    Object.assign(test.cpu.state, { cr0: CR0.ET, efer: EFER.SVME })
    modeChanged(test.cpu)
    expect(outcome(test, operation)).toBe(`fault ${VECTOR.UD}`)
  })

  it('raises #GP(0) at CPL 3, before its intercept', () => {
    const test = svmTest()
    test.set({ 'control.intercept_vector_4': 0xffff_ffffn, 'control.intercept_vector_3': 0xffff_ffffn })
    test.vmrun()
    test.cpu.state.cpl = 3
    expect(outcome(test, operation)).toBe(`fault ${VECTOR.GP}`)
  })

  it('exits when intercepted', () => {
    const test = svmTest()
    test.set({ 'control.intercept_vector_4': 0xffff_ffffn, 'control.intercept_vector_3': 0xffff_ffffn })
    test.vmrun()
    test.cpu.state.gpr[RAX] = BigInt(VMCB)
    expect(outcome(test, operation)).toBe(`exit ${EXIT[operation.toUpperCase() as 'VMRUN'].toString(16)}`)
  })
})

describe.each(['vmload', 'vmsave'])('%s', (operation) => {
  it('raises #GP(0) for a misaligned rAX, before its intercept', () => {
    const test = svmTest()
    test.set({ 'control.intercept_vector_4': 0xffn })
    test.vmrun()
    test.cpu.state.gpr[RAX] = 0x10_0001n
    expect(outcome(test, operation)).toBe(`fault ${VECTOR.GP}`)
  })
})

describe('VMLOAD and VMSAVE', () => {
  it("move the registers of the manual's list", () => {
    const names = HIDDEN.map(({ key }) => key.replace(/^save\./, '').replace(/\..*/, ''))
    expect([...new Set(names)]).toEqual([
      'fs', 'gs', 'ldtr', 'tr', 'star', 'lstar', 'cstar', 'sfmask',
      'kernel_gs_base', 'sysenter_cs', 'sysenter_esp', 'sysenter_eip',
    ]) // prettier-ignore
  })

  it('bring every such field from one VMCB to another', () => {
    const test = svmTest()
    HIDDEN.forEach(({ key, bytes }, i) => {
      test.set({
        [key]: key.endsWith('attrib')
          ? BigInt(0x80 + i)
          : BigInt.asUintN(bytes * 8, 0x7654_3210_89ab_0000n >> 16n) + BigInt(i),
      })
    })
    const before = HIDDEN.map(({ key }) => test.get(key))
    test.execute('vmload')
    const { state } = test.cpu
    expect(state.segments[FS].base).toBe(test.get('save.fs.base'))
    expect(state.segments[TR].limit).toBe(Number(test.get('save.tr.limit')))
    expect(state.segments[LDTR].attributes).toBe(Number(test.get('save.ldtr.attrib')))
    expect(state.lstar).toBe(test.get('save.lstar'))
    expect(state.sysenterEip).toBe(test.get('save.sysenter_eip'))
    for (const { key } of HIDDEN) test.set({ [key]: 0n })
    test.execute('vmsave')
    expect(HIDDEN.map(({ key }) => test.get(key))).toEqual(before)
  })

  it('sign-extend the bases of FS, GS, LDTR and TR and KernelGsBase', () => {
    const test = svmTest()
    for (const name of ['fs.base', 'gs.base', 'ldtr.base', 'tr.base', 'kernel_gs_base'])
      test.set({ [`save.${name}`]: 0x1301_8000_0000_0001n })
    test.execute('vmload')
    const { state } = test.cpu
    for (const n of [FS, GS, LDTR, TR]) expect(state.segments[n].base).toBe(0xff01_8000_0000_0001n)
    expect(state.kernelGsBase).toBe(0xff01_8000_0000_0001n)
  })

  it('leave every other field alone', () => {
    const test = svmTest()
    const others = VMCB_FIELDS.filter(({ moved, bytes }) => !moved.includes('vmsave') && bytes <= 8)
    const before = others.map(({ key }) => test.get(key))
    test.execute('vmsave')
    expect(others.map(({ key }) => test.get(key))).toEqual(before)
  })
})

describe('VMMCALL', () => {
  it('raises #UD in the host, and in a guest that is not intercepted', () => {
    const test = svmTest()
    expect(outcome(test, 'vmmcall')).toBe(`fault ${VECTOR.UD}`)
    test.vmrun()
    expect(outcome(test, 'vmmcall')).toBe(`fault ${VECTOR.UD}`)
  })

  it('exits at any CPL when intercepted', () => {
    const test = svmTest()
    test.set({ 'control.intercept_vector_4': 3n, 'save.cpl': 3n })
    test.vmrun()
    expect(outcome(test, 'vmmcall')).toBe('exit 81')
  })
})

describe('STGI and CLGI', () => {
  it('set and clear GIF; STGI asks for a look at what is pending', () => {
    const test = svmTest()
    test.execute('clgi')
    expect(test.cpu.state.gif).toBe(0)
    test.cpu.state.attention = 0
    test.execute('stgi')
    expect(test.cpu.state.gif).toBe(1)
    expect(test.cpu.state.attention & ATTENTION.event).toBe(ATTENTION.event)
  })
})

describe('INVLPGA', () => {
  it('drops the page of one ASID, global or not', () => {
    const test = svmTest()
    const { cpu } = test
    for (const asid of [0, 1, 2]) {
      Object.assign(cpu.state, { guestMode: 1, asid })
      insertEntry(cpu, 0x40_0000, 0, {
        attributes: 1 << 5,
        address: 0x1000,
        guestAddress: 0x1000,
        memoryType: 0,
      })
    }
    cpu.state.guestMode = 0
    cpu.state.gpr[RAX] = 0x40_0123n
    cpu.state.gpr[RCX] = 0xffff_ffff_0000_0002n
    test.execute('invlpga')
    expect(tlbEntries(cpu.state).map(({ asid }) => asid)).toEqual([0, 1])
    cpu.state.gpr[RCX] = 0n
    test.execute('invlpga')
    expect(tlbEntries(cpu.state).map(({ asid }) => asid)).toEqual([1])
  })
})

it('the table names all eight SVM instructions', () => {
  expect([...SVM_INSTRUCTIONS.keys()].sort()).toEqual([
    'clgi', 'invlpga', 'skinit', 'stgi', 'vmload', 'vmmcall', 'vmrun', 'vmsave',
  ]) // prettier-ignore
})
