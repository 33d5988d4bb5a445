import { expect, test } from 'vitest'
import { payloadOf } from '../components/playground/project.ts'
import * as hypervisor from '../emulator/hypervisor/index.ts'
import { LabSession } from '../emulator/lab/index.ts'
import { TEMPLATES } from './templates.ts'

/** The #VMEXITs of each template, and what it writes to the console. */
const RUNS: Readonly<Record<string, { readonly exits: readonly string[]; readonly console: string }>> = {
  'smallest-hypervisor': { exits: Array<string>(6).fill('vmmcall'), console: '' },
  'nested-paging': { exits: ['npf', 'vmmcall'], console: '' },
  'under-l0': { exits: ['vmmcall'], console: '' },
  'long-mode': { exits: [], console: 'Hello from 64-bit mode.\n' },
  'two-processors': { exits: [], console: '' },
  framebuffer: { exits: [], console: '' },
  empty: { exits: [], console: '' },
}

test.each(TEMPLATES.map((template) => [template.id, template] as const))(
  'the template %s assembles without a warning, runs and halts',
  (id, template) => {
    const { lab, start } = payloadOf(template)
    const session = new LabSession(lab, { hypervisor })
    const built = session.build(new Map(Object.entries(start)))
    expect(built.diagnostics).toEqual([])
    session.reset(built)
    session.run(10_000_000)
    const outcome = session.outcome()
    expect(outcome.end).toBe('halted')
    expect(outcome.exits.map((exit) => exit.name)).toEqual(RUNS[id].exits)
    expect(outcome.serial).toBe(RUNS[id].console)
  },
)

test('both processors of the template add up to 200', () => {
  const template = TEMPLATES.find(({ id }) => id === 'two-processors')!
  const { lab, start } = payloadOf(template)
  const session = new LabSession(lab)
  session.reset(session.build(new Map(Object.entries(start))))
  session.run()
  const outcome = session.outcome()
  expect(outcome.memory(outcome.symbols.get('sum')!, 4)).toBe(200n)
})

test('the framebuffer of the template has a picture', () => {
  const template = TEMPLATES.find(({ id }) => id === 'framebuffer')!
  const { lab, start } = payloadOf(template)
  const session = new LabSession(lab)
  session.reset(session.build(new Map(Object.entries(start))))
  session.run()
  expect(new Set(session.machine.framebuffer).size).toBeGreaterThan(1000)
})
