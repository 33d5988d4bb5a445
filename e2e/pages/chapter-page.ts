// A chapter and the way to its neighbours.
import type { Locator, Page } from '@playwright/test'
import { BookPage } from './book-page.ts'

export class ChapterPage extends BookPage {
  readonly next: Locator
  readonly previous: Locator
  readonly question: Locator

  constructor(page: Page) {
    super(page)
    this.next = page.getByRole('navigation', { name: 'Chapters' }).getByRole('link', { name: 'Next' })
    this.previous = page.getByRole('navigation', { name: 'Chapters' }).getByRole('link', { name: 'Previous' })
    this.question = page.locator('.question')
  }

  async open(slug: string) {
    await this.page.goto(`/chapters/${slug}/`)
  }
}
