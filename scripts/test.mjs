// npm test: runs every check of the project in order and ends with the line "N passed, N failed".
// npm run test:all (--all): the end-to-end tests that take long, too.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { ensureChromium, sayMissingBrowsers } from './browser.mjs'

/**
 * @typedef {{ passed: number, failed: number }} Count
 *
 * @typedef {object} Stage
 * @property {string} name
 * @property {string[]} command
 * @property {string} [needs] the stage that must have passed
 * @property {() => void} [prepare] throws where the stage cannot run
 * @property {string} [report] the JSON file that the command leaves, by which its cases are counted
 * @property {boolean} [reportsToStdout] the command prints the report instead of writing it
 * @property {(report: any) => Count} [count] without it, the stage counts as one case
 */

const REPORTS = 'test-results/reports'
const UNIT_REPORT = join(REPORTS, 'unit.json')
const LABS_REPORT = join(REPORTS, 'labs.json')
// cspell.config.mjs names it, too.
const SPELLING_REPORT = join(REPORTS, 'spelling.json')
const E2E_REPORT = join(REPORTS, 'e2e.json')

/**
 * Stages of one row use one processor each: they run side by side, and each one's output is shown when it has ended.
 * @type {Stage[][]}
 */
const ROWS = [
  // Astro's check comes first: it writes the types of the content that tsc needs.
  [
    { name: 'types of the pages', command: ['astro', 'check'] },
    {
      name: 'spelling',
      command: ['cspell', 'lint', '--no-progress'],
      report: SPELLING_REPORT,
      // A case is a file.
      count: ({ result: { files, filesWithIssues } }) => ({
        passed: files - filesWithIssues.length,
        failed: filesWithIssues.length,
      }),
    },
  ],
  [
    { name: 'types', command: ['tsc', '--noEmit'] },
    { name: 'lint', command: ['eslint', '.', '--max-warnings', '0'] },
  ],
  [
    {
      name: 'unit tests',
      command: ['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${UNIT_REPORT}`],
      report: UNIT_REPORT,
      count: (report) => ({ passed: report.numPassedTests, failed: report.numFailedTests }),
    },
  ],
  [
    {
      name: 'lab checks',
      command: ['node', 'bin/world-switch.mjs', 'lab', 'check', '--json'],
      report: LABS_REPORT,
      reportsToStdout: true,
      count: (report) => ({ passed: report.passed, failed: report.failed }),
    },
    { name: 'build', command: ['astro', 'build'] },
  ],
  [
    { name: 'sizes', command: ['node', 'scripts/check-sizes.ts'], needs: 'build' },
    { name: 'links', command: ['node', 'scripts/check-links.ts'], needs: 'build' },
  ],
  [
    {
      name: 'end-to-end tests',
      command: ['playwright', 'test'],
      needs: 'build',
      prepare: () => {
        ensureChromium()
        if (process.argv.includes('--all')) sayMissingBrowsers()
      },
      report: E2E_REPORT,
      count: ({ stats }) => ({ passed: stats.expected + stats.flaky, failed: stats.unexpected }),
    },
  ],
]

/**
 * Runs a command to its end.
 * @param {Stage} stage
 * @param {boolean} isAlone its output is passed on as it comes, and not kept for the end
 * @returns {Promise<{ succeeded: boolean, output: string }>} whether it ended with status 0, and what it printed beside a report
 */
function run({ command: [program = '', ...args], report, reportsToStdout }, isAlone) {
  return new Promise((resolve) => {
    const shown = isAlone ? 'inherit' : 'pipe'
    const child = spawn(program, args, {
      stdio: ['ignore', reportsToStdout ? 'pipe' : shown, shown],
      env: {
        ...process.env,
        PLAYWRIGHT_JSON_OUTPUT_NAME: E2E_REPORT,
        ...(process.argv.includes('--all') ? { WORLD_SWITCH_LONG_TESTS: 'yes' } : {}),
      },
    })
    let printed = ''
    let complaints = ''
    child.stdout?.setEncoding('utf8').on('data', (text) => (printed += text))
    child.stderr?.setEncoding('utf8').on('data', (text) => (complaints += text))
    child.on('error', (error) => resolve({ succeeded: false, output: error.message }))
    child.on('close', (status) => {
      if (report !== undefined && reportsToStdout) writeFileSync(report, printed)
      resolve({ succeeded: status === 0, output: (reportsToStdout ? '' : printed) + complaints })
    })
  })
}

/**
 * A stage that ends badly without naming a failed case counts as one failure.
 * @param {Stage} stage
 * @param {boolean} succeeded
 * @returns {Count}
 */
function countOf({ report, count }, succeeded) {
  if (report === undefined || count === undefined)
    return { passed: Number(succeeded), failed: Number(!succeeded) }
  if (!existsSync(report)) return { passed: 0, failed: 1 }
  try {
    const { passed, failed } = count(JSON.parse(readFileSync(report, 'utf8')))
    return { passed, failed: succeeded ? failed : Math.max(failed, 1) }
  } catch (error) {
    console.error(`${report} is not the expected report: ${error}`)
    return { passed: 0, failed: 1 }
  }
}

/** @type {Map<string, Count>} */
const results = new Map()
rmSync(REPORTS, { recursive: true, force: true })
mkdirSync(REPORTS, { recursive: true })

/**
 * Runs a stage and counts its cases; what it needs has been run before.
 * @param {Stage} stage
 * @param {boolean} isAlone
 */
async function runStage(stage, isAlone) {
  const title = `\n=== ${stage.name} ===`
  if (isAlone) console.log(title)
  const { succeeded, output } = await attempt(stage, isAlone)
  if (!isAlone) console.log(title)
  if (output !== '') console.log(output)
  results.set(stage.name, countOf(stage, succeeded))
}

/**
 * @param {Stage} stage
 * @param {boolean} isAlone
 * @returns {ReturnType<typeof run>}
 */
async function attempt(stage, isAlone) {
  if (stage.needs !== undefined && results.get(stage.needs)?.failed !== 0)
    return { succeeded: false, output: `not run, because the stage "${stage.needs}" failed` }
  try {
    stage.prepare?.()
    return await run(stage, isAlone)
  } catch (error) {
    return { succeeded: false, output: String(error) }
  }
}

for (const row of ROWS) await Promise.all(row.map((stage) => runStage(stage, row.length === 1)))

console.log('\n=== result ===')
for (const [name, { passed, failed }] of results) console.log(`${name}: ${passed} passed, ${failed} failed`)
const counts = [...results.values()]
const passed = counts.reduce((sum, count) => sum + count.passed, 0)
const failed = counts.reduce((sum, count) => sum + count.failed, 0)
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
