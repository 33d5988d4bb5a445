// The search, on its page and in the dialogue.
import { expect, type Locator, type Page } from '@playwright/test'

export class SearchPage {
  readonly page: Page
  readonly dialog: Locator
  readonly field: Locator
  readonly status: Locator
  /** The links to the pages that were found. */
  readonly hits: Locator

  constructor(page: Page) {
    this.page = page
    this.dialog = page.getByRole('dialog', { name: 'Search' })
    this.field = page.getByRole('searchbox', { name: 'Search the book' })
    this.status = page.locator('.search-status')
    this.hits = page.locator('.search-hit')
  }

  /** `query`: with the question mark. */
  async open(query = ''): Promise<void> {
    await this.page.goto(`/search/${query}`)
  }

  /** Asks, and waits for the answer. */
  async ask(query: string): Promise<void> {
    await this.field.fill(query)
    await expect(this.status).toContainText(`for “${query}”`)
  }
}
