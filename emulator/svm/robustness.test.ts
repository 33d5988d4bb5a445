import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Exit } from '../state/faults.ts'
import { VMCB_FIELDS } from './fields.ts'
import { HOST_RIP, LONG_GUEST, svmTest, VMCB } from './svm.fixture.ts'

/** A field and a value for it: any bits, few bits, or all of them. */
const assignment = fc.constantFrom(...VMCB_FIELDS.filter(({ bytes }) => bytes <= 8)).chain(({ key, bytes }) =>
  fc
    .oneof(
      fc.bigInt({ min: 0n, max: (1n << BigInt(bytes * 8)) - 1n }),
      fc.nat(bytes * 8 - 1).map((bit) => 1n << BigInt(bit)),
      fc.constant((1n << BigInt(bytes * 8)) - 1n),
    )
    .map((value) => [key, value] as const),
)

it('VMRUN and #VMEXIT survive any change of a good VMCB, and give the host back', () => {
  let entered = 0
  fc.assert(
    fc.property(fc.array(assignment, { minLength: 1, maxLength: 4 }), (changes) => {
      const test = svmTest()
      test.set({ ...LONG_GUEST, ...Object.fromEntries(changes) })
      const failed = test.vmrun()
      const { state } = test.cpu
      if (state.guestMode) {
        entered++
        test.cpu.virtualization.exit(test.cpu, new Exit(0x78), 0n)
      }
      expect(state).toMatchObject({ guestMode: 0, gif: 0, cpl: 0, rip: HOST_RIP })
      expect(test.get('control.exit_code') === 0xffff_ffff_ffff_ffffn).toBe(failed.length > 0)
    }),
    { numRuns: 300 },
  )
  expect(entered).toBeGreaterThan(30)
})

it('VMRUN survives random bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4096, maxLength: 4096 }), (bytes) => {
      const test = svmTest()
      test.cpu.memory.load(VMCB, bytes)
      expect(test.vmrun()).not.toEqual([])
      expect(test.cpu.state.rip).toBe(HOST_RIP)
    }),
    { numRuns: 100 },
  )
})
