// The headers that docs/deploying.md gives for static hosts, beside what the book's own server sends.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const document = readFileSync(new URL('../docs/deploying.md', import.meta.url), 'utf8')
const [, rules] = /cat > dist\/_headers <<END\n([^]*?)\nEND\n/.exec(document)!

/** Headers by name for a path, each with the values of all rules that match: what hosts that join them send. */
function headersFor(path: string): Map<string, string[]> {
  const headers = new Map<string, string[]>()
  let matches = false
  for (const line of rules.split('\n')) {
    const [, name, value] = /^ {2}([\w-]+): (.*)$/.exec(line) ?? []
    if (name === undefined) matches = line.endsWith('*') ? path.startsWith(line.slice(0, -1)) : path === line
    else if (matches) headers.set(name, [...(headers.get(name) ?? []), value])
  }
  return headers
}

/** As browsers judge it: X-Frame-Options counts where no policy has frame-ancestors. */
function canBeFramed(path: string): boolean {
  const headers = headersFor(path)
  const ancestors = (headers.get('Content-Security-Policy') ?? []).filter((policy) =>
    policy.includes('frame-ancestors'),
  )
  if (ancestors.length > 0) return ancestors.every((policy) => policy === 'frame-ancestors *')
  return !headers.has('X-Frame-Options')
}

test.each([
  ...['/', '/chapters/vmrun/', '/reference/', '/reference/vmcb/asid/', '/labs/', '/lab/x/', '/search/'],
  ...['/print/', '/about/', '/privacy/', '/accessibility/', '/progress/', '/playground/', '/404.html'],
  ...['/nowhere/', '/embedding/', '/_astro/code.js'],
])('with the documented headers no other site may frame %s', (path) => {
  expect(canBeFramed(path)).toBe(false)
})

test('with the documented headers any site may frame an embedded lab', () => {
  expect(canBeFramed('/embed/smallest-vmcb/')).toBe(true)
})

test('with the documented headers every page comes with the policy of the build', () => {
  for (const path of ['/', '/nowhere/', '/embed/smallest-vmcb/'])
    expect(headersFor(path).get('Content-Security-Policy')?.[0]).toBe(
      '$(cat dist/content-security-policy.txt)',
    )
})
