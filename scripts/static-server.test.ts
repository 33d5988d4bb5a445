import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { POLICY_FILE, staticServer } from './static-server.mjs'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'world-switch-'))
  mkdirSync(join(folder, 'embed'))
  mkdirSync(join(folder, '_astro'))
  writeFileSync(join(folder, POLICY_FILE), "default-src 'self'\n")
  for (const file of ['index.html', '404.html', 'embed/index.html', '_astro/code.js'])
    writeFileSync(join(folder, file), file)
})

afterAll(() => rmSync(folder, { recursive: true }))

/** What a server of the folder answers to a request for `path`. */
async function get(path: string, base?: string): Promise<{ status: number; text: string; headers: Headers }> {
  const server = staticServer(folder, base).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`)
    return { status: response.status, text: await response.text(), headers: response.headers }
  } finally {
    server.close()
  }
}

test('pages and files come with the policy, and no other site may frame them', async () => {
  for (const path of ['/', '/_astro/code.js', '/nowhere/']) {
    const { headers } = await get(path)
    expect(headers.get('content-security-policy'), path).toBe("default-src 'self'; frame-ancestors 'none'")
  }
})

test('any site may frame an embedded lab', async () => {
  expect((await get('/embed/')).headers.get('content-security-policy')).toBe("default-src 'self'")
  expect((await get('/book/embed/', '/book/')).headers.get('content-security-policy')).toBe(
    "default-src 'self'",
  )
})

test('a page is no embedded lab by an address that goes through that folder', async () => {
  const { text, headers } = await get('/embed/..%2findex.html')
  expect(text).toBe('index.html')
  expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
})

test('an address that leads nowhere shows the page for that', async () => {
  expect(await get('/nowhere/')).toMatchObject({ status: 404, text: '404.html' })
})

test('a book under a path answers only there', async () => {
  expect(await get('/book/', '/book/')).toMatchObject({ status: 200, text: 'index.html' })
  expect((await get('/', '/book/')).status).toBe(404)
  expect((await get('/book/_astro/code.js', '/book/')).headers.get('cache-control')).toContain('immutable')
})

test('no address leads out of the folder', async () => {
  for (const path of ['/%2e%2e/secret', '/..%2f..%2fetc/passwd', '/%00', '/%'])
    expect((await get(path)).status, path).toBe(404)
})
