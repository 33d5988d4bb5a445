import { describe, expect, it } from 'vitest'
import { CS, DS, ES, FS, LDTR, RAX, RBX, RSP, SS, TF, TR } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { insertEntry, tlbEntries } from '../paging/tlb.ts'
import { ATTENTION } from '../state/attention.ts'
import { EXIT } from '../state/exit-codes.ts'
import { Exit, Fault, VECTOR } from '../state/faults.ts'
import { readRflags, writeRflags } from '../state/flags.ts'
import { CR0, CR4, EFER, MODE } from '../state/mode.ts'
import { ACTIVITY } from '../state/vcpu.ts'
import { afterInstruction } from '../system/boundary.ts'
import { loadRflags } from '../system/rflags.ts'
import { VMCB_FIELDS } from './fields.ts'
import { HOST_RIP, LONG_GUEST, svmTest, VMCB, type SvmTest } from './svm.fixture.ts'

function thrownBy(run: () => void): unknown {
  try {
    run()
  } catch (thrown) {
    return thrown
  }
  return undefined
}

/** The vector of the fault that VMRUN raises, or undefined. */
function vmrunFault(test: SvmTest): number | undefined {
  const thrown = thrownBy(() => test.execute('vmrun'))
  return thrown instanceof Fault ? thrown.vector : undefined
}

/** Takes the exit that VMMCALL in the guest takes. */
function exit(test: SvmTest, code: number = EXIT.VMMCALL, nextRip = 0n): void {
  test.cpu.virtualization.exit(test.cpu, new Exit(code), nextRip)
}

const NP = { 'control.nested_control': 1n, 'control.n_cr3': 0x3000n, 'save.g_pat': 0x0007_0406_0007_0106n }

describe('VMRUN before it enters', () => {
  it('raises #UD without EFER.SVME', () => {
    const test = svmTest()
    test.cpu.state.efer &= ~EFER.SVME
    expect(vmrunFault(test)).toBe(VECTOR.UD)
  })

  it('raises #UD in real mode', () => {
    const test = svmTest()
    test.cpu.state.cr0 = CR0.ET
    test.cpu.state.efer = EFER.SVME
    modeChanged(test.cpu)
    expect(vmrunFault(test)).toBe(VECTOR.UD)
  })

  it('raises #GP(0) at CPL 3', () => {
    const test = svmTest()
    test.cpu.state.cpl = 3
    expect(vmrunFault(test)).toBe(VECTOR.GP)
  })

  it.each([VMCB + 8, VMCB + 0x800, 2 ** 48, 2 ** 52])(
    'raises #GP(0) for rAX = %d, touching nothing',
    (rax) => {
      const test = svmTest()
      test.cpu.state.gpr[RAX] = BigInt(rax)
      test.set({ 'control.exit_code': 0x1234n })
      expect(vmrunFault(test)).toBe(VECTOR.GP)
      expect(test.get('control.exit_code')).toBe(0x1234n)
      expect(test.entered).toEqual([])
    },
  )

  it('cuts rAX to the address size', () => {
    const test = svmTest()
    test.cpu.state.gpr[RAX] = (1n << 40n) | BigInt(VMCB)
    test.execute('vmrun', { addressSize: 4 })
    expect(test.cpu.state.guestMode).toBe(1)
    expect(test.cpu.state.vmcb).toBe(VMCB)
  })

  it('in guest mode checks rAX, then exits for the intercept', () => {
    const test = svmTest()
    test.vmrun()
    const state = test.cpu.state
    state.cpl = 0
    state.gpr[RAX] = 1n
    expect(vmrunFault(test)).toBe(VECTOR.GP)
    state.gpr[RAX] = BigInt(VMCB)
    const thrown = thrownBy(() => test.execute('vmrun'))
    expect(thrown).toBeInstanceOf(Exit)
    expect((thrown as Exit).code).toBe(EXIT.VMRUN)
  })
})

describe('VMRUN', () => {
  it('enters the smallest 64-bit guest', () => {
    const test = svmTest()
    expect(test.vmrun()).toEqual([])
    const { state } = test.cpu
    expect(test.entered).toEqual([VMCB])
    expect(state.guestMode).toBe(1)
    expect(state.gif).toBe(1)
    expect(state.rip).toBe(0x4000n)
    expect(state.mode & (MODE.codeSize | MODE.long | MODE.guest)).toBe(2 | MODE.long | MODE.guest)
  })

  it('loads every register that the VMCB holds', () => {
    const test = svmTest()
    test.set({
      ...NP,
      'control.intercept_vector_0': 0x8000_0001n,
      'control.intercept_vector_5': 0x40n,
      'control.tsc_offset': 0x8877_6655_4433_2211n,
      'control.iopm_base_pa': 0x7fffn,
      'control.msrpm_base_pa': 0x1_2345_6789n,
      'control.asid': 7n,
      'control.virtual_interrupt': 0x55_0105_0103n,
      'save.cs.selector': 0x33n,
      'save.cs.limit': 0xffff_fffen,
      'save.cs.base': 0x1234_5678_9abc_def0n,
      'save.gdtr.base': 0x0100_0000_0000_1000n,
      'save.gdtr.limit': 0xab_cdefn,
      'save.idtr.base': 0xfe00_7fff_0000_1000n,
      'save.idtr.limit': 0xfffn,
      'save.cpl': 3n,
      'save.cr2': 0xdead_beef_0000_0001n,
      'save.cr3': 0x5000n,
      'save.rsp': 0xffff_ffff_8000_0000n,
      'save.rax': 0x1122_3344_5566_7788n,
      'save.rip': 0x8000_0000_0000_0000n,
      'save.rflags': 0x8d7n,
    })
    test.cpu.state.gpr[RBX] = 0x77n
    expect(test.vmrun()).toEqual([])
    const { state } = test.cpu
    expect([...state.intercepts]).toEqual([0x8000_0001, 0, 0, 0, 1, 0x40])
    expect(state.tscOffset).toBe(0x8877_6655_4433_2211n)
    expect(state.iopmBase).toBe(0x7000)
    expect(state.msrpmBase).toBe(0x1_2345_6000)
    expect(state.asid).toBe(7)
    expect(state.virtualInterrupt).toBe(0x0105_0103)
    expect(state.virtualInterruptVector).toBe(0x55)
    expect(state.nestedPaging).toBe(1)
    expect(state.nCr3).toBe(0x3000n)
    expect(state.gPat).toBe(0x0007_0406_0007_0106n)
    expect(state.segments[CS]).toMatchObject({
      selector: 0x33,
      attributes: 0xa9b,
      limit: 0xffff_fffe,
      base: 0x9abc_def0n,
    })
    expect(state.segments[SS].attributes).toBe(0xc93)
    expect(state.gdtrBase).toBe(0xff00_0000_0000_1000n)
    expect(state.gdtrLimit).toBe(0xcdef)
    expect(state.idtrBase).toBe(0x0000_7fff_0000_1000n)
    expect(state.cpl).toBe(3)
    expect(state.cr0).toBe(LONG_GUEST['save.cr0'])
    expect(state.cr2).toBe(0xdead_beef_0000_0001n)
    expect(state.cr3).toBe(0x5000n)
    expect(state.gpr[RSP]).toBe(0xffff_ffff_8000_0000n)
    expect(state.gpr[RAX]).toBe(0x1122_3344_5566_7788n)
    expect(state.gpr[RBX]).toBe(0x77n)
    expect(state.rip).toBe(0x8000_0000_0000_0000n)
    expect(readRflags(state)).toBe(0x8d7)
    expect(state.attention & ATTENTION.event).toBe(ATTENTION.event)
  })

  it('forces what the manual says is forced: CR0.ET, DR6, DR7 and rFLAGS bits, LMA, EFER bits 7:1', () => {
    const test = svmTest()
    test.set({
      'save.cr0': LONG_GUEST['save.cr0'] & ~0x10n,
      'save.efer': 0x11fen,
      'save.dr6': 0n,
      'save.dr7': 0n,
      'save.rflags': 0xffff_ffff_0000_8028n,
    })
    expect(test.vmrun()).toEqual([])
    const { state } = test.cpu
    expect(state.cr0).toBe(LONG_GUEST['save.cr0'])
    expect(state.efer).toBe(EFER.SVME | EFER.LME | EFER.LMA)
    expect(state.dr6).toBe(0xffff_0ff0n)
    expect(state.dr7).toBe(0x400n)
    expect(readRflags(state)).toBe(2)
  })

  it('clears LMA of a guest that is not in long mode', () => {
    const test = svmTest()
    test.set({ 'save.cr0': 0x10n, 'save.efer': 0x1500n })
    expect(test.vmrun()).toEqual([])
    expect(test.cpu.state.efer).toBe(EFER.SVME | EFER.LME)
  })

  it('ignores the CPL byte in real mode and in virtual-8086 mode', () => {
    const real = svmTest()
    real.set({ 'save.cr0': 0x10n, 'save.efer': 0x1000n, 'save.cpl': 3n })
    real.vmrun()
    expect(real.cpu.state.cpl).toBe(0)
    const v86 = svmTest()
    v86.set({ 'save.cr0': 0x11n, 'save.efer': 0x1000n, 'save.cpl': 0n, 'save.rflags': 0x2_0002n })
    v86.vmrun()
    expect(v86.cpu.state.cpl).toBe(3)
  })

  it('ignores rFLAGS.VM in long mode, which has no virtual-8086 mode', () => {
    const test = svmTest()
    test.set({ 'save.rflags': 0x2_0002n, 'save.cpl': 0n })
    test.vmrun()
    expect(readRflags(test.cpu.state)).toBe(2)
    expect(test.cpu.state.cpl).toBe(0)
    expect(test.cpu.state.mode & (MODE.virtual8086 | MODE.protected)).toBe(MODE.protected)
  })

  it('does not load FS, GS, LDTR, TR, KernelGsBase, nor G_PAT without nested paging', () => {
    const test = svmTest()
    const { state } = test.cpu
    const before = [FS, LDTR, TR].map((n) => state.segments[n].attributes)
    test.set({
      'save.fs.attrib': 0x123n,
      'save.ldtr.attrib': 0x123n,
      'save.tr.attrib': 0x123n,
      'save.kernel_gs_base': 5n,
      'save.g_pat': 7n,
    })
    state.gPat = 0x1234n
    expect(test.vmrun()).toEqual([])
    expect([FS, LDTR, TR].map((n) => state.segments[n].attributes)).toEqual(before)
    expect(state.kernelGsBase).toBe(0n)
    expect(state.gPat).toBe(0x1234n)
  })

  it('traps after the first guest instruction when the guest has TF, not at once', () => {
    const test = svmTest()
    test.set({ 'save.rflags': BigInt(TF | 2) })
    test.vmrun()
    expect(test.exits).toEqual([])
    expect(test.cpu.state.attention & ATTENTION.trap).toBe(ATTENTION.trap)
  })

  it('traps after the first guest instruction when host and guest both have TF', () => {
    const test = svmTest()
    const { cpu } = test
    loadRflags(cpu, TF | 2)
    test.set({ 'save.rflags': BigInt(TF | 2), 'control.intercept_vector_2': 1n << 1n })
    test.vmrun()
    expect(cpu.state.guestMode).toBe(1)
    expect(() => afterInstruction(cpu, cpu.state.attention)).toThrow(expect.objectContaining({ code: 0x41 }))
  })

  it('loads the interrupt shadow', () => {
    const test = svmTest()
    test.set({ 'control.interrupt_shadow': 3n })
    test.vmrun()
    expect(test.cpu.state.interruptShadow).toBe(1)
    expect(test.cpu.state.attention & ATTENTION.shadow).toBe(ATTENTION.shadow)
  })

  it.each([
    [0, [0, 1, 2]],
    [1, []],
    [3, [0, 2]],
    [7, [0, 1, 2]],
    [2, [0, 1, 2]],
  ])('with TLB_CONTROL %i leaves translations of ASIDs %j', (control, asids) => {
    const test = svmTest()
    const { cpu } = test
    for (const asid of [0, 1, 2]) {
      cpu.state.guestMode = 1
      cpu.state.asid = asid
      // Attribute bit 5: global.
      insertEntry(cpu, 0x40_0000, 0, {
        attributes: 1 << 5,
        address: 0x1000,
        guestAddress: 0x1000,
        memoryType: 0,
      })
    }
    cpu.state.guestMode = 0
    test.set({ 'control.tlb_control': BigInt(control), 'control.asid': 1n })
    test.vmrun()
    expect(tlbEntries(cpu.state).map(({ asid }) => asid)).toEqual(asids)
  })

  it('with TLB_CONTROL 7 flushes the translations of the ASID that are not global', () => {
    const test = svmTest()
    test.cpu.state.guestMode = 1
    test.cpu.state.asid = 1
    insertEntry(test.cpu, 0x40_0000, 0, {
      attributes: 0,
      address: 0x1000,
      guestAddress: 0x1000,
      memoryType: 0,
    })
    test.cpu.state.guestMode = 0
    test.set({ 'control.tlb_control': 7n })
    test.vmrun()
    expect(tlbEntries(test.cpu.state)).toEqual([])
    expect(test.get('control.tlb_control')).toBe(7n)
  })

  it('reads a VMCB outside RAM as all ones, which is illegal, and goes on in the host', () => {
    const test = svmTest()
    test.cpu.state.gpr[RAX] = 0x8000_0000n
    expect(test.vmrun()).toContain('cr0-upper-half')
    expect(test.cpu.state.rip).toBe(HOST_RIP)
  })
})

describe('#VMEXIT', () => {
  it('writes back every field that the table says it does, and changes no other', () => {
    const test = svmTest()
    test.set({ ...NP, 'control.virtualization_extensions': 1n })
    test.vmrun()
    const before = new Map(
      VMCB_FIELDS.filter(({ bytes }) => bytes <= 8).map(({ key }) => [key, test.get(key)]),
    )
    const { state } = test.cpu
    for (const n of [ES, CS, SS, DS]) {
      Object.assign(state.segments[n], {
        selector: 0x40 + n,
        attributes: 0x0f3,
        limit: 0x1000 + n,
        base: 0x5000n,
      })
    }
    Object.assign(state, { gdtrBase: 1n, gdtrLimit: 2, idtrBase: 3n, idtrLimit: 4, cpl: 3 })
    state.efer |= EFER.NXE
    state.cr4 |= CR4.PGE
    state.cr0 |= CR0.WP
    Object.assign(state, {
      cr3: 0x6000n,
      cr2: 7n,
      dr6: 0xffff_4ff0n,
      dr7: 0x401n,
      rip: 0x4004n,
      gPat: 0n,
      nCr3: 0n,
      debugCtl: 1n,
      lastBranchFromIp: 2n,
      lastBranchToIp: 3n,
      lastIntFromIp: 4n,
      lastIntToIp: 5n,
      specCtrl: 1n,
      busLockCounter: 6,
    })
    state.gpr[RSP] = 8n
    state.gpr[RAX] = 9n
    writeRflags(state, 0x857)
    Object.assign(state, {
      virtualInterrupt: 0x0000_0109,
      interruptShadow: 1,
      deliveringEvent: 0xd_8000_0b0en,
    })
    test.cpu.virtualization.exit(test.cpu, new Exit(EXIT.NPF, 0x1_0000_0014n, 0x1234_5000n), 0x4007n)
    for (const { key, moved, bytes } of VMCB_FIELDS) {
      if (bytes > 8 || key === 'control.event_inj' || key === 'control.instruction_bytes_fetched') continue
      const changed = test.get(key) !== before.get(key)
      expect(changed, key).toBe(moved.includes('vmexit'))
    }
    expect(test.get('save.cs.attrib')).toBe(0xf3n)
    expect(test.get('save.ds.base')).toBe(0x5000n)
    expect(test.get('save.cpl')).toBe(3n)
    expect(test.get('save.rflags')).toBe(0x857n)
    expect(test.get('save.rip')).toBe(0x4004n)
    expect(test.get('control.n_rip')).toBe(0x4007n)
    expect(test.get('control.exit_code')).toBe(0x400n)
    expect(test.get('control.exit_info_1')).toBe(0x1_0000_0014n)
    expect(test.get('control.exit_info_2')).toBe(0x1234_5000n)
    expect(test.get('control.exit_int_info')).toBe(0xd_8000_0b0en)
    expect(test.get('control.virtual_interrupt')).toBe(0x109n)
    expect(test.get('control.interrupt_shadow')).toBe(1n)
  })

  it('keeps the bits of the virtual-interrupt word that are not written back', () => {
    const test = svmTest()
    test.set({ 'control.virtual_interrupt': 0x55_0115_0103n })
    test.vmrun()
    test.cpu.state.virtualInterrupt = 0x0005
    exit(test)
    expect(test.get('control.virtual_interrupt')).toBe(0x55_0115_0005n)
  })

  it('does not write G_PAT back without nested paging', () => {
    const test = svmTest()
    test.set({ 'save.g_pat': 0xffffn })
    test.vmrun()
    exit(test)
    expect(test.get('save.g_pat')).toBe(0xffffn)
  })

  it('reloads the host exactly, but for DR7', () => {
    const test = svmTest()
    const { state } = test.cpu
    const host = () => ({
      cr: [state.cr0, state.cr3, state.cr4, state.efer],
      rsp: state.gpr[RSP],
      rax: state.gpr[RAX],
      rflags: readRflags(state),
      tables: [state.gdtrBase, state.gdtrLimit, state.idtrBase, state.idtrLimit],
      segments: [ES, CS, SS, DS].map((n) => {
        const { selector, attributes, limit, base } = state.segments[n]
        return { selector, attributes, limit, base }
      }),
      rip: state.rip,
      cpl: state.cpl,
      mode: state.mode,
      pat: state.pat,
    })
    state.dr7 = 0x401n
    writeRflags(state, 0x8d7)
    const before = host()
    test.set({
      ...NP,
      'save.cpl': 3n,
      'save.cr3': 0x7000n,
      'save.rsp': 1n,
      'save.dr6': 1n,
      'save.cr2': 0x99n,
    })
    test.vmrun()
    exit(test)
    expect(host()).toEqual(before)
    expect(state.dr7).toBe(0x400n)
    expect(state.dr6).toBe(0xffff_0ff1n)
    expect(state.cr2).toBe(0x99n)
  })

  it('clears GIF, the intercepts, the ASID, the TSC offset and the virtual interrupt', () => {
    const test = svmTest()
    test.set({ ...NP, 'control.tsc_offset': 5n, 'control.virtual_interrupt': 0x1f_0100n })
    test.vmrun()
    exit(test)
    expect(test.cpu.state).toMatchObject({
      gif: 0,
      guestMode: 0,
      asid: 0,
      tscOffset: 0n,
      virtualInterrupt: 0,
      nestedPaging: 0,
      deliveringEvent: 0n,
    })
    expect([...test.cpu.state.intercepts]).toEqual([0, 0, 0, 0, 0, 0])
  })

  it("wakes a halted guest's processor for the host", () => {
    const test = svmTest()
    test.vmrun()
    Object.assign(test.cpu.state, { activity: ACTIVITY.halted })
    test.cpu.state.attention |= ATTENTION.inactive
    exit(test, EXIT.INTR)
    expect(test.cpu.state.activity).toBe(ACTIVITY.running)
    expect(test.cpu.state.attention & ATTENTION.inactive).toBe(0)
  })

  it("clears host RF and keeps the host's other flags", () => {
    const test = svmTest()
    writeRflags(test.cpu.state, 0x1_0246)
    test.vmrun()
    exit(test)
    expect(readRflags(test.cpu.state)).toBe(0x246)
  })

  it('stores EXITCODE in 64 bits, zero above a positive code', () => {
    const test = svmTest()
    test.set({ 'control.exit_code': 0xffff_ffff_ffff_ffffn })
    test.vmrun()
    exit(test)
    expect(test.get('control.exit_code')).toBe(0x81n)
  })

  it('leaves zero where the manual leaves EXITINFO1 and EXITINFO2 undefined', () => {
    const test = svmTest()
    test.set({ 'control.exit_info_1': 5n, 'control.exit_info_2': 6n })
    test.vmrun()
    exit(test)
    expect(test.get('control.exit_info_1')).toBe(0n)
    expect(test.get('control.exit_info_2')).toBe(0n)
  })

  it('tells the observer', () => {
    const test = svmTest()
    test.vmrun()
    test.cpu.state.instructions = 42
    test.cpu.virtualization.exit(test.cpu, new Exit(EXIT.MSR, 1n), 0x4002n)
    expect(test.exits).toEqual([
      {
        instructions: 42,
        vmcb: VMCB,
        asid: 1,
        code: 0x7cn,
        info1: 1n,
        info2: 0n,
        rip: 0x4000n,
        nextRip: 0x4002n,
        failedChecks: [],
      },
    ])
  })

  it('announces its writes to memory, and only those', () => {
    const test = svmTest()
    const heard: number[] = []
    test.cpu.memory.observer = { firstWrite: (page) => heard.push(page) }
    test.vmrun()
    test.cpu.memory.watchPages()
    exit(test)
    expect(heard).toEqual([VMCB / 4096])
  })

  it('raises #DB in a host that single-steps over VMRUN: here a shutdown, for want of an IDT', () => {
    const test = svmTest()
    writeRflags(test.cpu.state, TF | 2)
    test.vmrun()
    expect(test.cpu.state.activity).toBe(ACTIVITY.running)
    exit(test)
    expect(test.cpu.state.activity).toBe(ACTIVITY.shutdown)
    expect(test.cpu.state.dr6 & 0x4000n).toBe(0x4000n)
  })

  it('shuts down when the PDPEs of a PAE host became illegal', () => {
    const test = svmTest()
    const { state, memory } = test.cpu
    Object.assign(state, { efer: EFER.SVME, cr3: 0x1000n })
    state.segments[CS].attributes = 0xc9b
    modeChanged(test.cpu)
    test.vmrun()
    memory.write32(0x1000, 0x21)
    exit(test)
    expect(state.activity).toBe(ACTIVITY.shutdown)
  })
})

describe('VMEXIT_INVALID', () => {
  it('stores -1 in 64 bits and leaves the state-save area alone', () => {
    const test = svmTest()
    test.set({
      'control.asid': 0n,
      'save.rip': 0x77n,
      'save.dr6': 5n,
      'save.rflags': 0n,
      'control.n_rip': 9n,
    })
    expect(test.vmrun()).toEqual(['asid-zero'])
    expect(test.get('control.exit_code')).toBe(0xffff_ffff_ffff_ffffn)
    expect(test.get('save.rip')).toBe(0x77n)
    expect(test.get('save.dr6')).toBe(5n)
    expect(test.get('save.rflags')).toBe(0n)
    expect(test.get('control.n_rip')).toBe(0n)
  })

  it('leaves the host after VMRUN with GIF = 0 and its breakpoints off', () => {
    const test = svmTest()
    const { state } = test.cpu
    state.dr7 = 0x401n
    test.set({ 'control.asid': 0n })
    test.vmrun()
    expect(state).toMatchObject({ rip: HOST_RIP, gif: 0, guestMode: 0, cpl: 0, dr7: 0x400n })
    expect(state.gpr[RAX]).toBe(BigInt(VMCB))
  })

  it('clears EVENTINJ.V and nothing else of EVENTINJ', () => {
    const test = svmTest()
    test.set({ 'control.event_inj': 0x1234_8000_0b0dn, 'control.asid': 0n })
    test.vmrun()
    expect(test.get('control.event_inj')).toBe(0x1234_0000_0b0dn)
  })

  it('names the failed check, its field, value and bits', () => {
    const test = svmTest()
    test.set({ ...NP, 'save.g_pat': 0x0007_0406_0008_0406n })
    expect(test.vmrun()).toEqual(['g-pat-type'])
    expect(test.failed()[0]).toEqual({
      id: 'g-pat-type',
      field: 'save.g_pat',
      value: 0x0007_0406_0008_0406n,
      bits: 0x8_0000n,
    })
  })

  it('is not a flush: TLB_CONTROL does nothing', () => {
    const test = svmTest()
    insertEntry(test.cpu, 0x40_0000, 0, {
      attributes: 0,
      address: 0x1000,
      guestAddress: 0x1000,
      memoryType: 0,
    })
    test.set({ 'control.tlb_control': 1n, 'control.asid': 0n })
    test.vmrun()
    expect(tlbEntries(test.cpu.state)).toHaveLength(1)
  })

  it('sees the PDPEs of a PAE guest in memory', () => {
    const test = svmTest()
    test.set({ 'save.efer': 0x1000n, 'save.cr3': 0x8020n })
    test.cpu.memory.write32(0x8020, 0x1001)
    expect(test.vmrun()).toEqual([])
    exit(test)
    test.cpu.memory.write32(0x8038, 0x1003)
    expect(test.vmrun()).toEqual(['pae-pdpe-reserved'])
  })
})
