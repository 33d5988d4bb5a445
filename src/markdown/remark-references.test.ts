import { createMarkdownProcessor } from '@astrojs/markdown-remark'
import remarkDirective from 'remark-directive'
import { expect, test, vi } from 'vitest'
import { parseGlossary, parseSources } from '../references.ts'
import { remarkBoxes } from './remark-boxes.ts'
import { remarkReferences } from './remark-references.ts'

const sources = parseSources('- { id: apm2, kind: manual, short: APM2, title: The manual, author: AMD }')
const glossary = parseGlossary(
  '- { id: gpat, term: gPAT, also: [guest PAT], text: The PAT of a guest., section: §15.25.4 }',
  sources,
)

/** The HTML of a chapter with this text. */
async function html(markdown: string): Promise<string> {
  const processor = await createMarkdownProcessor({
    remarkPlugins: [remarkDirective, remarkBoxes, [remarkReferences, { glossary, sources }]],
  })
  return (await processor.render(markdown)).code
}

test('a term is a link to the glossary, described by a card that stands once at the end', async () => {
  const code = await html('The :term[gPAT] and :term[the other `PAT`]{#gpat}.')
  const link = 'href="/reference/glossary/#gpat" class="term" aria-describedby="card-term-gpat"'
  expect(code).toContain(`<a ${link}>gPAT</a> and <a ${link}>the other <code>PAT</code></a>`)
  expect(code.match(/id="card-term-gpat"/g)).toHaveLength(1)
  expect(code).toContain('<p>The PAT of a guest.</p><p class="hover-card-details">APM vol 2 §15.25.4</p>')
})

test('a source is a bracketed link, with the place in it', async () => {
  const code = await html('So it is :cite[apm2]{at="§15.25.4"}, always :cite[apm2].')
  expect(code).toMatch(/<a href="\/reference\/sources\/#apm2" class="cite" [^>]+>\[APM2 §15\.25\.4\]<\/a>/)
  expect(code).toContain('>[APM2]</a>.')
  expect(code).toContain('<p>The manual</p><p class="hover-card-details">AMD.</p>')
})

test('what does not exist is an error', async () => {
  // Astro reports the place there.
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
  await expect(html('A :term[VMCS].')).rejects.toThrow('no term "VMCS" in content/glossary.yaml')
  await expect(html('A :term[gPAT]{#vpat}.')).rejects.toThrow('no term "vpat"')
  await expect(html(':::kvm{source="sdm"}\nIt follows.\n:::')).rejects.toThrow('no source "sdm"')
  await expect(html(':::kvm\nIt follows.\n:::')).rejects.toThrow('a kvm box names its sources')
  await expect(html(':::aside\nIt follows.\n:::')).rejects.toThrow('unknown directive "aside"')
  await expect(html('So it is :cite[sdm].')).rejects.toThrow('no source "sdm" in content/sources.yaml')
})

test('colons in a sentence are no directives, and a text without terms has no cards', async () => {
  expect(await html('At `CS:RIP`, that is CS:RIP.')).toBe('<p>At <code>CS:RIP</code>, that is CS:RIP.</p>')
})

test('a box cites its sources, with the place in each, and their cards', async () => {
  const code = await html(':::kvm{source="apm2; apm2 §15.6"}\nKVM follows.\n:::')
  expect(code).toContain('role="note" aria-label="KVM"')
  expect(code).toMatch(
    /<p class="box-source"> <a href="[^"]*#apm2"[^>]*>\[APM2\]<\/a> <a [^>]*>\[APM2 §15\.6\]<\/a><\/p>/,
  )
  expect(code.match(/id="card-source-apm2"/g)).toHaveLength(1)
})
