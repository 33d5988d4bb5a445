import { expect, test } from 'vitest'
import { decisionKeys } from './decision-keys.ts'

test('every key of a design has a sentence about it', () => {
  const { keys } = decisionKeys()
  expect([...keys.keys()]).toEqual([
    ...['format', 'title', 'about', 'fields', 'pat', 'saved_state', 'shared_pat_quirk'],
  ])
  for (const [name, { description, keys: below }] of keys)
    if (below.size === 0) expect(description, name).not.toBe('')
})

test('fields are decided by name, by group, by area, or all at once, each with the same keys', () => {
  const fields = decisionKeys().keys.get('fields')!.keys
  for (const name of ['default', 'control', 'save', 'save.cs', 'save.g_pat'])
    expect([...(fields.get(name)?.keys.keys() ?? [])], name).toEqual(['copy', 'check', 'use', 'write_back'])
  expect(fields.get('save.g_pat')?.description).toMatch(/^G_PAT: /)
})

test('keys know the words that can stand there', () => {
  const { keys } = decisionKeys()
  expect(keys.get('shared_pat_quirk')?.values).toEqual(['absent', 'on', 'off'])
  expect(keys.get('saved_state')?.keys.get('valid_flag')?.values).toEqual(['true', 'false'])
})
