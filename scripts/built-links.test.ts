import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { brokenLinks } from './built-links.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'world-switch-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

function write(file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), text)
}

test('links to pages, files and places that exist are whole, relative ones too', () => {
  write(
    'index.html',
    '<p id="lab"><a href="/about/#top">a</a><a href="about/">b</a><script src="/a.js">" href="/no/"</script>',
  )
  write('about/index.html', '<h1 id="top"><a href="#top">c</a><a href="../#lab=1.abc">d</a>')
  write('a.js', '')
  expect(brokenLinks(folder, '/')).toEqual({ count: 5, broken: [] })
})

test('a missing page and a missing place are named with the page that has the link', () => {
  write('index.html', '<a href="/no/">a</a><a href="/about/#no">b</a><a href="/about">c</a>')
  write('about/index.html', '')
  expect(brokenLinks(folder, '/').broken).toEqual([
    { page: '/', link: '/no/', problem: 'leads to no file' },
    { page: '/', link: '/about/#no', problem: 'leads to no place on that page' },
    { page: '/', link: '/about', problem: 'leads to no file' },
  ])
})

test('a book under a path has no links to the root of its site', () => {
  write('index.html', '<a href="/book/">a</a><a href="/labs/">b</a>')
  expect(brokenLinks(folder, '/book/').broken).toEqual([
    { page: '/book/', link: '/labs/', problem: 'leaves /book/' },
  ])
})

test('links to other sites are left alone', () => {
  write('index.html', '<a href="https://example.com/no">a</a><a href="mailto:a@example.com">b</a>')
  expect(brokenLinks(folder, '/')).toEqual({ count: 0, broken: [] })
})
