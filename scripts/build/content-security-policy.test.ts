import { expect, test } from 'vitest'
import { contentSecurityPolicy, inlineScriptSources, withPolicy } from './content-security-policy.ts'

test('the scripts that stand in a page are named by their hashes', () => {
  const html = '<script>alert(1)</script> <script type="module">alert(1)</script>'
  // As a browser prints it in its complaint.
  const source = "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"
  expect(inlineScriptSources(html)).toEqual([source, source])
})

test('script files and data need no hash', () => {
  expect(
    inlineScriptSources('<script src="/a.js"></script><script type="application/json">{"a":1}</script>'),
  ).toEqual([])
})

test('the policy stands in the page before its scripts', () => {
  const page = withPolicy(
    '<head><meta charset="utf-8"><script></script>',
    contentSecurityPolicy(["'sha256-x'"]),
  )
  expect(page).toMatch(/^<head><meta charset="utf-8"><meta http-equiv="content-security-policy" content="/)
  expect(page).toContain("script-src 'self' 'wasm-unsafe-eval' 'sha256-x';")
})

test('a page that has no place for the policy is an error', () => {
  expect(() => withPolicy('<p>text</p>', 'default-src')).toThrow('<meta charset>')
})
