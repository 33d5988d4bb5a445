import { describe, expect, it } from 'vitest'
import { describeCase, makeCase } from './cases.ts'
import { compareCases } from './compare.ts'
import { readOutcomes } from './outcome.ts'
import { runOurs } from './ours.ts'
import { qemuVersion } from './qemu.ts'

const SEED = 1
const CASES = Array.from({ length: 200 }, (_, index) => makeCase(SEED, index))

describe('random VMCBs', () => {
  it('have the same outcome in both executors', () => {
    const compiled = runOurs(CASES)
    expect(runOurs(CASES, 'evaluate')).toBe(compiled)
    expect(readOutcomes(compiled, CASES)).toHaveLength(CASES.length)
  })

  it('depend on the seed and the number of the case alone', () => {
    expect(describeCase(makeCase(SEED, 7))).toBe(describeCase(CASES[7]))
    expect(describeCase(makeCase(SEED + 1, 7))).not.toBe(describeCase(CASES[7]))
  })

  it.skipIf(qemuVersion() === undefined)(
    'have the same outcome in QEMU, but for its known deviations',
    () => {
      const residue = compareCases(CASES).flatMap(({ residue }, n) =>
        residue.map(({ key, ours, qemu }) => `${describeCase(CASES[n])}: ${key}: ${ours}, QEMU ${qemu}`),
      )
      expect(residue).toEqual([])
    },
  )
})
