import { describe, expect, it } from 'vitest'
import { EXIT } from '../svm/index.ts'
import { Machine, START } from '../machine/index.ts'
import { inForce, type Decisions } from './decisions.ts'
import { design } from './designs.fixture.ts'
import { cpuOfL1, createL0 } from './index.ts'
import { L1_BYTES, L2, loadWords, NESTED, NESTED_PAGING, VMCB, vmcbImage } from './l0.fixture.ts'
import { triptych, type TriptychRow } from './views.ts'

/** The rows while L2 spins, after L1's VMRUN of a vmcb12 that differs from L1 in everything that may differ. */
function rowsOf(decisions: Decisions, fields: Readonly<Record<string, bigint>>): Map<string, TriptychRow> {
  const { host, l0 } = createL0(L1_BYTES, { decisions })
  const machine = new Machine({ ramBytes: L1_BYTES, cpu: cpuOfL1(), host })
  machine.start('long', START.program)
  // mov eax, VMCB; vmrun; hlt
  machine.load(START.program, Uint8Array.of(0xb8, 0, 0, VMCB >> 16, 0, 0x0f, 0x01, 0xd8, 0xf4))
  // jmp $
  machine.load(L2, Uint8Array.of(0xeb, 0xfe))
  machine.load(
    VMCB,
    vmcbImage({ 'control.tsc_offset': 5n, 'control.asid': 9n, 'save.cr2': 0x77n, ...fields }),
  )
  loadWords(machine, NESTED, [BigInt(NESTED + 0x1000) | 7n])
  loadWords(machine, NESTED + 0x1000, [0x87n])
  machine.run(500)
  return new Map(triptych(l0().state(0), decisions)!.map((row) => [row.field, row]))
}

const DESIGNS: [string, Decisions][] = [
  ['before-the-series', design('before-the-series')],
  ['live-page', design('live-page')],
  ['checked-only', design('checked-only')],
  ['as-merged, quirk off', inForce(design('as-merged'), false)],
]

/** What the guest's run changes in vmcb02, and what an exit takes back. */
const CHANGES = new Set(['save.rip', 'save.rflags', 'control.event_inj', 'save.cs.attrib', 'save.ss.attrib'])

describe.each(DESIGNS)('the triptych of %s', (_, decisions) => {
  const rows = rowsOf(decisions, { ...NESTED_PAGING, 'save.g_pat': 0x0606_0606_0606_0606n })

  it('names a source that has the value', () => {
    for (const { field, vmcb01, vmcb12, vmcb02, source } of rows.values()) {
      if (CHANGES.has(field)) continue
      // L0 stores what the processor makes of a field; EFER and CR0 come back with LMA and ET.
      const same = (value: bigint | undefined): boolean => value !== undefined && (vmcb02 & value) === value
      if (source === 'vmcb12') expect([field, same(vmcb12)]).toEqual([field, true])
      if (source === 'vmcb01') expect([field, vmcb02]).toEqual([field, vmcb01])
      if (source === 'live') expect([field, vmcb12]).toEqual([field, undefined])
    }
  })

  it("has L0's intercepts and L1's in the merged ones", () => {
    const row = rows.get('control.intercept_vector_4')!
    expect(row.source).toBe('merged')
    expect(row.vmcb02).toBe(row.vmcb01 | row.vmcb12!)
    expect((row.vmcb02 >> BigInt(EXIT.VMMCALL - 128)) & 1n).toBe(1n)
  })
})

describe('g_pat in the triptych', () => {
  const sources: [string, Decisions, boolean, string, boolean][] = [
    ['before the series', design('before-the-series'), true, 'vmcb01', false],
    ['of the live page', design('live-page'), true, 'live', false],
    ['of a field of its own', design('own-field'), true, 'vmcb12', true],
    ['as merged', inForce(design('as-merged'), false), true, 'vmcb12', true],
    ['as merged, without nested paging', inForce(design('as-merged'), false), false, 'vmcb01', true],
  ]
  it.each(sources)('%s', (_, decisions, nestedPaging, source, isCopied) => {
    const row = rowsOf(decisions, nestedPaging ? NESTED_PAGING : {}).get('save.g_pat')!
    expect([row.source, row.vmcb12 !== undefined]).toEqual([source, isCopied])
  })
})

describe('a vCPU that runs L1', () => {
  it('has no triptych', () => {
    const { host, l0 } = createL0(L1_BYTES)
    const machine = new Machine({ ramBytes: L1_BYTES, cpu: cpuOfL1(), host })
    machine.start('long', START.program)
    machine.run(10)
    expect(triptych(l0().state(0), design('as-merged'))).toBeUndefined()
  })
})
