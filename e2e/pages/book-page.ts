// What every page of the book has: the header, the theme, the skip link.
import type { Locator, Page } from '@playwright/test'

export class BookPage {
  readonly page: Page
  readonly themeToggle: Locator
  readonly heading: Locator

  constructor(page: Page) {
    this.page = page
    this.themeToggle = page.getByRole('button', { name: 'Dark theme' })
    this.heading = page.getByRole('heading', { level: 1 })
  }

  /** The theme in use, and the colour that the page has by it. */
  async theme(): Promise<{ name: string | undefined; background: string }> {
    return this.page.evaluate(() => ({
      name: document.documentElement.dataset['theme'],
      background: getComputedStyle(document.documentElement).backgroundColor,
    }))
  }
}
