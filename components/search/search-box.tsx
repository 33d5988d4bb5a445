/** The field for a question and the list of pages that answer it, on the search page and in the dialogue. */
import { useEffect, useRef, useState } from 'preact/hooks'
import * as text from '../strings.ts'
import { loadSearch, search, type Hit } from './engine.ts'

interface SearchBoxProps {
  readonly query: string
  /** The reader has changed the question. */
  readonly onQuery?: (query: string) => void
}

type Answer =
  | { readonly state: 'none' }
  | { readonly state: 'asked' }
  | { readonly state: 'failed' }
  | { readonly state: 'found'; readonly query: string; readonly hits: readonly Hit[] }

/** Milliseconds without a key after which the question is asked. */
const TYPING_PAUSE = 120
/** Milliseconds after which one is told that the search works on it. */
const WORTH_SHOWING = 300
/** Pages that are shown at once. */
const PORTION = 12

export function SearchBox({ query: first, onQuery }: SearchBoxProps) {
  const [query, setQuery] = useState(first)
  const [answer, setAnswer] = useState<Answer>({ state: 'none' })
  const [shown, setShown] = useState(PORTION)
  const root = useRef<HTMLDivElement>(null)

  useEffect(() => {
    const wanted = query.trim()
    onQuery?.(wanted)
    if (wanted === '') {
      setAnswer({ state: 'none' })
      return
    }
    let isOver = false
    const waiting = setTimeout(() => setAnswer({ state: 'asked' }), WORTH_SHOWING)
    const give = (answer: Answer): void => {
      if (isOver) return
      clearTimeout(waiting)
      setAnswer(answer)
      setShown(PORTION)
    }
    const typing = setTimeout(() => {
      search(wanted).then(
        (hits) => give({ state: 'found', query: wanted, hits }),
        () => give({ state: 'failed' }),
      )
    }, TYPING_PAUSE)
    return () => {
      isOver = true
      clearTimeout(waiting)
      clearTimeout(typing)
    }
  }, [query])

  const links = (): HTMLElement[] => [
    ...(root.current?.querySelectorAll<HTMLElement>('input, .search-hits a, .search-more') ?? []),
  ]
  /** Up and down go through the field and what was found. */
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (by === undefined) return
    const all = links()
    const to = all[all.indexOf(document.activeElement as HTMLElement) + by]
    if (to === undefined) return
    event.preventDefault()
    to.focus()
  }
  const hits = answer.state === 'found' ? answer.hits : []
  const onSubmit = (event: Event): void => {
    event.preventDefault()
    if (hits[0] !== undefined) location.assign(hits[0].url)
  }

  return (
    <div class="search" ref={root} onKeyDown={onKeyDown}>
      <form role="search" onSubmit={onSubmit}>
        <label>
          <span>{text.searchTheBook}</span>
          <input
            type="search"
            value={query}
            placeholder={text.searchExamples}
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            autofocus
            onFocus={() => void loadSearch().catch(() => undefined)}
            onInput={(event) => setQuery(event.currentTarget.value)}
          />
        </label>
      </form>
      <p class="search-status" role="status">
        {statusOf(answer)}
      </p>
      <ol class="search-hits" role="list">
        {hits.slice(0, shown).map((hit) => (
          <HitItem key={hit.url} hit={hit} />
        ))}
      </ol>
      {hits.length > shown && (
        <button type="button" class="search-more" onClick={() => setShown(shown + PORTION)}>
          {text.showMore}
        </button>
      )}
    </div>
  )
}

function statusOf(answer: Answer): string {
  switch (answer.state) {
    case 'none':
      return ''
    case 'asked':
      return text.searching
    case 'failed':
      return text.searchFailed
    case 'found':
      return text.pagesFound(answer.hits.length, answer.query)
  }
}

function HitItem({ hit }: { readonly hit: Hit }) {
  return (
    <li>
      <a class="search-hit" href={hit.url}>
        <span class="search-title">{hit.title}</span> <span class="search-kind">{hit.kind}</span>
      </a>
      <p>{hit.excerpt.map((part) => (part.isFound ? <mark>{part.text}</mark> : part.text))}</p>
      {hit.sections.length > 0 && (
        <ul role="list">
          {hit.sections.map(({ url, title }) => (
            <li key={url}>
              <a href={url}>{title}</a>
            </li>
          ))}
        </ul>
      )}
    </li>
  )
}
