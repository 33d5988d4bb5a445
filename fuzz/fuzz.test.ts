import { describe, expect, it } from 'vitest'
import { describeCase, makeCase } from './cases.ts'
import { compareWithQemu, LEAST_COMPARED } from './compare.ts'
import { runOurs } from './ours.ts'
import { qemuVersion } from './qemu.ts'

const SEED = 1
const CASES = Array.from({ length: 100 }, (_, index) => makeCase(SEED, index))
const compiled = runOurs(CASES)

describe('random VMCBs', () => {
  it('have the same outcome in both executors', () => {
    expect(runOurs(CASES, 'evaluate')).toBe(compiled)
  })

  it('depend on the seed and the number of the case alone', () => {
    expect(describeCase(makeCase(SEED, 7))).toBe(describeCase(CASES[7]))
    expect(describeCase(makeCase(SEED + 1, 7))).not.toBe(describeCase(CASES[7]))
  })

  it.skipIf(qemuVersion() === undefined)(
    'have the same outcome in QEMU, but for its known deviations (skipped without qemu-system-x86_64)',
    async () => {
      const comparisons = await compareWithQemu(CASES, compiled)
      const residue = comparisons.flatMap(({ residue }, n) =>
        residue.map(({ key, ours, qemu }) => `${describeCase(CASES[n])}: ${key}: ${ours}, QEMU ${qemu}`),
      )
      expect(residue).toEqual([])
      const compared = comparisons.filter(({ compared }) => compared).length
      if (compared < CASES.length)
        process.stdout.write(`QEMU hung at ${CASES.length - compared} of ${CASES.length} cases\n`)
      expect(compared).toBeGreaterThanOrEqual(CASES.length * LEAST_COMPARED)
    },
  )
})
