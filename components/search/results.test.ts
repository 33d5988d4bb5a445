import { expect, test } from 'vitest'
import { excerptParts, titlesFirst } from './results.ts'

test('an excerpt is text with what was found marked', () => {
  expect(excerptParts('if a &lt; <mark>G_PAT</mark> &amp;&amp; b')).toEqual([
    { text: 'if a < ', isFound: false },
    { text: 'G_PAT', isFound: true },
    { text: ' && b', isFound: false },
  ])
})

test('other tags and unknown entities in an excerpt stay text', () => {
  expect(excerptParts('<b>x</b> &what;')).toEqual([{ text: '<b>x</b> &what;', isFound: false }])
})

test('a page that is called what one asks for comes first, however it is spelled', () => {
  const hits = ['n-cr3-reserved', 'N_CR3', 'Nested paging'].map((title) => ({ title }))
  expect(titlesFirst(hits, 'nCR3').map(({ title }) => title)).toEqual([
    'N_CR3',
    'n-cr3-reserved',
    'Nested paging',
  ])
})

test('an exit is found by its name without VMEXIT_', () => {
  const hits = [{ title: 'Reading an NPF' }, { title: 'VMEXIT_NPF' }]
  expect(titlesFirst(hits, 'npf')[0]).toEqual({ title: 'VMEXIT_NPF' })
})
