import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readFile, readLink, writeFile, writeLink, type SharedLab } from './shared-lab.ts'

const SHARED: SharedLab = {
  slug: 'smallest-vmcb',
  key: 'smallest-vmcb:0123456789abcdef',
  texts: { 'guest.vmcb': 'control.asid = 1\n; ü\n' },
  stops: [{ stop: { kind: 'line', file: 'main.asm', line: 4 }, isEnabled: true }],
  position: 3,
  file: 'guest.vmcb',
  panel: 'memory',
  panels: ['memory'],
}

test('a link brings back what it was made of', async () => {
  const link = await writeLink(SHARED)
  expect(link).toMatch(/^#lab-smallest-vmcb=1\.[\w-]+$/)
  expect(await readLink('smallest-vmcb', link)).toEqual({ ok: true, shared: SHARED })
})

test('a file brings back what it was made of', () => {
  expect(readFile('smallest-vmcb', writeFile(SHARED))).toEqual({ ok: true, shared: SHARED })
})

/** Links as earlier versions of the book made them: they have to go on working. */
const OLD_LINKS: readonly (readonly [name: string, link: string, shared: SharedLab])[] = [
  [
    'format 1, with a text, a stop, and a position',
    '#lab-g-pat-types=1.VY6xCsJAEER_JUx9ykVEYcFC0EIQSxsVuZg1HEkuh7uRSMi_S8RCp5lh4A3TQ6q2AKGYRKcTfUUWGJT8-u_IfpWzyzPmOwyUOxVQj6Jl0emzvmUgiHvytLhGp8kqsZ21dmnndvHx1C7OAYOBaBMFdOo_adwofchB4M4rDIKrGYTd4bje7zYj4WUbXFZxDtJHy8PFIDbi1TcBlM4M7r4akZ8vwxs',
    {
      slug: 'g-pat-types',
      key: 'g-pat-types:00000000deadbeef',
      texts: { 'guest.vmcb': 'save.g_pat = 0x0007040600070106\n' },
      stops: [{ stop: { kind: 'exit', name: 'INVALID' }, isEnabled: true }],
      position: 12,
      file: 'guest.vmcb',
    },
  ],
  [
    'format 1, with nothing changed',
    '#lab-smallest-vmcb=1.q1YqzilNV7JSKs5NzMlJLS7RLctNTlLSUcpOrUQXtTJQ0lEqSa0oKVayqq7VUSouyS8oVrKKjq0FAA',
    { slug: 'smallest-vmcb', key: 'smallest-vmcb:0', texts: {}, stops: [] },
  ],
]

test.each(OLD_LINKS)('an old link still works: %s', async (_, link, shared) => {
  expect(await readLink(shared.slug, link)).toEqual({ ok: true, shared })
})

test('a fragment of another lab, or of a heading, is none of this lab’s business', async () => {
  expect(await readLink('other', await writeLink(SHARED))).toBeUndefined()
  expect(await readLink('smallest-vmcb', '#quiz')).toBeUndefined()
  expect(await readLink('smallest-vmcb', '#lab-smallest-vmcb')).toBeUndefined()
})

async function reasonOf(fragment: string): Promise<string> {
  const result = await readLink('smallest-vmcb', `#lab-smallest-vmcb=${fragment}`)
  return result?.ok === false ? result.message : 'it was read'
}

test('a damaged link says so', async () => {
  const link = await writeLink(SHARED)
  const data = link.slice(link.indexOf('=') + 1)
  expect(await reasonOf('')).toMatch(/damaged/)
  expect(await reasonOf('1.')).toMatch(/damaged/)
  expect(await reasonOf('1.%%%')).toMatch(/damaged/)
  expect(await reasonOf(data.slice(0, -10))).toMatch(/its end is missing/)
  expect(await reasonOf(`2.${data.slice(2)}`)).toMatch(/format is 2/)
  expect(await reasonOf(`1.${'A'.repeat(300_000)}`)).toMatch(/too long/)
})

test('a link that unpacks to very much is refused before it is unpacked', async () => {
  const huge = await writeLink({ ...SHARED, texts: { 'main.asm': ' '.repeat(20_000_000) } })
  expect(huge.length).toBeLessThan(200_000)
  const result = await readLink('smallest-vmcb', huge)
  expect(result?.ok === false && result.message).toMatch(/^it is too large: .* at most 4,000,000 characters/)
})

test('random characters, and random bytes under a good beginning, never throw', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.uint8Array({ maxLength: 200 }), async (text, bytes) => {
      await readLink('x', `#lab-x=${text}`)
      const data = Buffer.from(bytes).toString('base64url')
      const result = await readLink('x', `#lab-x=1.${data}`)
      expect(result).toBeDefined()
    }),
  )
})

test('whatever JSON is in a file, what is read of it is a state of this lab', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (texts, stops, position) => {
      const value = { kind: 'world-switch-lab', format: 1, slug: 'x', key: 'k', texts, stops, position }
      const result = readFile('x', JSON.stringify(value))
      if (!result.ok) return
      for (const text of Object.values(result.shared.texts)) expect(text).toBeTypeOf('string')
      expect(Array.isArray(result.shared.stops)).toBe(true)
      expect(result.shared.position ?? 1).toBeGreaterThan(0)
    }),
  )
})

test('a file of another lab is refused by its name', () => {
  expect(readFile('other', writeFile(SHARED))).toEqual({
    ok: false,
    message: 'it is about the lab "smallest-vmcb". Open it on the page /lab/smallest-vmcb/',
  })
  const strange = readFile('other', writeFile({ ...SHARED, slug: 'Click <b>here</b>' }))
  expect(strange.ok ? '' : strange.message).toMatch(/^it is about another lab, .* \/labs\//)
})

test.each([9, {}, '9'.repeat(100_000), null])(
  'a file of another format is refused in a short sentence',
  (format) => {
    const file = readFile('x', JSON.stringify({ kind: 'world-switch-lab', format }))
    const message = file.ok ? '' : file.message
    expect(message).toMatch(format === 9 ? /^its format is 9, / : /^its format is not one that the book has/)
    expect(message.length).toBeLessThan(200)
  },
)
