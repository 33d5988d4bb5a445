// What every test is given: a page that must keep its console clean, of violations of the Content-Security-Policy too, and its
// requests on this machine.
import { test as base, expect } from '@playwright/test'
import { ChapterPage } from './pages/chapter-page.ts'
import { ContentsPage } from './pages/contents-page.ts'

interface Options {
  /** Whether the browser has service workers. Without them no test waits until all of the book has been fetched. */
  readsOffline: boolean
}

interface Fixtures {
  contents: ContentsPage
  chapter: ChapterPage
}

export const test = base.extend<Fixtures & Options>({
  readsOffline: [false, { option: true }],
  context: async ({ context, readsOffline }, use) => {
    if (!readsOffline)
      await context.addInitScript(() => {
        Reflect.deleteProperty(Navigator.prototype, 'serviceWorker')
      })
    await use(context)
  },
  page: async ({ page, baseURL }, use) => {
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`))
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
    })
    page.on('request', (request) => {
      const url = new URL(request.url())
      const isHere = url.origin === baseURL || url.protocol === 'data:' || url.protocol === 'blob:'
      if (!isHere) complaints.push(`request to ${request.url()}`)
    })
    page.on('response', (response) => {
      if (response.status() >= 400) complaints.push(`${response.status()} for ${response.url()}`)
    })
    await use(page)
    expect(complaints, 'the console, and requests to elsewhere').toEqual([])
  },
  contents: async ({ page }, use) => use(new ContentsPage(page)),
  chapter: async ({ page }, use) => use(new ChapterPage(page)),
})

export { expect }
