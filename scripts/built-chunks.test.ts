import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Chunks, chunksOfPage, foreignSources, importsOf, inlineCode } from './built-chunks.ts'

test('imports are found whatever the quotes, apart from those that wait', () => {
  const code = 'import{a}from"./a.1.js";import`./b.js`;export*from\'./c.js\';x(()=>import(`./d-2.js`),[])'
  expect(importsOf(code)).toEqual({ atOnce: ['a.1.js', 'b.js', 'c.js'], later: ['d-2.js'] })
})

test('a page begins with the chunks that its scripts name, under a path, too', () => {
  const html =
    '<script type="module" src="/book/_astro/a.js"></script>' +
    '<script type="module">import"/book/_astro/b.js"</script>' +
    '<script type="application/json">{"text":"1"}</script>'
  expect(chunksOfPage(html)).toEqual(['a.js', 'b.js'])
  expect(inlineCode(html)).toBe('import"/book/_astro/b.js"')
})

test('what comes from another origin is found; a link that one follows is not loaded', () => {
  const html =
    '<script src="https://a.example/x.js"></script><link rel="stylesheet" href="//b.example/y.css">' +
    '<a href="https://c.example/">c</a><img src="/own.png"><script>"<img src=\\"https://d.example/\\">"</script>'
  expect(foreignSources(html)).toEqual(['https://a.example/x.js', '//b.example/y.css'])
})

test('chunks are followed through what they load at once, and later where that is asked for', () => {
  const folder = mkdtempSync(join(tmpdir(), 'world-switch-'))
  mkdirSync(join(folder, '_astro'))
  const files = {
    'page.js': 'import"./shared.js";import("./mount.js");import("./editor.js")',
    'mount.js': 'import"./shared.js";import"./tools.js"',
    'shared.js': '',
    'tools.js': 'import"./mount.js"',
    'editor.js': '',
  }
  for (const [name, code] of Object.entries(files)) writeFileSync(join(folder, '_astro', name), code)
  const chunks = new Chunks(folder)
  expect(chunks.closure(['page.js'])).toEqual(new Set(['page.js', 'shared.js']))
  expect(chunks.closure(['page.js'], (name) => name === 'mount.js')).toEqual(
    new Set(['page.js', 'shared.js', 'mount.js', 'tools.js']),
  )
  rmSync(folder, { recursive: true })
})
