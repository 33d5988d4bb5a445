/**
 * `npm run fuzz:vmcb -- --seed N --count N`: random edits of working VMCBs, in our machine and in QEMU.
 *
 *   --seed N       which cases (default 1)
 *   --first N      number of the first case (default 0)
 *   --count N      how many (default 1000)
 *   --residue N    how many cases with differences to print (default 20)
 */
import { parseArgs } from 'node:util'
import { describeCase, makeCase, type Case } from './cases.ts'
import { compareWithQemu, LEAST_COMPARED, type Comparison } from './compare.ts'
import { DEVIATIONS } from './deviations.ts'
import { runOurs } from './ours.ts'
import { qemuVersion } from './qemu.ts'

/** Cases that one QEMU runs: a case at which it hangs costs the time of all of them. */
const BATCH = 250

function printResidue(subject: Case, { residue }: Comparison): void {
  console.log(describeCase(subject))
  for (const { key, ours, qemu } of residue) console.log(`    ${key}: ${ours}, QEMU ${qemu}`)
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      first: { type: 'string', default: '0' },
      count: { type: 'string', default: '1000' },
      residue: { type: 'string', default: '20' },
    },
  })
  const [seed, first, count, shown] = [values.seed, values.first, values.count, values.residue].map(Number)
  const version = qemuVersion()
  if (version === undefined) {
    console.error('qemu-system-x86_64 cannot be started (Debian package qemu-system-x86)')
    return 1
  }
  const excused = new Map(DEVIATIONS.map((deviation) => [deviation, 0]))
  let [compared, differing, alone, residual] = [0, 0, 0, 0]
  for (let start = first; start < first + count; start += BATCH) {
    const length = Math.min(BATCH, first + count - start)
    const cases = Array.from({ length }, (_, n) => makeCase(seed, start + n))
    const text = runOurs(cases)
    if (runOurs(cases, 'evaluate') !== text) throw new Error('the executors differ')
    const comparisons = await compareWithQemu(cases, text)
    comparisons.forEach((comparison, n) => {
      if (comparison.compared) compared++
      else console.log(`not compared, QEMU hangs: ${describeCase(cases[n])}`)
      for (const row of comparison.excusedBy) excused.set(row, excused.get(row)! + 1)
      if (comparison.alone) alone++
      if (comparison.excusedBy.size > 0 || comparison.residue.length > 0) differing++
      if (comparison.residue.length > 0 && residual++ < shown) printResidue(cases[n], comparison)
    })
  }
  console.log(
    `${compared} of ${count} cases of seed ${seed} compared with QEMU ${version}; both executors agree.`,
  )
  console.log(
    `${compared - differing} are equal, ${differing - residual} differ as QEMU is known to, ${residual} otherwise.`,
  )
  console.log(
    `${alone} were run again, alone: QEMU did not finish them, or kept something of the cases before.`,
  )
  for (const [{ cause, section }, times] of excused)
    console.log(`${String(times).padStart(7)}  ${cause}${section === '' ? '' : ` (APM vol 2 ${section})`}`)
  return residual === 0 && compared >= count * LEAST_COMPARED ? 0 : 1
}

if (import.meta.main) process.exitCode = await main()
