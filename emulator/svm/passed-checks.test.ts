import fc from 'fast-check'
import { expect, it } from 'vitest'
import { CR0, CR4 } from '../state/mode.ts'
import { CHECKS, failedChecks } from './checks.ts'
import type { VmcbWords } from '../state/cpu.ts'
import { cpuFacts } from './facts.ts'
import { vmcbField } from './fields.ts'
import { checkVmcb } from './passed-checks.ts'
import { LONG_GUEST, svmTest, VMCB } from './svm.fixture.ts'
import { vmcbPage } from './vmcb-page.ts'

const FIELDS = [...new Set(CHECKS.flatMap(({ fields }) => fields))]

/** Values near those that guests have: legal ones, single bits, anything. */
const value = fc.oneof(
  fc.constantFrom(0n, 1n, 2n, ...Object.values(LONG_GUEST)),
  fc.nat(63).map((bit) => 1n << BigInt(bit)),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
)
const edit = fc.record({ field: fc.constantFrom(...FIELDS), value, undo: fc.boolean() })
const host = fc.constantFrom(CR0.PE | CR0.PG, CR0.PE)

it('the verdict on a VMCB is that of all checks, whatever passed before', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(edit, host), { maxLength: 30 }), (edits) => {
      const test = svmTest()
      const { cpu } = test
      for (const [{ field, value: edited, undo }, cr0] of edits) {
        const old = test.get(field)
        cpu.state.cr0 = cr0
        test.set({ [field]: BigInt.asUintN(vmcbField(field).bytes * 8, edited) })
        const vmcb = vmcbPage(cpu, VMCB)
        expect(checkVmcb(cpu, vmcb)).toEqual(failedChecks(vmcb, cpuFacts(cpu)))
        if (undo) test.set({ [field]: old })
      }
    }),
  )
})

it('illegal PDPEs that appear in memory are found though the VMCB is as it was', () => {
  const test = svmTest()
  test.set({ 'save.efer': 0x1000n, 'save.cr4': CR4.PAE, 'save.cs.attrib': 0xc9bn })
  const vmcb = vmcbPage(test.cpu, VMCB)
  expect(checkVmcb(test.cpu, vmcb)).toEqual([])
  test.cpu.memory.write(Number(LONG_GUEST['save.cr3']), 8, 0x1e7n)
  expect(checkVmcb(test.cpu, vmcb).map(({ id }) => id)).toEqual(['pae-pdpe-reserved'])
})

it('checks read only the fields that some check names', () => {
  const named = new Set(
    FIELDS.map(vmcbField).flatMap(({ offset, bytes }) => (bytes > 4 ? [offset, offset + 4] : [offset & ~3])),
  )
  const read = new Set<number>()
  fc.assert(
    fc.property(fc.infiniteStream(fc.oneof(fc.constant(0), fc.nat(), fc.constant(0xffff_ffff))), (words) => {
      const vmcb: VmcbWords = {
        word(offset) {
          read.add(offset)
          return words.next().value as number
        },
      }
      failedChecks(vmcb, cpuFacts(svmTest().cpu))
    }),
  )
  expect([...read].filter((offset) => !named.has(offset))).toEqual([])
})
