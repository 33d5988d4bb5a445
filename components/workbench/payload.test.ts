import { expect, test } from 'vitest'
import { PAYLOAD } from './lab.fixture.ts'
import { encodePayload, parsePayload } from './payload.ts'

test('a lab is read as it was written, with its 64-bit numbers', () => {
  const [goal] = PAYLOAD.lab.goals
  const lab = { ...PAYLOAD.lab, goals: [{ ...goal, when: [{ memory: { at: 1n << 63n, size: 8n } }] }] }
  const payload = { ...PAYLOAD, lab }
  expect(parsePayload(encodePayload(payload))).toEqual({ ok: true, payload })
})

test.each([
  '',
  '{',
  'null',
  '7',
  '{}',
  '{"slug":"x"}',
  '{"slug":"x","key":"x:1"}',
  '{"slug":"x","key":"x:1","lab":{}}',
  '{"slug":"x","key":"x:1","lab":{},"start":{"a":1},"solution":{}}',
  '{"slug":"x","key":{"$bigint":"one"},"lab":{},"start":{},"solution":{}}',
])('%j is refused with a reason', (json) => {
  const result = parsePayload(json)
  expect(result.ok).toBe(false)
  expect(result).toHaveProperty('message', expect.stringMatching(/./))
})
