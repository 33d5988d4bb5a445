import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const command = fileURLToPath(new URL('../../bin/world-switch.mjs', import.meta.url))

function worldSwitch(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

const ILLEGAL = 'save.g_pat=0x0202020202020202'

it('ends quietly when nobody reads its output any more', async () => {
  const child = spawn(process.execPath, [command, 'races', 'live-page', '--store', ILLEGAL])
  child.stdout.destroy()
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text))
  const [status] = (await once(child, 'close')) as [number | null]
  expect({ status, complaints }).toEqual({ status: 0, complaints: '' })
})

describe('world-switch races', () => {
  it('prints the shortest order in which the check of the live page loses', () => {
    const { status, stdout } = worldSwitch(
      ...['races', 'live-page', '--store', ILLEGAL, '--property', 'vmrun-succeeds'],
    )
    expect(status).toBe(1)
    const steps = stdout.split('\n').filter((line) => /^ +(L0|vCPU)/.test(line))
    expect(steps.map((line) => line.trim().split(/  +/).slice(0, 2))).toEqual([
      ['L0', 'vmcb12 control area, to copy at 11000h'],
      ['L0', 'vmcb12 save area, to copy at 11400h'],
      ['L0', 'vmcb12 save.g_pat, to check at 11668h'],
      ['vCPU 1', 'store at 11668h'],
      ['L0', 'vmcb12 save.g_pat, to use at 11668h'],
      ['L0', 'VMRUN'],
    ])
  })

  it('finds nothing in what was merged with its quirk off, as JSON', () => {
    const { status, stdout } = worldSwitch(
      ...[
        'races',
        'as-merged',
        '--l0-quirk',
        'off',
        '--store',
        ILLEGAL,
        '--store',
        '2:vmcb + 0x578/4=1',
        '--json',
      ],
    )
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ isComplete: true, losing: 0, losses: [] })
  })

  it('says that the bound was too small', () => {
    const { status, stdout } = worldSwitch('races', 'own-field', '--store', ILLEGAL, '--executions', '1')
    expect(status).toBe(124)
    expect(stdout).toContain('there are MORE')
  })

  it.each([
    [['races', 'live-page'], 2, '--store is missing'],
    [['races', 'live-page', '--store', 'save.gpat=1'], 2, 'no field "save.gpat"'],
    [['races', 'live-page', '--store', 'nonsense'], 2, '--store takes [VCPU:]PLACE=VALUE'],
    [['races', 'live-page', '--store', ILLEGAL, '--l0-quirk', 'on'], 2, 'live-page has no quirk'],
    [['races', 'no-design', '--store', ILLEGAL], 4, 'designs: as-merged'],
    [['races', 'live-page', '--store', 'nowhere=1'], 4, 'has not got a label'],
    [['run', 'a.asm', '--l0-quirk', 'on'], 2, '--l0-quirk needs --l0'],
  ])('refuses %j', (args, code, message) => {
    const { status, stderr } = worldSwitch(...args)
    expect([status, stderr]).toEqual([code, expect.stringContaining(message)])
  })
})

describe('a lab with L0', () => {
  it('runs with another design in place of its own', () => {
    const { status, stdout } = worldSwitch('lab', 'run', 'flipped-g-pat', '--l0', 'own-field')
    expect([status, stdout]).toEqual([0, expect.stringContaining(': 0 of 2 orders lose')])
  })

  it('prints what L0 does, as it happens', () => {
    const lab = fileURLToPath(new URL('../../content/labs/run-l2/solution', import.meta.url))
    const { stdout } = worldSwitch(
      ...['run', `${lab}/main.asm`, '--vmcb', `${lab}/guest.vmcb`, '--l0', 'own-field', '--trace', 'l0'],
    )
    expect(stdout).toContain('reads vmcb12 from 400h, 3072 bytes, to copy')
    expect(stdout).toContain('L1 gets #VMEXIT(CPUID) in 11000h')
  })
})
