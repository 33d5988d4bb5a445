/** What becomes of pagefind's answers: excerpts as text, and the page that is named as one asks before those that mention it. */

export interface ExcerptPart {
  readonly text: string
  readonly isFound: boolean
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#x27': "'" }

/** Takes "a &lt; <mark>b</mark>" apart. Whatever else it holds is text. */
export function excerptParts(excerpt: string): ExcerptPart[] {
  return excerpt
    .split(/(<mark>.*?<\/mark>)/s)
    .filter((part) => part !== '')
    .map((part) => {
      const found = /^<mark>(.*)<\/mark>$/s.exec(part)?.[1]
      const text = (found ?? part).replace(/&([^;\s]+);/g, (entity, name: string) => ENTITIES[name] ?? entity)
      return { text, isFound: found !== undefined }
    })
}

/** Letters and digits alone: "nCR3" and "N_CR3" are one name. */
function bare(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')
}

/** The same hits, first those whose title is the query, then those that it abbreviates; else in their order. */
export function titlesFirst<T extends { readonly title: string }>(hits: readonly T[], query: string): T[] {
  const wanted = bare(query)
  const rank = ({ title }: T): number => {
    const name = bare(title)
    if (name === wanted) return 0
    // "npf" for VMEXIT_NPF, "asid" for Guest ASID.
    return name === `vmexit${wanted}` || name === `guest${wanted}` ? 1 : 2
  }
  return [...hits].sort((a, b) => rank(a) - rank(b))
}
