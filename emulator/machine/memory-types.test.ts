/** Memory types end to end: assembled hosts and guests, their page tables, and what the TLB holds afterwards (APM vol 2 §15.25.8). */
import { describe, expect, test } from 'vitest'
import { findField, VMCB_BYTES, writeField } from '../svm/index.ts'
import { machineWith } from './machine.fixture.ts'
import type { Machine } from './machine.ts'
import { START } from './start.ts'

const GUEST = 0x1_1000
const VMCB = 0x2_0000
const GUEST_TABLES = 0x4_0000
const NESTED_TABLES = 0x5_0000
/** A page that nothing but the tests uses. */
const PAGE = 0x20_0000
const PAGE_IN_DIRECTORY = START.pageDirectories + (PAGE / 0x20_0000) * 8

/** Bits of a leaf: present, writable, user; PS where it is larger than 4 KB. */
const LEAF_4K = 0x07n
const LEAF_2M = 0x87n
const PWT = 1n << 3n
const PCD = 1n << 4n
const PAT_4K = 1n << 7n
const PAT_LARGE = 1n << 12n

const RESET_PAT = 0x0007_0406_0007_0406n
const ALL_WB = 0x0606_0606_0606_0606n

/** A PAT of WB with another type in one slot. */
function patWith(slot: number, type: number): bigint {
  const shift = BigInt(slot * 8)
  return (ALL_WB & ~(0xffn << shift)) | (BigInt(type) << shift)
}

function loadWords(machine: Machine, address: number, words: readonly bigint[]): void {
  machine.load(address, new Uint8Array(BigUint64Array.from(words).buffer))
}

/** Tables that map 0..2 MB to itself through slot 0, and PAGE with what `leaf` adds to its entry of 2 MB. */
function map2M(machine: Machine, root: number, leaf: bigint): void {
  loadWords(machine, root, [BigInt(root + 0x1000) | 7n])
  loadWords(machine, root + 0x1000, [BigInt(root + 0x2000) | 7n])
  loadWords(machine, root + 0x2000, [LEAF_2M, BigInt(PAGE) | LEAF_2M | leaf])
}

/** The same with PAGE mapped by an entry of 4 KB. */
function map4K(machine: Machine, root: number, leaf: bigint): void {
  map2M(machine, root, 0n)
  loadWords(machine, root + 0x2008, [BigInt(root + 0x3000) | 7n])
  loadWords(machine, root + 0x3000, [BigInt(PAGE) | LEAF_4K | leaf])
}

const wrmsr = (index: number, value: bigint): string =>
  `mov ecx, ${index}\nmov eax, ${value & 0xffff_ffffn}\nmov edx, ${value >> 32n}\nwrmsr\n`

function finish(machine: Machine): Machine {
  expect(machine.run(10_000).reason).toBe('halted-forever')
  return machine
}

/** Runs host code that ends in HLT, with start `long`. */
function runHost(code: string): Machine {
  return finish(machineWith(`${code}\nhlt`, 'long', { ramBytes: 0x40_0000 }))
}

interface GuestSetup {
  readonly vmcb?: Readonly<Record<string, bigint>>
  /** Executed before VMRUN. */
  readonly host?: string
  readonly code?: string
  readonly prepare?: (machine: Machine) => void
}

const TOUCH = `mov al, [${PAGE}]\nvmmcall`

/** Runs a 64-bit guest with tables of its own until its host halts; with nested paging unless `vmcb` says otherwise. */
function runGuest({ vmcb = {}, host = '', code = TOUCH, prepare }: GuestSetup): Machine {
  const source = `${host}mov rax, ${VMCB}\nvmrun\nhlt\ntimes ${GUEST - START.program} - ($ - $$) db 0\n${code}`
  const machine = machineWith(source, 'long', { ramBytes: 0x40_0000 })
  const image = new DataView(new ArrayBuffer(VMCB_BYTES))
  const fields = {
    'control.intercept_vector_4': 3n,
    'control.asid': 5n,
    'control.nested_control': 1n,
    'control.n_cr3': BigInt(NESTED_TABLES),
    'save.efer': 0x1500n,
    'save.cr0': 0x8000_0031n,
    'save.cr4': 0x20n,
    'save.cr3': BigInt(GUEST_TABLES),
    'save.cs.attrib': 0xa9bn,
    'save.ss.attrib': 0xc93n,
    'save.rip': BigInt(GUEST),
    'save.rflags': 2n,
    'save.g_pat': RESET_PAT,
    ...vmcb,
  }
  for (const [key, value] of Object.entries(fields)) writeField(image, findField(key)!, value)
  machine.load(VMCB, new Uint8Array(image.buffer))
  map2M(machine, GUEST_TABLES, 0n)
  map2M(machine, NESTED_TABLES, 0n)
  prepare?.(machine)
  finish(machine)
  expect(machine.events.since().findLast((event) => event.kind === 'vmexit')).toMatchObject({
    code: 0x81n,
    asid: 5,
  })
  return machine
}

const hostType = (machine: Machine) => machine.translation(BigInt(PAGE))?.memoryType
const guestType = (machine: Machine) => machine.translation(BigInt(PAGE), 5)?.memoryType

describe('without nested paging', () => {
  test('a page is write-back after start', () => {
    expect(hostType(runHost(`mov al, [${PAGE}]`))).toEqual({
      guestPat: 'WB',
      nestedPat: undefined,
      mtrr: 'WB',
      cacheDisable: false,
      combinedPat: 'WB',
      withMtrr: 'WB',
      effective: 'WB',
      guestSlot: 0,
      nestedSlot: undefined,
    })
  })

  test('the entry selects a slot of the PAT that WRMSR has filled', () => {
    const select = `or qword [${PAGE_IN_DIRECTORY}], ${PWT}\n`
    const machine = runHost(`${wrmsr(0x277, patWith(1, 1))}${select}mov al, [${PAGE}]`)
    expect(hostType(machine)).toMatchObject({ guestSlot: 1, guestPat: 'WC', effective: 'WC' })
  })

  test("a guest's WRMSR fills the one PAT there is", () => {
    const machine = runGuest({
      vmcb: { 'control.nested_control': 0n, 'save.g_pat': 0n },
      code: `${wrmsr(0x277, patWith(2, 5))}${TOUCH}`,
      prepare: (prepared) => map2M(prepared, GUEST_TABLES, PCD),
    })
    expect(guestType(machine)).toMatchObject({
      guestSlot: 2,
      guestPat: 'WP',
      nestedPat: undefined,
      effective: 'WP',
    })
  })

  test('PAT UC over MTRR WB is CD, not UC', () => {
    const machine = runHost(`or qword [${PAGE_IN_DIRECTORY}], ${PCD | PWT}\nmov al, [${PAGE}]`)
    expect(hostType(machine)).toMatchObject({ guestSlot: 3, guestPat: 'UC', mtrr: 'WB', effective: 'CD' })
  })
})

describe('with nested paging', () => {
  test("the guest's entry indexes gPAT and the nested entry hPAT", () => {
    const machine = runGuest({
      host: wrmsr(0x277, patWith(3, 0)),
      vmcb: { 'save.g_pat': patWith(1, 1) },
      prepare(prepared) {
        map2M(prepared, GUEST_TABLES, PWT)
        map2M(prepared, NESTED_TABLES, PCD | PWT)
      },
    })
    expect(guestType(machine)).toMatchObject({
      guestSlot: 1,
      guestPat: 'WC',
      nestedSlot: 3,
      nestedPat: 'UC',
      effective: 'WC',
    })
  })

  test('guest WB over nested UC is UC, and CD in the end', () => {
    const machine = runGuest({ prepare: (prepared) => map2M(prepared, NESTED_TABLES, PCD | PWT) })
    expect(guestType(machine)).toMatchObject({
      guestPat: 'WB',
      nestedPat: 'UC',
      combinedPat: 'UC',
      effective: 'CD',
    })
  })

  test('guest WC over nested WB is WC+', () => {
    const machine = runGuest({ vmcb: { 'save.g_pat': patWith(0, 1) } })
    expect(guestType(machine)).toMatchObject({ guestPat: 'WC', nestedPat: 'WB', effective: 'WC+' })
  })

  test('a guest with paging off asks for WB', () => {
    const machine = runGuest({
      code: `bits 32\nmov al, [${PAGE}]\nvmmcall`,
      vmcb: {
        'save.cr0': 0x11n,
        'save.efer': 0x1000n,
        'save.cr4': 0n,
        'save.cs.attrib': 0xc9bn,
        'save.cs.limit': 0xffff_ffffn,
        'save.ds.attrib': 0xc93n,
        'save.ds.limit': 0xffff_ffffn,
        'save.g_pat': 0n,
      },
    })
    expect(guestType(machine)).toMatchObject({
      guestSlot: undefined,
      guestPat: 'WB',
      nestedPat: 'WB',
      effective: 'WB',
    })
  })

  test('CD of the guest and CD of the host each disable caching', () => {
    const CD = 1n << 30n
    const ofGuest = runGuest({ vmcb: { 'save.cr0': 0x8000_0031n | CD } })
    expect(guestType(ofGuest)).toMatchObject({ cacheDisable: true, withMtrr: 'WB', effective: 'CD' })
    const ofHost = runGuest({ host: 'mov rax, cr0\nbts rax, 30\nmov cr0, rax\n' })
    expect(guestType(ofHost)).toMatchObject({ cacheDisable: true, withMtrr: 'WB', effective: 'CD' })
    expect(guestType(runGuest({}))).toMatchObject({ cacheDisable: false, effective: 'WB' })
  })

  test('without nested paging CD of the host is not the guest’s', () => {
    const machine = runGuest({
      host: 'mov rax, cr0\nbts rax, 30\nmov cr0, rax\n',
      vmcb: { 'control.nested_control': 0n },
    })
    expect(guestType(machine)).toMatchObject({ cacheDisable: false, effective: 'WB' })
  })
})

describe('the PAT bit', () => {
  const slots: [string, (machine: Machine) => void, object][] = [
    ['bit 7 of a 4 KB guest leaf', (m) => map4K(m, GUEST_TABLES, PAT_4K), { guestSlot: 4, nestedSlot: 0 }],
    [
      'bit 12 of a 2 MB guest leaf',
      (m) => map2M(m, GUEST_TABLES, PAT_LARGE),
      { guestSlot: 4, nestedSlot: 0 },
    ],
    ['bit 7 of a 4 KB nested leaf', (m) => map4K(m, NESTED_TABLES, PAT_4K), { guestSlot: 0, nestedSlot: 4 }],
    [
      'bit 12 of a 2 MB nested leaf',
      (m) => map2M(m, NESTED_TABLES, PAT_LARGE),
      { guestSlot: 0, nestedSlot: 4 },
    ],
    [
      'bit 12 of a 1 GB nested leaf',
      (m) => loadWords(m, NESTED_TABLES + 0x1000, [LEAF_2M | PAT_LARGE]),
      { guestSlot: 0, nestedSlot: 4 },
    ],
    [
      'no bit of an entry that points to a table',
      (m) => {
        loadWords(m, GUEST_TABLES, [BigInt(GUEST_TABLES + 0x1000) | 7n | PCD | PWT])
        loadWords(m, GUEST_TABLES + 0x1000, [BigInt(GUEST_TABLES + 0x2000) | 7n | PCD])
      },
      { guestSlot: 0, nestedSlot: 0 },
    ],
  ]
  test.each(slots)('is %s', (_, prepare, expected) => {
    expect(guestType(runGuest({ prepare }))).toMatchObject(expected)
  })
})

describe('MTRRs', () => {
  const base = BigInt(PAGE)
  const mask = 0xffff_ffe0_0000n | (1n << 11n)
  const range = (type: bigint): string => wrmsr(0x200, base | type) + wrmsr(0x201, mask)

  test('a variable range gives its type to the page', () => {
    expect(hostType(runHost(`${range(1n)}mov al, [${PAGE}]`))).toMatchObject({ mtrr: 'WC', effective: 'WC' })
  })

  test('they are asked for the system-physical address', () => {
    const machine = runGuest({
      host: range(4n),
      // gPA 0 has PAGE behind it, gPA PAGE has something else.
      code: `mov al, [${PAGE + 0x20_0000}]\n${TOUCH}`,
      prepare(prepared) {
        loadWords(prepared, GUEST_TABLES + 0x2010, [0x40_0000n | LEAF_2M])
        loadWords(prepared, NESTED_TABLES + 0x2008, [LEAF_2M, base | LEAF_2M])
      },
    })
    expect(guestType(machine)).toMatchObject({ mtrr: 'WB' })
    expect(machine.translation(base + 0x20_0000n, 5)).toMatchObject({
      guestAddress: 0x40_0000,
      address: PAGE,
      memoryType: { mtrr: 'WT', effective: 'WT' },
    })
  })

  test('a write of one flushes the translations', () => {
    const machine = machineWith(`mov al, [${PAGE}]\n${wrmsr(0x2ff, 0xc06n)}hlt`)
    machine.run(1)
    expect(machine.translation(BigInt(PAGE))).toBeDefined()
    machine.run(4)
    expect(machine.tlb()).toEqual([])
  })

  test('switched off, they make everything UC', () => {
    const machine = runHost(`${wrmsr(0x2ff, 6n)}mov al, [${PAGE}]`)
    expect(hostType(machine)).toMatchObject({ guestPat: 'WB', mtrr: 'UC', effective: 'UC' })
  })

  test('fixed ranges tell 4 KB pages of the first megabyte apart', () => {
    // 2 MB at 0 become 4 KB pages from a table at 50000h; A0000..A3FFF is WC, A4000..A7FFF is UC, the rest WB.
    const fixed = [0x250, 0x258, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f]
    const machine = machineWith(
      `${fixed.map((index) => wrmsr(index, ALL_WB)).join('')}${wrmsr(0x259, 0x0606_0606_0606_0001n)}${wrmsr(0x2ff, 0xc06n)}
      mov al, [0x9f000]\nmov al, [0xa3000]\nmov al, [0xa4000]\nmov al, [0xa8000]\nhlt`,
    )
    loadWords(machine, START.pageDirectories, [0x5_0007n])
    loadWords(
      machine,
      0x5_0000,
      Array.from({ length: 512 }, (_, page) => (BigInt(page) << 12n) | 7n),
    )
    finish(machine)
    const types = [0x9_f000n, 0xa_3000n, 0xa_4000n, 0xa_8000n].map(
      (linear) => machine.translation(linear)?.memoryType.effective,
    )
    expect(types).toEqual(['WB', 'WC', 'UC', 'WB'])
  })
})

describe('a translation in the TLB', () => {
  const touch = `mov al, [${PAGE}]\n`

  test('keeps its type when the PAT is written, until it is invalidated', () => {
    const stale = runHost(`${touch}${wrmsr(0x277, patWith(0, 0))}${touch}`)
    expect(hostType(stale)).toMatchObject({ guestPat: 'WB' })
    const fresh = runHost(`${touch}${wrmsr(0x277, patWith(0, 0))}invlpg [${PAGE}]\n${touch}`)
    expect(hostType(fresh)).toMatchObject({ guestPat: 'UC', effective: 'CD' })
  })

  test('goes when CR0.CD changes', () => {
    const machine = runHost(`${touch}mov rax, cr0\nbts rax, 30\nmov cr0, rax\n${touch}`)
    expect(hostType(machine)).toMatchObject({ cacheDisable: true, effective: 'CD' })
  })

  test('is shown with addresses, page size and permissions, and looking changes nothing', () => {
    const machine = runGuest({
      code: `mov [${PAGE}], al\nvmmcall`,
      prepare: (prepared) => map4K(prepared, NESTED_TABLES, 0n),
    })
    const digest = machine.digest()
    expect(machine.translation(BigInt(PAGE) + 0x123n, 5)).toMatchObject({
      asid: 5,
      linear: BigInt(PAGE) + 0x123n,
      guestAddress: PAGE + 0x123,
      address: PAGE + 0x123,
      pageBytes: 4096,
      user: true,
      writable: true,
      executable: true,
      global: false,
      dirty: true,
    })
    expect(machine.translation(BigInt(PAGE) + 0x1000n, 5)).toBeUndefined()
    expect(machine.translation(BigInt(PAGE), 6)).toBeUndefined()
    expect(machine.translation(BigInt(PAGE))).toBeUndefined()
    expect(machine.digest()).toBe(digest)
  })

  test('is the same under both executors', () => {
    const loop = `mov ecx, 200\nagain: mov al, [${PAGE}]\nloop again\nhlt`
    const [evaluated, compiled] = (['evaluate', 'compile'] as const).map((executor) =>
      finish(machineWith(loop, 'long', { executor, ramBytes: 0x40_0000 })),
    )
    expect(compiled.statistics().compiled).toBeGreaterThan(0)
    expect(compiled.tlb()).toEqual(evaluated.tlb())
    expect(compiled.digest()).toBe(evaluated.digest())
  })
})
