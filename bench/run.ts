/**
 * `npm run bench`: how fast the machine is, both executors side by side in one run.
 *
 *   --json        figures as JSON
 *   --divisor N   divides the guests' counts (default 4)
 *   --browser     measures the workbench in Chromium, too; the book has to be built
 */
import { parseArgs } from 'node:util'
import { measureBrowser, type BrowserFigures, type Spread } from './browser.ts'
import { measureBundles } from './bundle.ts'
import { measureGuest, measureNested, type Measurement } from './guest.ts'
import { measureOnePage, measureStepBack } from './program.ts'

const GUESTS = ['plain64', 'svm_all'] as const

/** Instructions of each benchmark that are evaluated. */
const SAMPLE = 400_000
/** A nested round trip takes some thirty times as long as one without L0. */
const NESTED = { divisor: 15, sample: 80_000 } as const
const ONE_PAGE_ITERATIONS = { compile: 4_000_000, evaluate: 40_000 } as const
const STEP_BACK_RUN = 100_000

/** Benchmarks of which round trips or faults count, in thousands a second; of the others, instructions in millions. */
const COUNTED_BY_ITERATION = /^svm_(rt|npt_rt|full_rt|npf|cpuid|ioio)$/

interface Row {
  readonly name: string
  readonly unit: 'MIPS' | 'thousand/s'
  readonly ok: boolean
  readonly compile: number
  readonly evaluate: number
}

function guestRow({ name, ok, compile, evaluate, instructionsPerIteration }: Measurement): Row {
  if (!COUNTED_BY_ITERATION.test(name)) return { name, unit: 'MIPS', ok, compile, evaluate }
  const factor = 1000 / instructionsPerIteration
  return { name, unit: 'thousand/s', ok, compile: compile * factor, evaluate: evaluate * factor }
}

function* measureAll(divisor: number): Generator<Row> {
  for (const guest of GUESTS)
    for (const measurement of measureGuest(guest, divisor, SAMPLE)) yield guestRow(measurement)
  yield {
    ...guestRow(measureNested(divisor * NESTED.divisor, NESTED.sample)),
    name: 'svm_rt under L0',
  }
  yield {
    name: 'code, stack, data on one page',
    unit: 'MIPS',
    ok: true,
    compile: measureOnePage(ONE_PAGE_ITERATIONS.compile, 'compile'),
    evaluate: measureOnePage(ONE_PAGE_ITERATIONS.evaluate, 'evaluate'),
  }
}

function printRow({ name, unit, ok, compile, evaluate }: Row): void {
  const columns = [compile.toFixed(1), evaluate.toFixed(2), (compile / evaluate).toFixed(0)]
  const [compiled, evaluated, ratio] = columns.map((column) => column.padStart(9))
  console.log(`${name.padEnd(32)}${compiled}${evaluated}${ratio}  ${unit}${ok ? '' : '  WRONG RESULT'}`)
}

function printBrowser(figures: BrowserFigures): void {
  const line = (what: string, { best, median, worst }: Spread): void => {
    const times = [best, median, worst].map((time) => time.toFixed(1))
    console.log(`${what}: best ${times[0]} ms, median ${times[1]} ms, worst ${times[2]} ms`)
  }
  line('in a browser, key to paint, step', figures.step)
  line('in a browser, key to paint, step back', figures.stepBack)
  line('in a browser, lab scrolled to until it can run', figures.interactive)
  console.log(`in a browser, Stop in an endless program: ${figures.stop.toFixed(1)} ms`)
  console.log(
    `in a browser, frames a second: ${figures.framesRunning.toFixed(0)} while a program runs, ` +
      `${figures.framesIdle.toFixed(0)} while none does`,
  )
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      divisor: { type: 'string', default: '4' },
      browser: { type: 'boolean', default: false },
    },
  })
  if (!values.json) console.log(`${''.padEnd(32)}  compile evaluate    ratio`)
  const rows: Row[] = []
  for (const row of measureAll(Number(values.divisor))) {
    rows.push(row)
    if (!values.json) printRow(row)
  }
  const stepBack = measureStepBack(STEP_BACK_RUN)
  const bundles = await measureBundles()
  const browser = values.browser ? await measureBrowser() : undefined
  if (values.json) {
    const figures = { benchmarks: rows, stepBackMilliseconds: stepBack, brotliBytes: bundles, browser }
    console.log(JSON.stringify(figures, null, 2))
    return
  }
  console.log(
    `step back in a run of ${STEP_BACK_RUN} instructions: ` +
      `median ${stepBack.median.toFixed(1)} ms, worst ${stepBack.worst.toFixed(1)} ms`,
  )
  for (const [name, bytes] of Object.entries(bundles))
    console.log(`bundle, ${name}: ${(bytes / 1024).toFixed(1)} KiB after brotli`)
  if (browser !== undefined) printBrowser(browser)
  else if (values.browser)
    console.log('in a browser: not measured, for there is no Chromium or no built book')
}

await main()
