/** The search on its page, and as a dialogue over any other. */
import './search.css'
import { render } from 'preact'
import * as text from '../strings.ts'
import { SearchBox } from './search-box.tsx'

/** Draws the search into `root`. The address of the page keeps the question: ?q=nCR3. */
export function mountSearchPage(root: HTMLElement): void {
  const keep = (query: string): void => {
    const address = query === '' ? location.pathname : `?q=${encodeURIComponent(query)}`
    history.replaceState(null, '', address)
  }
  render(<SearchBox query={new URLSearchParams(location.search).get('q') ?? ''} onQuery={keep} />, root)
}

let dialog: HTMLDialogElement | undefined

/** Opens the dialogue; what was asked in it before is still there. */
export function openSearchDialog(): void {
  dialog ??= createDialog()
  if (!dialog.open) dialog.showModal()
  dialog.querySelector('input')?.select()
}

function createDialog(): HTMLDialogElement {
  const created = document.createElement('dialog')
  created.className = 'search-dialog'
  created.setAttribute('aria-label', text.searchTitle)
  created.addEventListener('click', ({ target }) => {
    // A click on the backdrop is one on the dialogue itself; a link may lead to a place on this page.
    if (target === created || (target instanceof Element && target.closest('a') !== null)) created.close()
  })
  document.body.append(created)
  render(
    <>
      <form method="dialog">
        <button aria-label={text.closeSearch}>{text.close}</button>
      </form>
      <SearchBox query="" />
    </>,
    created,
  )
  return created
}
