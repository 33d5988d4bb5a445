import { describe, expect, test } from 'vitest'
import { classifyL0, completeL0, hoverL0 } from './l0.ts'

function labels(before: string, above: readonly string[] = []): string[] {
  return completeL0(before, above).map(({ label }) => label)
}

describe('completion in l0.yaml', () => {
  test('offers the keys of the whole text at the beginning of a line', () => {
    expect(labels('')).toContain('saved_state')
    expect(labels('')).not.toContain('copy')
  })

  test('offers fields of the VMCB and groups of them below fields', () => {
    const offered = labels('  ', ['format: 1', 'fields:'])
    expect(offered).toEqual(expect.arrayContaining(['default', 'save', 'save.cs', 'save.g_pat']))
  })

  test('offers what is decided about a field, in both ways to write a mapping', () => {
    const decisions = ['copy', 'check', 'use', 'write_back']
    expect(labels('  save.g_pat: { ', ['fields:'])).toEqual(decisions)
    expect(labels('  save.g_pat: { copy: none, ', ['fields:'])).toEqual(decisions)
    expect(labels('    ', ['fields:', '  save.g_pat:'])).toEqual(decisions)
  })

  test('offers the words that a key can have', () => {
    expect(labels('  save.g_pat: { copy: none, check: ', ['fields:'])).toEqual(['copy', 'live', 'none'])
    expect(labels('shared_pat_quirk: ')).toEqual(['absent', 'on', 'off'])
    expect(labels('saved_state: { valid_flag: ')).toEqual(['true', 'false'])
  })

  test('offers nothing in comments, and after a mapping what can stand beside it', () => {
    expect(labels('# ')).toEqual([])
    expect(labels('  save: { use: live } ', ['fields:'])).toContain('save.g_pat')
  })
})

describe('hover in l0.yaml', () => {
  test('explains a key, and a value by its key', () => {
    expect(hoverL0('copy', '  save: { ', ['fields:'])?.[0]).toMatch(/^\*\*copy\*\*: Where L0 copies/)
    expect(hoverL0('live', '  save: { use: ', ['fields:'])?.join()).toContain('**live**')
  })

  test('says of a field where it lies in the VMCB', () => {
    expect(hoverL0('save.g_pat', '  ', ['fields:'])?.join()).toMatch(/668h/)
  })

  test('says nothing about words that are no keys', () => {
    expect(hoverL0('colour', '  save: { ', ['fields:'])).toBeUndefined()
  })
})

test('words of a line are keys, decisions, numbers, strings and comments', () => {
  const line = 'format: 1  # the first'
  expect(classifyL0(line).map(({ start, end, class: kind }) => `${line.slice(start, end)}|${kind}`)).toEqual([
    ...['format|field', ':|text', '1|number', '# the first|comment'],
  ])
  const prose = "about: L1's own page, which is live"
  expect(classifyL0(prose).filter(({ class: kind }) => kind === 'flag' || kind === 'string')).toEqual([])
  const flow = "  save.g_pat: { use: live, about: 'x' }"
  expect(classifyL0(flow).map(({ class: kind }) => kind)).toEqual([
    ...['field', 'text', 'text', 'field', 'text', 'flag', 'text', 'field', 'text', 'string', 'text'],
  ])
})
