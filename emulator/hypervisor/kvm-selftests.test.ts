/**
 * What KVM's selftests expect of nested SVM, with guests of our own: the tests are named as KVM names them. Where it is the processor that
 * must behave so, the bare machine is asked too; "moved" is a vCPU that its user saves and restores after every exit.
 */
import { describe, expect, it } from 'vitest'
import { START } from '../machine/index.ts'
import { readField, vmcbField } from '../svm/index.ts'
import {
  exitsSeen,
  L1,
  L1_BYTES,
  L2,
  loadWords,
  NESTED,
  NESTED_PAGING,
  prepare,
  VMCB,
  type Program,
} from './l0.fixture.ts'

const GROUNDS = ['bare', 'under L0', 'moved'] as const
const UNDER_L0 = ['under L0', 'moved'] as const
type Ground = (typeof GROUNDS)[number]

const IDT = 0x5_1000
const GATES = 0x5_2000
const RECORD = 0x6_0000

/** An interrupt gate of the kernel's code segment. */
function gate(handler: number): [bigint, bigint] {
  return [BigInt(handler & 0xffff) | (8n << 16n) | (0x8e00n << 32n) | (BigInt(handler >> 16) << 48n), 0n]
}

/** Tables with which L2 takes events. */
const WITH_IDT = {
  'save.cs.selector': 8n,
  'save.gdtr.base': BigInt(START.gdt),
  'save.gdtr.limit': 0x1fn,
  'save.idtr.base': BigInt(IDT),
  'save.idtr.limit': 0xfffn,
}

interface Setup extends Program {
  /** By vector: code that lies 100h bytes from the next one at GATES. */
  readonly handlers?: Readonly<Record<number, readonly number[]>>
  readonly memory?: readonly (readonly [address: number, words: readonly bigint[]])[]
}

function start(ground: Ground, { handlers = {}, memory = [], ...program }: Setup) {
  const policy = ground === 'moved' ? { policy: { migration: { msrs: 'after' } } as const } : {}
  const prepared = prepare(ground !== 'bare', { ...program, ...policy })
  const { machine } = prepared
  Object.entries(handlers).forEach(([vector, code], i) => {
    loadWords(machine, IDT + Number(vector) * 16, gate(GATES + i * 0x100))
    machine.load(GATES + i * 0x100, Uint8Array.from(code))
  })
  for (const [address, words] of memory) loadWords(machine, address, words)
  return prepared
}

function run(ground: Ground, setup: Setup, instructions = 3000) {
  const prepared = start(ground, setup)
  const { machine } = prepared
  const result = machine.run(instructions)
  const image = new DataView(machine.readMemory(VMCB, 4096).buffer)
  const record = new DataView(machine.readMemory(RECORD, 64).buffer)
  return {
    ...prepared,
    reason: result.reason,
    general: machine.inspect().general,
    exits: exitsSeen(prepared),
    codes: exitsSeen(prepared).map(({ code }) => BigInt.asIntN(64, code)),
    field: (key: string) => readField(image, vmcbField(key)),
    record: Array.from({ length: 8 }, (_, i) => record.getBigUint64(i * 8, true)),
  }
}

const IRETQ = [0x48, 0xcf]
/** inc rbx; mov rdx, [rsp]; iretq */
const COUNT_AND_RETURN = [0x48, 0xff, 0xc3, 0x48, 0x8b, 0x14, 0x24, ...IRETQ]
const LIDT = `lidt [pointer]\n jmp over\n pointer: dw 0xfff\n dq ${IDT}\n over:`

describe.each(GROUNDS)('svm_nested_vmcb12_gpa, %s', (ground) => {
  it.each(['vmrun', 'vmload', 'vmsave'])('%s of a misaligned address raises #GP in L1', (mnemonic) => {
    const l1 = `${LIDT}\n mov rax, -1\n ${mnemonic}\n hlt`
    const handlers = { 13: [0xbb, 13, 0, 0, 0, 0xf4] } // mov ebx, 13; hlt
    const { general, codes } = run(ground, { l1, handlers })
    expect([general.rbx, codes]).toEqual([13n, []])
  })
})

describe.each(UNDER_L0)('svm_nested_vmcb12_gpa, %s', (ground) => {
  it.each(['vmrun', 'vmload', 'vmsave'])('%s where L1 has no RAM ends L1', (mnemonic) => {
    const { reason, codes } = run(ground, { l1: `mov rax, ${L1_BYTES + 0x1000_0000}\n ${mnemonic}\n hlt` })
    expect([reason, codes]).toEqual(['shutdown', []])
  })

  it('a nested #VMEXIT that cannot write vmcb12 shuts L1 down', () => {
    const { machine, l0 } = start(ground, { l2: `again: cmp byte [${RECORD}], 0\n je again\n vmmcall` })
    machine.run(500)
    l0!.state(0).nested.vmcb12 = L1_BYTES + 0x1000_0000
    machine.load(RECORD, Uint8Array.of(1))
    expect(machine.run(500).reason).toBe('shutdown')
  })
})

describe.each(UNDER_L0)('svm_nested_clear_efer_svme, %s', (ground) => {
  it('L2 that clears EFER.SVME takes L1 with it', () => {
    const l2 = 'mov ecx, 0xc0000080\n rdmsr\n and eax, ~0x1000\n wrmsr\n vmmcall'
    const { reason, codes } = run(ground, { l2 })
    expect([reason, codes]).toEqual(['shutdown', []])
  })
})

describe.each(UNDER_L0)('svm_nested_shutdown_test, %s', (ground) => {
  it('a triple fault of L2 that L1 does not intercept ends L1', () => {
    // #UD, #NP and #DF have gates that are not present.
    expect(run(ground, { l2: 'ud2', vmcb: WITH_IDT })).toMatchObject({ reason: 'shutdown', codes: [] })
  })
})

describe.each(GROUNDS)('svm_nested_soft_inject_test, %s', (ground) => {
  const l2 = 'ud2\n vmmcall'

  it('an injected INTn returns to nRIP, and is taken once', () => {
    const vmcb = {
      ...WITH_IDT,
      'control.event_inj': 0x8000_0420n,
      'control.n_rip': BigInt(L2 + 2),
    }
    const { general, codes } = run(ground, { l2, vmcb, handlers: { 0x20: COUNT_AND_RETURN } })
    expect([general.rbx, general.rdx, codes]).toEqual([1n, BigInt(L2 + 2), [0x81n]])
  })

  it('an injected #BP is taken once although its delivery meets a page that was never touched', () => {
    const vmcb = {
      ...WITH_IDT,
      ...NESTED_PAGING,
      'control.event_inj': 0x8000_0303n,
      'control.n_rip': BigInt(L2 + 2),
    }
    const { general, codes } = run(ground, { l2, vmcb, handlers: { 3: COUNT_AND_RETURN } })
    expect([general.rbx, general.rdx, codes]).toEqual([1n, BigInt(L2 + 2), [0x81n]])
  })

  it('an injected NMI runs the handler once', () => {
    const vmcb = { ...WITH_IDT, 'control.event_inj': 0x8000_0200n }
    const { general, codes } = run(ground, { l2: 'vmmcall', vmcb, handlers: { 2: COUNT_AND_RETURN } })
    expect([general.rbx, general.rdx, codes]).toEqual([1n, BigInt(L2), [0x81n]])
  })
})

describe.each(GROUNDS)('svm_int_ctl_test, %s', (ground) => {
  it('L2 takes the virtual interrupt and the physical one', () => {
    const vmcb = { ...WITH_IDT, 'control.virtual_interrupt': 0x20_0001_0100n }
    // Self-IPI of vector 30h, by the ICR of the APIC that belongs to L1.
    const l2 = `mov edi, 0xfee00000\n mov dword [rdi + 0xf0], 0x1ff\n mov dword [rdi + 0x300], 0x40030\n sti\n nop\n nop\n vmmcall`
    const handlers = {
      0x20: [0x48, 0x83, 0xc3, 1, ...IRETQ], // add rbx, 1
      0x30: [0x48, 0x83, 0xc3, 0x10, ...IRETQ], // add rbx, 10h
    }
    const { general, codes } = run(ground, { l2, vmcb, handlers })
    expect([general.rbx, codes]).toEqual([0x11n, [0x81n]])
  })
})

describe.each(GROUNDS)('svm_lbr_nested_state, %s', (ground) => {
  const readDebugCtl = 'mov ecx, 0x1d9\n rdmsr'
  const l1 = `${L1.replace('hlt', '')}\n ${readDebugCtl}\n mov ebx, eax\n mov ecx, 0x1db\n rdmsr\n mov esi, eax\n hlt`
  const l2 = `${readDebugCtl}\n or eax, 1\n wrmsr\n cpuid\n jmp there\n nop\n there: vmmcall`

  it('with LBR virtualization L2 has its own registers, which vmcb12 gets', () => {
    const { general, field, codes } = run(ground, {
      l1,
      l2,
      vmcb: { 'control.virtualization_extensions': 1n },
    })
    expect([codes, general.rbx, general.rsi, field('save.dbgctl')]).toEqual([[0x81n], 0n, 0n, 1n])
    expect(Number(field('save.br_from'))).toBeGreaterThan(L2)
    expect(field('save.br_to') - field('save.br_from')).toBe(3n)
  })

  it("without it L1 finds L2's", () => {
    const { general, field } = run(ground, { l1, l2 })
    expect([general.rbx, field('save.dbgctl')]).toEqual([1n, 0n])
    expect(Number(general.rsi)).toBeGreaterThan(L2)
  })
})

const KERNEL_GS_BASE = 0x620
const PAGES = { identity: 0x7_0000, translated: 0x7_1000 }

describe.each(GROUNDS)('nested_vmsave_vmload_test, %s', (ground) => {
  /** L2 saves KernelGsBase = AAAAh to a page, then loads it from there. */
  const l2 = `mov eax, 0xaaaa\n xor edx, edx\n mov ecx, 0xc0000102\n wrmsr\n mov eax, ${PAGES.identity}\n vmsave\n vmload\n vmmcall`
  /** Nested tables that give L2 the page above where it names the one below: 4 KB pages for the first 2 MB. */
  const swapped = Array.from({ length: 512 }, (_, page) => {
    const target = page === PAGES.identity >> 12 ? PAGES.translated : page << 12
    return BigInt(target) | 7n
  })
  const memory = [
    [NESTED + 0x1000, [BigInt(NESTED + 0x2000) | 7n]],
    [NESTED + 0x2000, [BigInt(NESTED + 0x3000) | 7n]],
    [NESTED + 0x3000, swapped],
  ] as const

  it.each([0n, 2n])('exits to L1 if L1 intercepts them, whatever the extension says (%s)', (extension) => {
    const vmcb = {
      ...NESTED_PAGING,
      'control.intercept_vector_4': 0xfn,
      'control.virtualization_extensions': extension,
    }
    expect(run(ground, { l2, vmcb, memory }).codes).toEqual([0x83n])
    expect(run(ground, { l2: l2.replace('vmsave\n', ''), vmcb, memory }).codes).toEqual([0x82n])
  })

  const targets = [
    [0n, PAGES.identity, PAGES.translated],
    [2n, PAGES.translated, PAGES.identity],
  ] as const
  it.each(targets)(
    'uses the address of L1, or with the extension the one that L2 means (%s)',
    (extension, hit, missed) => {
      const vmcb = { ...NESTED_PAGING, 'control.virtualization_extensions': extension }
      const { machine, codes } = run(ground, { l2, vmcb, memory })
      const saved = (page: number): bigint =>
        new DataView(machine.readMemory(page + KERNEL_GS_BASE, 8).buffer).getBigUint64(0, true)
      expect([codes, saved(hit), saved(missed)]).toEqual([[0x81n], 0xaaaan, 0n])
    },
  )
})

describe.each(GROUNDS)('nested_tdp_fault_test, %s', (ground) => {
  const DATA = 0x9_0000
  /** The first page of L2's page tables. */
  const TABLE = START.pageDirectories
  const FINAL = 1n << 32n
  const WALK = 2n << 32n
  const cases: [string, number, bigint, string, bigint][] = [
    ['reading a page that is not there', DATA, 0n, `mov rax, [${DATA}]`, FINAL | 4n],
    ['a page-table page that is not there', TABLE, 0n, `mov rax, [${DATA}]`, WALK | 6n],
    ['writing a read-only page', DATA, 5n, `mov [${DATA}], rax`, FINAL | 7n],
    ['a read-only page-table page', TABLE, 5n, `mov rax, [${DATA}]`, WALK | 7n],
  ]
  it.each(cases)('%s', (_, page, flags, l2, info1) => {
    const entries = Array.from({ length: 512 }, (__, n) => {
      const bits = n === page >> 12 ? flags : 7n
      return bits === 0n ? 0n : BigInt(n << 12) | bits
    })
    const memory = [
      [NESTED + 0x1000, [BigInt(NESTED + 0x2000) | 7n]],
      [NESTED + 0x2000, [BigInt(NESTED + 0x3000) | 7n]],
      [NESTED + 0x3000, entries],
    ] as const
    const { exits } = run(ground, { l2, vmcb: NESTED_PAGING, memory })
    expect(exits.map(({ code, info1: info, info2 }) => [code, info, Number(info2) & ~0xfff])).toEqual([
      [0x400n, info1, page],
    ])
  })
})

describe.each(GROUNDS)('nested_exceptions_test, %s', (ground) => {
  /** #SS with error code DEADBEEFh, injected while no gate of the IDT is within its limit. */
  const injected = { 'save.idtr.limit': 0n, 'control.event_inj': 0xdead_beef_8000_0b0cn }
  const SS = 1n << 12n
  const GP = 1n << 13n
  const DF = 1n << 8n
  const cases: [string, bigint, bigint, bigint][] = [
    ['#SS bypasses its own intercept, and becomes #GP', SS | GP, 0x4dn, 0x62n],
    ['without an intercept of #GP it becomes #DF', SS | DF, 0x48n, 0n],
  ]
  it.each(cases)('an injected %s', (_, intercepts, code, info1) => {
    const vmcb = { ...injected, 'control.intercept_vector_2': intercepts }
    const { exits } = run(ground, { vmcb })
    expect(exits.map((exit) => [exit.code, exit.info1])).toEqual([[code, info1]])
  })

  it('and without that one a shutdown, which L1 intercepts', () => {
    const vmcb = { ...injected, 'control.intercept_vector_2': SS, 'control.intercept_vector_3': 1n << 31n }
    expect(run(ground, { vmcb }).codes).toEqual([0x7fn])
  })
})

describe.each(GROUNDS)('nested_tsc_scaling_test, %s', (ground) => {
  /** The difference of two readings, in rDI of L1 and rSI of L2: the same instructions between them. */
  const measure = (register: string): string =>
    `rdtsc\n mov ${register}, eax\n nop\n nop\n nop\n nop\n rdtsc\n sub eax, ${register}\n mov ${register}, eax`

  it('L2 counts four times as fast, and L1 as before', () => {
    const l1 = `mov ecx, 0xc0000104\n xor eax, eax\n mov edx, 4\n wrmsr\n ${L1.replace('hlt', '')}\n ${measure('edi')}\n hlt`
    const { general, codes } = run(ground, { l1, l2: `${measure('esi')}\n vmmcall` })
    expect(codes).toEqual([0x81n])
    expect(general.rdi).toBeGreaterThan(0n)
    expect(general.rsi).toBe(4n * general.rdi)
  })
})

describe.each(GROUNDS)('nested_emulation_test, %s', (ground) => {
  const cases: [string, string, bigint, bigint, bigint][] = [
    ['PAUSE', 'pause', 1n << 23n, 0x77n, 2n],
    ['HLT', 'hlt', 1n << 24n, 0x78n, 1n],
  ]
  it.each(cases)('%s exits with its length in nRIP', (_, l2, intercept, code, length) => {
    const { codes, field } = run(ground, { l2, vmcb: { 'control.intercept_vector_3': intercept } })
    expect([codes, field('save.rip'), field('control.n_rip')]).toEqual([
      [code],
      BigInt(L2),
      BigInt(L2) + length,
    ])
  })
})

describe.each(GROUNDS)('state_test, the part of a virtual GIF, %s', (ground) => {
  const VGIF = 1n << 9n
  it.each([
    ['', VGIF],
    ['clgi', 0n],
    ['clgi\n stgi', VGIF],
  ])('L2 that executes "%s" leaves it so', (instructions, expected) => {
    // RDMSR of PAT is an exit to L0, at which a vCPU can be moved.
    const l2 = `${instructions}\n mov ecx, 0x277\n rdmsr\n vmmcall`
    const vmcb = { 'control.virtual_interrupt': (1n << 25n) | VGIF }
    const { codes, field } = run(ground, { l2, vmcb })
    expect([codes, field('control.virtual_interrupt') & VGIF]).toEqual([[0x81n], expected])
  })
})
