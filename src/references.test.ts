import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { dateText, findTerm, parseGlossary, parseSources, sectionText, sourceDetails } from './references.ts'

const read = (path: string) => readFileSync(new URL(`../content/${path}`, import.meta.url), 'utf8')
const SOURCES = parseSources(read('sources.yaml'))
const GLOSSARY = parseGlossary(read('glossary.yaml'), SOURCES)

const TERM = '- { id: gif, term: GIF, text: A flag. }'

test('the glossary of the book holds together, and is sorted by what a reader looks for', () => {
  const terms = GLOSSARY.map(({ term }) => term)
  expect(terms.length).toBeGreaterThanOrEqual(60)
  expect(terms.indexOf('#VMEXIT')).toBeGreaterThan(terms.indexOf('VMCB'))
})

test('a term is found by its id, its name and its other writings, in upper or lower case', () => {
  for (const writing of ['gpat', 'gPAT', 'G_PAT', 'guest  PAT']) {
    expect(findTerm(GLOSSARY, writing)?.id).toBe('gpat')
  }
  expect(findTerm(GLOSSARY, 'UC-')?.id).toBe('uc-minus')
  expect(findTerm(GLOSSARY, 'UC')?.id).toBe('uc')
  expect(findTerm(GLOSSARY, 'VMCS')).toBeUndefined()
})

test('every chapter that the glossary names is in the book', () => {
  const book = read('book.yaml')
  for (const { chapter } of GLOSSARY) {
    if (chapter !== undefined) expect(book).toContain(`slug: ${chapter}\n`)
  }
})

test('a section is one of volume 2 where it names no other', () => {
  const term = GLOSSARY[0]
  expect(sectionText({ ...term, section: '§15.5' })).toBe('APM vol 2 §15.5')
  expect(sectionText({ ...term, section: 'Appendix B' })).toBe('APM vol 2 Appendix B')
  expect(sectionText({ ...term, section: 'APM vol 3 §4' })).toBe('APM vol 3 §4')
})

test('a wrong entry is an error that names the file and the entry', () => {
  const glossary = (text: string) => () => parseGlossary(text, [])
  expect(glossary(`${TERM}\n- { id: vgif, term: VGIF }`)).toThrow(/glossary\.yaml: vgif: [^]*text/)
  expect(glossary(`${TERM}\n${TERM}`)).toThrow('content/glossary.yaml: gif stands twice')
  expect(glossary(`${TERM}\n- { id: flag, term: gif, text: Another. }`)).toThrow(
    /"gif" stands for gif and flag/,
  )
  expect(glossary('- { id: gif, term: GIF, text: A flag., seeAlso: [nmi] }')).toThrow(/gif: seeAlso .* nmi/)
  expect(glossary('- { id: gif, term: GIF, text: A flag., sources: [lwn] }')).toThrow(
    /gif: .*sources\.yaml: lwn/,
  )
})

test('a message stands among the sources once', () => {
  const mail = (id: string) => `- { id: ${id}, kind: mail, short: A, title: B, messageId: m@example.org }`
  expect(() => parseSources(`${mail('one')}\n${mail('two')}`)).toThrow(/two: the message id of one/)
})

test('dates are as exact as the source gives them', () => {
  expect(dateText('2026-02-05')).toBe('5 Feb 2026')
  expect(dateText('2026-03')).toBe('Mar 2026')
  expect(dateText('2006')).toBe('2006')
})

test('the details of a source are one sentence, its note another', () => {
  const source = SOURCES.find(({ id }) => id === 'gpat-v3')!
  expect(sourceDetails(source)).toBe(
    'Jim Mattson, 5 Feb 2026, message id 20260205214326.1029278-1-jmattson@google.com.',
  )
  const bare = { id: 'book', kind: 'paper', short: 'A', title: 'A book' } as const
  expect(sourceDetails({ ...bare, author: 'B', note: 'Chapter 2' })).toBe('B. Chapter 2.')
})
