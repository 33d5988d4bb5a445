/**
 * `npm run bench`: how fast the machine is, executors side by side in one run.
 *
 *   --json        figures as JSON
 *   --divisor N   divides the guests' counts (default 10; evaluate does a hundredth of what compile does)
 */
import { parseArgs } from 'node:util'
import { measureBundles } from './bundle.ts'
import { measureGuest, type Executor, type Measurement } from './guest.ts'
import { measureOnePage, measureStepBack } from './program.ts'

const EXECUTORS: readonly Executor[] = ['compile', 'evaluate']

/** Evaluate gets so many times less to do. */
const EVALUATE_SHARE = 100

const GUESTS = ['plain64', 'svm_all'] as const
const ONE_PAGE_ITERATIONS = 1_000_000
const STEP_BACK_RUN = 100_000

/** Benchmarks whose iterations are what counts: round trips or faults, in thousands a second. */
const COUNTED_BY_ITERATION = /^svm_(rt|npt_rt|full_rt|npf|cpuid|ioio)$/

interface Row {
  readonly name: string
  readonly unit: 'MIPS' | 'thousand/s'
  readonly ok: boolean
  readonly compile: number
  readonly evaluate: number
}

function rate({ name, instructions, iterations, milliseconds }: Measurement): number {
  return COUNTED_BY_ITERATION.test(name) ? iterations / milliseconds : instructions / milliseconds / 1000
}

function benchmarkGuest(guest: string, divisor: number): Row[] {
  const [compiled, evaluated] = EXECUTORS.map((executor) =>
    measureGuest(guest, executor === 'evaluate' ? divisor * EVALUATE_SHARE : divisor, executor),
  )
  return compiled.map((measurement, index) => ({
    name: measurement.name,
    unit: COUNTED_BY_ITERATION.test(measurement.name) ? 'thousand/s' : 'MIPS',
    ok: measurement.ok && evaluated[index].ok,
    compile: rate(measurement),
    evaluate: rate(evaluated[index]),
  }))
}

function benchmarkOnePage(): Row {
  return {
    name: 'one page for code, stack, data',
    unit: 'MIPS',
    ok: true,
    compile: measureOnePage(ONE_PAGE_ITERATIONS, 'compile'),
    evaluate: measureOnePage(ONE_PAGE_ITERATIONS / EVALUATE_SHARE, 'evaluate'),
  }
}

function printRow({ name, unit, ok, compile, evaluate }: Row): void {
  const columns = [compile.toFixed(1), evaluate.toFixed(2), (compile / evaluate).toFixed(0)]
  const [compiled, evaluated, ratio] = columns.map((column) => column.padStart(9))
  console.log(`${name.padEnd(32)}${compiled}${evaluated}${ratio}  ${unit}${ok ? '' : '  WRONG RESULT'}`)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { json: { type: 'boolean', default: false }, divisor: { type: 'string', default: '10' } },
  })
  const rows: Row[] = []
  const add = (row: Row): void => {
    rows.push(row)
    if (!values.json) printRow(row)
  }
  if (!values.json) console.log(`${''.padEnd(32)}  compile evaluate    ratio`)
  for (const guest of GUESTS) benchmarkGuest(guest, Number(values.divisor)).forEach(add)
  add(benchmarkOnePage())

  const stepBack = measureStepBack(STEP_BACK_RUN)
  const bundles = await measureBundles()
  if (values.json) {
    console.log(JSON.stringify({ benchmarks: rows, stepBackMilliseconds: stepBack, brotliBytes: bundles }, null, 2))
    return
  }
  console.log(
    `step back in a run of ${STEP_BACK_RUN} instructions: ` +
      `median ${stepBack.median.toFixed(1)} ms, worst ${stepBack.worst.toFixed(1)} ms`,
  )
  for (const [name, bytes] of Object.entries(bundles))
    console.log(`bundle, ${name}: ${(bytes / 1024).toFixed(1)} KiB after brotli`)
}

await main()
