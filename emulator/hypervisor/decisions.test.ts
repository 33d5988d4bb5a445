import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decisionFor, hasOwnPat, inForce, L2_FIELDS, parseDecisions } from './decisions.ts'
import { design, DESIGN_NAMES, designText, FIVE } from './designs.fixture.ts'

const MINIMAL = 'format: 1\ntitle: Mine\n'

function decide(rest: string) {
  const { decisions, diagnostics } = parseDecisions('l0.yaml', MINIMAL + rest)
  expect(diagnostics).toEqual([])
  return decisions!
}

describe('l0.yaml', () => {
  it('copies, checks and uses every field, and writes back what the processor writes, unless it says otherwise', () => {
    const { fields, pat, saved_state, shared_pat_quirk } = decide('')
    expect(fields.size).toBe(L2_FIELDS.length)
    const all = [...fields.values()]
    expect(all).toEqual(
      all.map(() => ({ copy: 'area-cache', check: 'copy', use: 'copy', write_back: 'as-hardware' })),
    )
    expect(pat).toEqual({ l2_msr: 'g-pat', h_pat_write_dirties: 'both', host_accesses: 'h-pat' })
    expect(saved_state).toEqual({
      g_pat: 'header',
      valid_flag: false,
      check_l1_g_pat: 'never',
      fill_l1_g_pat: 'keep',
    })
    expect(shared_pat_quirk).toBe('absent')
  })

  it('lets the longest name decide, and the shorter ones what it leaves open', () => {
    const decisions = decide(`fields:
  save.cs.attrib: { use: copy, copy: save-cache }
  save: { copy: none, check: live, use: live }
  save.cs: { write_back: none }
`)
    expect(decisionFor(decisions, 'save.rip')).toEqual({
      copy: 'none',
      check: 'live',
      use: 'live',
      write_back: 'as-hardware',
    })
    expect(decisionFor(decisions, 'save.cs.attrib')).toEqual({
      copy: 'save-cache',
      check: 'live',
      use: 'copy',
      write_back: 'none',
    })
    expect(decisionFor(decisions, 'control.asid').copy).toBe('area-cache')
  })

  const wrong: [string, string, { line: number; column: number; code: string }, RegExp][] = [
    ['no YAML', 'fields: [', { line: 3, column: 10, code: 'yaml' }, /./],
    ['an unknown key', 'colour: red', { line: 1, column: 1, code: 'schema' }, /colour/],
    [
      'a place that does not exist',
      'fields:\n  save.rip: { copy: attic }',
      { line: 4, column: 21, code: 'schema' },
      /save\.rip\.copy/,
    ],
    [
      'a field that VMRUN does not load',
      'fields:\n  save.g_patt: { copy: none }',
      { line: 4, column: 16, code: 'unknown-field' },
      /save\.g_patt/,
    ],
    [
      'the use of a copy that is not made',
      'fields:\n  save.rip: { copy: none }',
      { line: 4, column: 13, code: 'no-copy' },
      /save\.rip.*used/,
    ],
    [
      'the check of a copy that is not made',
      'fields:\n  save.g_pat: { copy: none, use: live }',
      { line: 4, column: 15, code: 'no-copy' },
      /save\.g_pat.*checked/,
    ],
    [
      'a control that is not copied',
      'fields:\n  control: { copy: none, check: live, use: live }',
      { line: 4, column: 12, code: 'control-copy' },
      /control\.intercept_vector_0.*as long as L2 runs/,
    ],
    [
      'a variable of its own for anything but g_pat',
      'fields:\n  save.cr0: { copy: own }',
      { line: 4, column: 13, code: 'own-copy' },
      /save\.cr0/,
    ],
    [
      'a flag that announces nothing',
      'saved_state: { g_pat: none, valid_flag: true }',
      { line: 3, column: 41, code: 'flag-of-nothing' },
      /flag/,
    ],
  ]
  it.each(wrong)('says where: %s', (_, text, place, message) => {
    const { decisions, diagnostics } = parseDecisions('l0.yaml', MINIMAL + text)
    expect(decisions).toBeUndefined()
    expect(diagnostics[0]).toMatchObject({ file: 'l0.yaml', severity: 'error', ...place })
    expect(diagnostics[0].message).toMatch(message)
  })

  it('names the field that was probably meant', () => {
    const { diagnostics } = parseDecisions('l0.yaml', `${MINIMAL}fields: { save.g_patt: {} }`)
    expect(diagnostics[0].hint).toBe("did you mean 'save.g_pat'?")
  })

  it('never throws, whatever the text is', () => {
    const lines = fc.constantFrom(
      ...designText('as-merged').split('\n'),
      ...designText('checked-only').split('\n'),
      '- a',
      '&x *x',
      '?',
      'fields: {',
      '__proto__: {}',
    )
    const text = fc.oneof(
      fc.string(),
      fc.array(lines, { maxLength: 12 }).map((all) => all.join('\n')),
    )
    fc.assert(
      fc.property(text, (written) => {
        const { decisions, diagnostics } = parseDecisions('l0.yaml', written)
        expect(decisions === undefined).toBe(diagnostics.length > 0)
      }),
      { numRuns: 300 },
    )
  })
})

describe('the designs', () => {
  it('can be read, all of them, and say who proposed them', () => {
    expect(DESIGN_NAMES).toEqual(expect.arrayContaining([...FIVE, 'checked-only']))
    for (const name of DESIGN_NAMES) {
      const { decisions, diagnostics } = parseDecisions(`${name}.yaml`, designText(name))
      expect(diagnostics).toEqual([])
      expect(decisions!.about.length).toBeGreaterThan(200)
    }
  })

  it('differ in whether L2 has a PAT of its own: not before the series, nor while the quirk is on', () => {
    expect(FIVE.map((name) => hasOwnPat(inForce(design(name))))).toEqual([false, true, true, true, false])
    expect(FIVE.map((name) => hasOwnPat(inForce(design(name), false)))).toEqual([
      false,
      true,
      true,
      true,
      true,
    ])
  })

  it('before the series are the merged one with the quirk on, but for the copy and the forgotten clean bit', () => {
    const before = design('before-the-series')
    const merged = inForce(design('as-merged'), true)
    expect(decisionFor(merged, 'save.g_pat')).toEqual({
      ...decisionFor(before, 'save.g_pat'),
      copy: 'save-cache',
    })
    expect(merged.pat).toEqual({ ...before.pat, h_pat_write_dirties: 'both' })
    expect(merged.saved_state).toEqual(before.saved_state)
  })

  it('stay in force as they are, however often they are asked for', () => {
    for (const quirk of [true, false]) {
      const once = inForce(design('as-merged'), quirk)
      expect(inForce(once)).toEqual(once)
    }
  })

  it('without a quirk do not change with its setting', () => {
    const decisions = design('own-field')
    expect(inForce(decisions, true)).toBe(decisions)
  })
})
