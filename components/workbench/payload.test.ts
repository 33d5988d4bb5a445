import { expect, test } from 'vitest'
import { parsePayload } from './payload.ts'

test('a lab is read', () => {
  const payload = { slug: 'x', files: { 'lab.yaml': 'format: 1' } }
  expect(parsePayload(JSON.stringify(payload))).toEqual({ ok: true, payload })
})

test.each([
  '',
  '{',
  'null',
  '7',
  '{}',
  '{"slug":"x"}',
  '{"slug":"x","files":[]}',
  '{"slug":"x","files":{"a":1}}',
])('%j is refused with a reason', (json) => {
  const result = parsePayload(json)
  expect(result.ok).toBe(false)
  expect(result).toHaveProperty('message', expect.stringMatching(/./))
})
