// The page that says how far a reader has come.
import { type Download, type Locator, type Page } from '@playwright/test'

export class ProgressPage {
  readonly page: Page
  readonly status: Locator

  constructor(page: Page) {
    this.page = page
    this.status = page.getByRole('main').getByRole('status')
  }

  async open(): Promise<void> {
    await this.page.goto('/progress/')
  }

  /** The row of a lab or of a chapter's quiz. */
  row(title: string): Locator {
    return this.page.getByRole('row', { name: title })
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name })
  }

  /** Saves all work as a file. */
  async save(): Promise<Download> {
    const [download] = await Promise.all([
      this.page.waitForEvent('download'),
      this.button('Save as a file').click(),
    ])
    return download
  }

  async addFile(path: string): Promise<void> {
    await this.page.getByLabel('A file of work').setInputFiles(path)
  }

  async addText(text: string): Promise<void> {
    await this.page
      .getByLabel('A file of work')
      .setInputFiles({ name: 'work.json', mimeType: 'application/json', buffer: Buffer.from(text) })
  }
}
