// The contents of the book.
import type { Locator, Page } from '@playwright/test'
import { BookPage } from './book-page.ts'

export class ContentsPage extends BookPage {
  readonly chapters: Locator
  readonly links: Locator

  constructor(page: Page) {
    super(page)
    this.chapters = page.locator('.chapters > li')
    this.links = this.chapters.getByRole('link')
  }

  async open() {
    await this.page.goto('/')
  }
}
