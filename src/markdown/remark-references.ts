// Terms and sources in the text of a chapter:
//
//   :term[gPAT]  :term[nested page table]{#ncr3}     a link to the glossary's entry
//   :cite[gpat-v5]  :cite[apm2]{at="§15.25.4"}       a link to the entry of the sources
//
// Each link is described by a card, at the chapter's end once per entry, which components/reader/hover-cards.ts
// shows while the link is pointed at or focused. An entry that does not exist is an error.
import type {} from 'mdast-util-to-hast'
import type { Link, Paragraph, PhrasingContent, Root } from 'mdast'
import type { TextDirective } from 'mdast-util-directive'
import { visit } from 'unist-util-visit'
import type { VFile } from 'vfile'
import { findTerm, sectionText, sourceDetails, type Source, type Term } from '../references.ts'

interface Card {
  id: string
  title: string
  text: string
  details: string | undefined
}

function element(hName: string, hProperties: Record<string, string | string[]>, children: unknown[]) {
  return { type: 'paragraph', data: { hName, hProperties }, children } as Paragraph
}

/** The words of a directive's brackets, without marks. */
function wordsOf(node: TextDirective): string {
  const words: string[] = []
  visit(node, (child) => {
    if ('value' in child) words.push(child.value)
  })
  return words.join('')
}

const text = (value: string) => ({ type: 'text', value })

function cardElement({ id, title, text: body, details }: Card) {
  return element('div', { id, className: ['hover-card'], role: 'tooltip', popover: 'manual' }, [
    element('p', { className: ['hover-card-title'] }, [text(title)]),
    element('p', {}, [text(body)]),
    ...(details === undefined ? [] : [element('p', { className: ['hover-card-details'] }, [text(details)])]),
  ])
}

/** `glossary` and `sources` as `src/references.ts` gives them. */
export function remarkReferences({ glossary, sources }: { glossary: Term[]; sources: Source[] }) {
  function ofTerm(node: TextDirective, file: VFile): { card: Card; link: Link } {
    const name = node.attributes?.['id'] ?? wordsOf(node)
    const term = findTerm(glossary, name)
    if (term === undefined) file.fail(`no term "${name}" in content/glossary.yaml`, node)
    const card = { id: `card-term-${term.id}`, title: term.term, text: term.text, details: sectionText(term) }
    return { card, link: linkTo(`/reference/glossary/#${term.id}`, 'term', card, node.children) }
  }

  function ofSource(node: TextDirective, file: VFile): { card: Card; link: Link } {
    const id = wordsOf(node)
    const source = sources.find((known) => known.id === id)
    if (source === undefined) file.fail(`no source "${id}" in content/sources.yaml`, node)
    const at = node.attributes?.['at']
    const card = {
      id: `card-source-${id}`,
      title: source.short,
      text: source.title,
      details: sourceDetails(source),
    }
    const label: PhrasingContent = { type: 'text', value: `[${source.short}${at ? ` ${at}` : ''}]` }
    return { card, link: linkTo(`/reference/sources/#${id}`, 'cite', card, [label]) }
  }

  function linkTo(url: string, className: string, card: Card, children: PhrasingContent[]): Link {
    const hProperties = { className: [className], ariaDescribedBy: [card.id] }
    return { type: 'link', url, data: { hProperties }, children }
  }

  return (tree: Root, file: VFile) => {
    const cards = new Map<string, Card>()
    visit(tree, 'textDirective', (node, index, parent) => {
      if (parent === undefined || index === undefined) return
      if (node.name !== 'term' && node.name !== 'cite') {
        // `CS:RIP` in a sentence is no directive.
        const value = String(file.value).slice(node.position?.start.offset, node.position?.end.offset)
        parent.children[index] = { type: 'text', value }
        return
      }
      const { card, link } = node.name === 'term' ? ofTerm(node, file) : ofSource(node, file)
      cards.set(card.id, card)
      parent.children[index] = link
    })
    if (cards.size > 0) {
      tree.children.push(element('div', { className: ['hover-cards'] }, [...cards.values()].map(cardElement)))
    }
  }
}
