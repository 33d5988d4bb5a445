import { describe, expect, it } from 'vitest'
import * as hypervisor from '../hypervisor/index.ts'
import { triptych } from '../hypervisor/index.ts'
import { conditionSchema } from './condition-schemas.ts'
import { judge } from './conditions.ts'
import { l0LabFiles, ranSession, readL0Lab } from './l0.fixture.ts'
import { parseLab } from './parse.ts'
import { LabSession } from './session.ts'

const design = (fields: string): string => `format: 1\ntitle: Edited\nfields:\n  save.g_pat: { ${fields} }\n`

describe('a lab whose program is L1', () => {
  it('shows L1 the exits that are its own, and L0 those of the processor', () => {
    const session = ranSession('run-l2', 'solution')
    const { exits, l0 } = session.outcome()
    expect(exits.map(({ name }) => name)).toEqual(['cpuid', 'vmmcall'])
    expect(l0?.exits.map(({ of, name }) => `${of} ${name}`)).toEqual([
      'vmcb01 vmrun',
      'vmcb02 msr',
      'vmcb02 cpuid',
      'vmcb01 vmrun',
      'vmcb02 vmmcall',
    ])
    // What L2 executed on both sides of the exit that L0 kept to itself.
    expect(exits.map(({ guestInstructions }) => guestInstructions)).toEqual([5, 1])
  })

  it('goes back to any step and forward again, and ends as before', () => {
    const session = ranSession('run-l2', 'solution')
    const { machine } = session
    const end = { at: machine.instructions, digest: machine.digest() }
    for (let at = end.at - 1; at >= 0; at -= 3) {
      session.goTo(at)
      session.goTo(end.at)
      expect(machine.digest()).toBe(end.digest)
      expect(session.outcome().exits).toHaveLength(2)
    }
  })

  it('has vmcb01, vmcb12 and vmcb02 side by side while L2 runs', () => {
    const session = ranSession('run-l2', 'solution')
    session.goTo(9)
    const l0 = session.l0!
    const rows = triptych(l0.state(0), l0.context.decisions)
    expect(rows?.find(({ field }) => field === 'control.asid')).toMatchObject({ vmcb12: 1n, vmcb02: 2n })
  })

  it('takes a changed l0.yaml at the next reset, on the same machine', () => {
    const { lab, start } = readL0Lab('flipped-g-pat')
    const session = new LabSession(lab, { hypervisor })
    const results = ['copy: none, check: none, use: vmcb01', 'copy: save-cache, check: copy, use: copy'].map(
      (fields) => {
        session.reset(session.build(new Map([...start, ['l0.yaml', design(fields)]])))
        session.run()
        return session.goals().find(({ id }) => id === 'own-pat')?.met
      },
    )
    expect(results).toEqual([false, true])
  })

  it('names the place of a mistake in l0.yaml, and cannot be used with it', () => {
    const { lab, start } = readL0Lab('flipped-g-pat')
    const built = new LabSession(lab, { hypervisor }).build(
      new Map([...start, ['l0.yaml', design('use: copied')]]),
    )
    expect(built.usable).toBe(false)
    expect(built.diagnostics).toMatchObject([{ file: 'l0.yaml', line: 4, code: 'schema' }])
  })
})

describe('a race of a lab', () => {
  it('is replayed on the machine in the order that loses', () => {
    const session = ranSession('flipped-g-pat', 'start')
    expect(session.goals().find(({ id }) => id === 'no-order')?.met).toBe(false)
    const [race] = session.races()
    const loss = race.report!.losses.find(({ finding }) => finding.property === 'vmrun-succeeds')!
    session.reset(session.built!, session.replayOf(race.id, loss.trace))
    session.run()
    const { exits, l0 } = session.outcome()
    expect(exits).toMatchObject([{ name: 'invalid', failedChecks: [] }])
    expect(l0?.field('vmcb02', 0, 'save.g_pat')).toBe(0x0202_0202_0202_0202n)
    const { machine } = session
    const end = { at: machine.instructions, digest: machine.digest() }
    session.goTo(0)
    session.goTo(end.at)
    expect(machine.digest()).toBe(end.digest)
  })

  it('says how many of its orders lose', () => {
    const outcome = ranSession('flipped-g-pat', 'start').outcome()
    const has = (losing: bigint) =>
      judge(outcome, conditionSchema.parse({ race: { of: 'illegal', breaks: ['used-as-checked'], losing } }))
        .met
    expect([has(0n), has(1n), has(2n)]).toEqual([false, true, false])
  })

  it.each(['as-merged', 'before-the-series', 'checked-only', 'live-page'])(
    'counts reads of a field as the condition looks does, under %s',
    (name) => {
      const files = l0LabFiles('flipped-g-pat')
      const yaml = files.get('lab.yaml')!.replaceAll(/properties: .*/g, '')
      const { lab, start } = parseLab('flipped-g-pat', files.set('lab.yaml', yaml))
      const session = new LabSession(lab!, { hypervisor })
      session.reset(session.build(new Map([...start, ['l0.yaml', files.get(`designs/${name}.yaml`)!]])))
      session.run()
      const losses = session.races().flatMap(({ report }) => report?.losses ?? [])
      const read = losses.find(
        ({ finding: { property, field } }) => property === 'read-once' && field === 'save.g_pat',
      )
      const looks = conditionSchema.parse({ looks: { field: 'save.g_pat' } })
      const [, times] = /(\d+) times/.exec(judge(session.outcome(), looks).reason)!
      expect(read?.finding.text).toBe(Number(times) > 1 ? `save.g_pat is read ${times} times` : undefined)
    },
  )

  it('is over with the next reset', () => {
    const session = ranSession('flipped-g-pat', 'start')
    const built = session.built!
    const [race] = session.races()
    session.reset(built, session.replayOf(race.id, race.report!.losses[0].trace))
    session.reset(built)
    session.run()
    expect(session.outcome().exits).toMatchObject([{ name: 'vmmcall' }])
  })

  it('has no report when L1 does not get to its VMRUN', () => {
    const session = ranSession('flipped-g-pat', 'start', {
      'main.asm': 'org 0x10000\nguest:\nvmcb equ 0x20000\nhlt',
    })
    expect(session.races().map(({ report }) => report)).toEqual([undefined, undefined])
    expect(session.goals().find(({ id }) => id === 'no-order')?.conditions[0].reason).toBe(
      'L1 did not get to the VMRUN that is raced for',
    )
  })
})

describe('scenarios', () => {
  it('run the same texts on machines of their own', () => {
    const session = ranSession('old-snapshot', 'start')
    expect(session.scenarios().map(({ id, met }) => [id, met])).toEqual([
      ['msrs-after', true],
      ['msrs-before', true],
      ['pending', true],
      ['no-nested-paging', true],
      ['illegal', true],
    ])
    expect(session.ending).toContain('shutdown')
  })
})

describe('conditions on L0', () => {
  const session = ranSession('old-snapshot', 'start')
  const verdict = (condition: Record<string, unknown>) =>
    judge(session.outcome(), conditionSchema.parse(condition))

  it('say which check refused a saved state', () => {
    expect(verdict({ restored: { is: 'refused', by: 'save area: g-pat-type' } })).toEqual({
      met: true,
      reason: 'a saved state was refused with EINVAL: save area: g-pat-type',
    })
    expect(verdict({ restored: { is: 'accepted' } }).met).toBe(false)
    expect(verdict({ restored: { is: 'accepted', while: 'l1' } }).reason).toBe('no saved state was restored')
  })

  it('say by which rule L0 decided', () => {
    expect(verdict({ decision: { rule: 'use: copy', equals: 0x0606_0606_0606_0606n } }).met).toBe(true)
    const { met, reason } = verdict({ decision: { rule: 'clean bit NP' } })
    expect([met, reason]).toEqual([false, expect.stringContaining('L0 decided by "use: copy"')])
  })

  it('count how often L0 looked at a field', () => {
    expect(verdict({ looks: { field: 'save.g_pat', 'at-most': 1n } }).met).toBe(true)
    expect(verdict({ looks: { field: 'save.g_pat', for: 'use', 'at-least': 1n } })).toEqual({
      met: false,
      reason: 'L0 looked at save.g_pat to use it 0 times in a nested VMRUN',
    })
  })

  it('tell early failures from late ones', () => {
    const failuresOf = (fields: string) => {
      const guest = readL0Lab('flipped-g-pat').start.get('guest.vmcb')!.replace('0x0007040600070106', '2')
      const ran = ranSession('flipped-g-pat', 'start', { 'l0.yaml': design(fields), 'guest.vmcb': guest })
      return judge(ran.outcome(), conditionSchema.parse({ failures: ['early'] }))
    }
    expect(failuresOf('check: copy').met).toBe(true)
    expect(failuresOf('check: none')).toEqual({ met: false, reason: 'VMRUNs of L1 failed: late' })
  })

  it('are not met by a machine without L0', () => {
    const found = { ...session.outcome(), l0: undefined }
    expect(judge(found, conditionSchema.parse({ failures: [] }))).toEqual({
      met: false,
      reason: 'the machine has no L0',
    })
  })
})

describe('lab.yaml', () => {
  const problems = (from: string, to: string): string[] => {
    const text = l0LabFiles('flipped-g-pat').get('lab.yaml')!
    expect(text).toContain(from)
    const files = l0LabFiles('flipped-g-pat', { 'lab.yaml': text.replace(from, to) })
    return parseLab('flipped-g-pat', files).diagnostics.map(({ message }) => message)
  }

  it.each([
    ['design: live-page', 'design: live-pages', 'there is no design live-pages'],
    ['race: { of: legal', 'race: { of: lawful', 'there is no race lawful'],
    ['scenario: written-before', 'scenario: written', 'there is no scenario written'],
    [
      'file: guest.vmcb',
      'file: l0.yaml',
      'scenario written-before edits l0.yaml, which the reader can edit, too',
    ],
    ['l0: { design: live-page }', 'cpus: 1', 'races, l0.yaml and the l0 of a scenario need machine.l0'],
  ])('is refused where its parts do not fit: %s as %s', (from, to, message) => {
    expect(problems(from, to)).toContain(message)
  })
})
