/** `world-switch lab`: checks and runs labs, begins new ones, and makes images of them. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkLab, newLabFiles, type LabReport } from '../lab/index.ts'
import { InputError, parseArguments, STATUS, UsageError, type Command } from './command.ts'
import { readLabFolder } from './files.ts'
import { exportLab } from './lab-export.ts'
import { runLab } from './lab-run.ts'

const LABS = fileURLToPath(new URL('../../content/labs', import.meta.url))

const help = `Usage: world-switch lab check [SLUG...] [--json] [--pack FOLDER]
       world-switch lab run SLUG [--solution] [--l0 DESIGN] [--json] [--pack FOLDER]
       world-switch lab new SLUG [--pack FOLDER]
       world-switch lab export SLUG -o FILE [--solution] [--pack FOLDER]

check proves of each lab that its start fails, its solution meets every goal, and every
variant fails exactly the goals it names. run runs a lab's start once and says which goals
are met, what its races lose and what becomes of its scenarios. new makes a lab that passes the check, to edit.
export makes a multiboot image of a lab's start and says how to run it.

  --pack FOLDER    a folder of labs (default: the book's own)
  --json           one JSON object instead of text
  -o FILE          where the image goes
  --solution       the texts of the solution, not those of the start
  --l0 DESIGN      what L0 decides, in place of the lab's design: a file, or a design's name

Exit status: 0 all checks pass or goals are met, 1 some do not, 2 bad arguments, 4 a lab does not exist or
cannot be exported
`

function check(folder: string, wanted: readonly string[], json: boolean): number {
  const all = existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
        .sort()
    : []
  if (all.length === 0) throw new InputError(`there are no labs in ${folder}`)
  const missing = wanted.find((slug) => !all.includes(slug))
  if (missing !== undefined) throw new InputError(`there is no lab "${missing}" in ${folder}`)
  const reports: LabReport[] = []
  for (const slug of wanted.length > 0 ? wanted : all) {
    const report = checkLab(slug, readLabFolder(join(folder, slug)))
    reports.push(report)
    if (json) continue
    process.stdout.write(`${slug}\n`)
    for (const { name, passed, detail } of report.results) {
      process.stdout.write(`  ${passed ? 'ok    ' : 'FAILED'} ${name}${detail === '' ? '' : `: ${detail}`}\n`)
    }
  }
  const results = reports.flatMap((report) => report.results)
  const failed = results.filter((result) => !result.passed).length
  const passed = results.length - failed
  if (json) process.stdout.write(`${JSON.stringify({ passed, failed, labs: reports }, null, 2)}\n`)
  else process.stdout.write(`${passed} passed, ${failed} failed\n`)
  return failed === 0 ? STATUS.ok : 1
}

function create(folder: string, slug: string): number {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(slug))
    throw new UsageError(`"${slug}" is not made of lower-case words joined by hyphens`)
  const place = join(folder, slug)
  if (existsSync(place)) throw new InputError(`${place} exists already`)
  for (const [path, text] of newLabFiles()) {
    mkdirSync(join(place, path, '..'), { recursive: true })
    writeFileSync(join(place, path), text)
  }
  process.stdout.write(`${place} is ready; "world-switch lab check ${slug}" checks it\n`)
  return STATUS.ok
}

function run(args: string[]): number {
  const { values, positionals } = parseArguments({
    args,
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      pack: { type: 'string', default: LABS },
      output: { type: 'string', short: 'o' },
      solution: { type: 'boolean', default: false },
      l0: { type: 'string' },
    },
  })
  const [verb, ...slugs] = positionals
  if (verb === 'check') return check(values.pack, slugs, values.json)
  if (verb !== 'new' && verb !== 'export' && verb !== 'run')
    throw new UsageError(
      verb === undefined ? 'check, run, new or export is expected' : `there is no "lab ${verb}"`,
    )
  if (slugs.length !== 1) throw new UsageError(`lab ${verb} takes one SLUG`)
  if (verb === 'new') return create(values.pack, slugs[0])
  const folder = join(values.pack, slugs[0])
  if (verb === 'run') {
    if (!existsSync(folder)) throw new InputError(`there is no lab "${slugs[0]}" in ${values.pack}`)
    return runLab(folder, slugs[0], values)
  }
  return exportLab(folder, slugs[0], values.output, values.solution)
}

export const lab: Command = {
  name: 'lab',
  summary: 'check labs, run one, begin a new one, or make an image of one',
  help,
  run,
}
