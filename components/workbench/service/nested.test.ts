import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { payloadOf } from '../lab.fixture.ts'
import type { RunView } from '../protocol.ts'
import { WorkbenchService } from './service.ts'

const NOTHING = (): void => undefined

function read(path: string): string {
  return readFileSync(new URL(`../../../content/${path}`, import.meta.url), 'utf8')
}

/** A lab of the book with L0, about to run the texts that it begins with. */
async function nestedLab(slug: string, design: string, names: readonly string[]): Promise<WorkbenchService> {
  const files = Object.fromEntries([
    ['lab.yaml', read(`labs/${slug}/lab.yaml`)],
    ...names.map((name) => [`start/${name}`, read(`labs/${slug}/start/${name}`)]),
    [`designs/${design}.yaml`, read(`designs/${design}.yaml`)],
  ]) as Record<string, string>
  const payload = payloadOf(slug, files)
  const service = new WorkbenchService()
  await service.open(payload)
  service.reset(payload.start)
  return service
}

function runL2(): Promise<WorkbenchService> {
  return nestedLab('run-l2', 'as-merged', ['main.asm', 'guest.vmcb'])
}

function waysOf({ exits }: RunView): string[] {
  return exits.map(
    ({ nested, number, explanation: { name } }) => `${nested?.from} ${nested?.to} ${number} ${name}`,
  )
}

test('the exit that L0 makes for L1 follows the exit of the processor that it is made of', async () => {
  const service = await runL2()
  const view = await service.run({ to: 'end' }, NOTHING)
  expect(waysOf(view)).toEqual(['L1 L0 1 VMRUN', 'L2 L0 2 MSR', 'L2 L0 3 VMMCALL', 'L2 L1 1 VMMCALL'])
})

test('a run to the next #VMEXIT ends at those of the processor and at those that L1 sees', async () => {
  const service = await runL2()
  const ends: (string | undefined)[] = []
  for (let i = 0; i < 4; i++) ends.push((await service.run({ to: 'exit' }, NOTHING)).stop)
  expect(ends.slice(0, 3).every((stop) => stop?.startsWith('#VMEXIT') === true)).toBe(true)
  expect(ends[3]).toBe('L1 gets #VMEXIT(VMMCALL)')
  const back = await service.runBack('exit')
  expect(waysOf(back)).toHaveLength(3)
})

test('a stop at exits that L1 sees passes those of the processor, and the other way round', async () => {
  const service = await runL2()
  service.setStops([{ kind: 'exit', name: 'vmmcall', to: 'L1' }])
  expect((await service.run({ to: 'end' }, NOTHING)).stop).toBe('L1 gets #VMEXIT(VMMCALL)')
  service.goTo(0)
  service.setStops([{ kind: 'exit', name: 'vmmcall', to: 'L0' }])
  const view = await service.run({ to: 'end' }, NOTHING)
  expect(waysOf(view).at(-1)).toBe('L2 L0 3 VMMCALL')
})

test('the three VMCBs are there while L2 runs, and the step that made vmcb02 is the one that changed it', async () => {
  const service = await runL2()
  expect((await service.triptych(0)).rows).toBeUndefined()
  let view = service.step()
  while (view.l0?.worlds[0] !== 'L2') view = service.step()
  const { rows } = await service.triptych(0)
  expect(rows?.find(({ field }) => field === 'save.cr3')).toMatchObject({ source: 'vmcb12', vmcb02: 0x1000n })
})

test('a losing order of a race happens again on the machine, until it is started over', async () => {
  const service = await nestedLab('flipped-g-pat', 'live-page', ['main.asm', 'guest.vmcb'])
  const [race] = await service.races()
  expect(race.report).toMatchObject({ losing: 1, isComplete: true })
  expect(race.lattice?.orders.some(({ findings }) => findings.length > 0)).toBe(true)
  expect((await service.replayRace(race.id, 0)).l0?.replay).toContain('vCPU 1')
  const view = await service.run({ to: 'end' }, NOTHING)
  expect(waysOf(view).at(-1)).toBe('L2 L1 1 INVALID')
})
