/** `world-switch races`: every order in which L0's steps for a VMRUN and the stores of other vCPUs can follow each other. */
import { basename } from 'node:path'
import * as hypervisor from '../hypervisor/index.ts'
import { PROPERTIES, type Loss, type RaceEvent, type Report } from '../hypervisor/index.ts'
import { formatDiagnostic, hex, LabSession, parseLab } from '../lab/index.ts'
import { findField } from '../svm/index.ts'
import {
  formatJson,
  InputError,
  oneOf,
  parseArguments,
  STATUS,
  UsageError,
  wholeNumber,
  type Command,
} from './command.ts'
import { readDesignText, readText } from './files.ts'

const NAMES = PROPERTIES.map(({ name }) => name)

const help = `Usage: world-switch races DESIGN --store STORE... [options]

L0 deals with a VMRUN of L1 the way DESIGN says (a file, or a design of the book), while
other vCPUs of L1 store to its memory. Every order is tried; reported are how many there
are, and the shortest orders after which something does not hold that must.

  --store [VCPU:]PLACE=VALUE   what a vCPU (1 to 7, default 1) stores, each in the order
                           given. PLACE is a field of vmcb12 (save.g_pat), or an address:
                           a number or a sum with labels of the program; /1, /2 or /4
                           behind it makes the store that narrow
  --program FILE.asm       L1 (default: one that runs an L2 with nested paging)
  --vmcb FILE              its VMCB text, placed at the label vmcb
  --vmrun N                which VMRUN of L1, from 0 (default 0)
  --l0-quirk on|off        the setting of the design's quirk (default: as the design has it)
  --property NAME          only this; may be given several times:
                           ${NAMES.slice(0, 3).join(', ')},
                           ${NAMES.slice(3).join(', ')}
  --executions N           orders tried at most (default 20000)
  --json                   one JSON object instead of text

Exit status: 0 no order loses, 1 some do, 2 bad arguments, 4 a file cannot be read or used,
124 none of those tried loses, but there are more
`

const PROGRAM = `        org 0x10000
start:  mov rax, vmcb
        vmrun
        hlt
guest:  vmmcall
        align 4096
vmcb:   resb 4096
`

const VMCB = `control.intercepts = vmrun, vmmcall
control.asid = 1
control.nested_control.np_enable = 1
control.n_cr3 = 0x1000
save.cs.attrib = 0x0a9b
save.ss.attrib = 0x0c93
save.efer = svme, lme, lma
save.cr0 = pe, et, ne, pg
save.cr3 = 0x1000
save.cr4 = pae
save.rflags = 2
save.rip = guest
save.g_pat = 0x0007040600070406
`

const STORE = /^(?:([1-7]):)?([^=/]+)(?:\/([1248]))?=(.+)$/

/** A store as lab.yaml writes it. Numbers stay texts: they can have 64 bits. */
function storeLine(text: string): string {
  const match = STORE.exec(text)
  if (match === null) throw new UsageError(`--store takes [VCPU:]PLACE=VALUE, not "${text}"`)
  const [, by = '1', place, size, value] = match
  const name = place.trim()
  const isField = /^(control|save)\./.test(name)
  if (isField && findField(name) === undefined)
    throw new UsageError(`--store: the VMCB has no field "${name}"`)
  const parts = [
    `by: ${by}`,
    isField ? `at: vmcb, field: ${name}` : `at: ${JSON.stringify(name)}`,
    ...(size === undefined ? [] : [`size: ${size}`]),
    `value: ${JSON.stringify(value.trim())}`,
  ]
  return `      - { ${parts.join(', ')} }`
}

interface RacesArguments {
  readonly design: string
  readonly stores: readonly string[]
  readonly program: string | undefined
  readonly vmcb: string | undefined
  readonly vmrun: number
  readonly quirk: 'on' | 'off' | undefined
  readonly properties: readonly string[]
  readonly executions: number
  readonly json: boolean
}

function readArguments(args: string[]): RacesArguments {
  const { values, positionals } = parseArguments({
    args,
    allowPositionals: true,
    options: {
      store: { type: 'string', multiple: true, default: [] },
      program: { type: 'string' },
      vmcb: { type: 'string' },
      vmrun: { type: 'string', default: '0' },
      'l0-quirk': { type: 'string' },
      property: { type: 'string', multiple: true, default: [] },
      executions: { type: 'string', default: '20000' },
      json: { type: 'boolean', default: false },
    },
  })
  if (positionals.length !== 1) throw new UsageError('one DESIGN is expected')
  if (values.store.length === 0) throw new UsageError('--store is missing: nobody races')
  if (values.store.length > MOST_STORES)
    throw new UsageError(`--store: at most ${MOST_STORES} can be searched`)
  const quirk = values['l0-quirk']
  return {
    design: positionals[0],
    stores: values.store.map(storeLine),
    program: values.program,
    vmcb: values.vmcb,
    vmrun: wholeNumber('--vmrun', values.vmrun, 0, 1000),
    quirk: quirk === undefined ? undefined : oneOf<'on' | 'off'>('--l0-quirk', quirk, ['on', 'off']),
    properties: values.property.map((name) => oneOf('--property', name, NAMES)),
    executions: wholeNumber('--executions', values.executions, 1, 100_000),
    json: values.json,
  }
}

const MOST_STORES = 8

/** The race as a lab: one program, one VMCB, one design. */
function labTexts(wanted: RacesArguments): Map<string, string> {
  const properties =
    wanted.properties.length === 0 ? '' : `    properties: [${wanted.properties.join(', ')}]\n`
  const quirk = wanted.quirk === undefined ? '' : `quirk: '${wanted.quirk}'`
  return new Map([
    [
      'lab.yaml',
      `format: 1
title: A race
summary: A race.
objectives: [none]
minutes: 1
machine: { l0: { ${quirk} } }
files: [{ name: main.asm }, { name: guest.vmcb, symbol: vmcb }, { name: l0.yaml }]
races:
  - id: race
    title: A race
    vmrun: ${wanted.vmrun}
    executions: ${wanted.executions}
${properties}    stores:
${wanted.stores.join('\n')}
goals: [{ id: none, text: none, when: [{ ended: halted }] }]
`,
    ],
    ['start/main.asm', wanted.program === undefined ? PROGRAM : readText(wanted.program)],
    ['start/guest.vmcb', wanted.vmcb === undefined ? VMCB : readText(wanted.vmcb)],
    ['start/l0.yaml', readDesignText(wanted.design)],
  ])
}

function explored(wanted: RacesArguments): Report {
  const { lab, start, diagnostics } = parseLab('races', labTexts(wanted))
  if (lab === undefined) throw new InputError(diagnostics.map(formatDiagnostic).join('\n'))
  const session = new LabSession(lab, { hypervisor })
  const built = session.build(start)
  if (!built.usable) throw new InputError(built.diagnostics.map(formatDiagnostic).join('\n'))
  if (wanted.quirk !== undefined && built.decisions?.shared_pat_quirk === 'absent')
    throw new UsageError(`--l0-quirk: ${wanted.design} has no quirk`)
  session.reset(built)
  const { report } = session.races()[0]
  if (report === undefined)
    throw new InputError(
      `${wanted.program === undefined ? 'L1' : basename(wanted.program)} does not get to VMRUN ${wanted.vmrun}, or has not got a label that a store names`,
    )
  return report
}

/** The values of up to eight bytes, else how many they are. */
function dataOf({ data }: RaceEvent): string {
  if (data.length === 0) return ''
  if (data.length > 8) return `  ${data.length} bytes`
  const bytes = new Uint8Array(8)
  bytes.set(data)
  return `  ${hex(new DataView(bytes.buffer).getBigUint64(0, true))}`
}

function printLoss({ finding, trace }: Loss, number: number): void {
  process.stdout.write(`\n${number}. ${finding.property}: ${finding.text}\n`)
  for (const event of trace) {
    const who = event.side === 0 ? 'L0    ' : `vCPU ${event.side}`
    const [place] = [...event.step.writes, ...event.step.reads]
    const where = place === undefined ? '' : ` at ${hex(BigInt(place.address))}`
    process.stdout.write(`     ${who}  ${event.step.what}${where}${dataOf(event)}\n`)
  }
}

function printReport({ tried, pruned, isComplete, losing, losses, longest, bound }: Report): void {
  process.stdout.write(
    `${tried} orders tried, each of a class of its own, and ${pruned} left because another of the class was; ` +
      `the longest has ${longest} steps\n` +
      `bound: ${bound.executions} orders of ${bound.steps} steps; ${isComplete ? 'there are no more' : 'there are MORE'}\n` +
      `${losing === 0 ? 'none loses' : `${losing} lose`}\n`,
  )
  losses.forEach((loss, i) => printLoss(loss, i + 1))
}

function run(args: string[]): number {
  const wanted = readArguments(args)
  const report = explored(wanted)
  if (wanted.json) process.stdout.write(`${formatJson(withPlainBytes(report))}\n`)
  else printReport(report)
  if (report.losses.length > 0) return 1
  return report.isComplete ? STATUS.ok : UNFINISHED
}

const UNFINISHED = 124

/** Bytes as lists of numbers, as JSON has them. */
function withPlainBytes({ losses, ...report }: Report) {
  const traces = losses.map(({ finding, trace }) => ({
    finding,
    trace: trace.map((event) => ({ ...event, data: [...event.data] })),
  }))
  return { ...report, losses: traces }
}

export const races: Command = {
  name: 'races',
  summary: 'try every order of L0 and of stores to vmcb12',
  help,
  run,
}
