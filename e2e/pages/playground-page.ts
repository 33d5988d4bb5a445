// The playground, and the workbench in it.
import { expect, type Locator, type Page } from '@playwright/test'

export interface DiskFile {
  readonly name: string
  readonly buffer: Buffer
}

export class PlaygroundPage {
  readonly page: Page
  readonly root: Locator
  readonly setup: Locator
  readonly message: Locator
  readonly exits: Locator
  readonly console: Locator
  readonly state: Locator

  constructor(page: Page) {
    this.page = page
    this.root = page.locator('ws-playground')
    this.setup = this.root.getByRole('region', { name: 'Machine and files' })
    this.message = this.setup.locator('.pg-message')
    this.exits = this.root.locator('[data-exit]')
    this.console = this.root.getByLabel('Output of the serial port')
    this.state = this.root.locator('.wb-state')
  }

  async open(): Promise<void> {
    await this.page.goto('/playground/')
    await this.ready()
  }

  /** Until a machine is at rest. */
  async ready(): Promise<void> {
    await expect(this.button('Run')).toBeEnabled()
    await expect(this.state).not.toHaveText('Running')
  }

  button(name: string): Locator {
    return this.root.getByRole('button', { name, exact: true })
  }

  fileTab(name: string): Locator {
    return this.root.getByRole('tablist', { name: 'Files' }).getByRole('tab', { name })
  }

  async choose(template: string): Promise<void> {
    await this.setup.getByRole('combobox', { name: 'Begin with' }).selectOption({ label: template })
    await expect(this.message).not.toBeEmpty()
    await this.ready()
  }

  async openFiles(...files: readonly DiskFile[]): Promise<void> {
    await this.setup
      .getByLabel('Assembly, a flat binary, a multiboot kernel, or a saved machine')
      .setInputFiles(files.map((file) => ({ ...file, mimeType: 'application/octet-stream' })))
  }

  /** Runs to the end. */
  async run(): Promise<void> {
    await this.button('Run').click()
    await expect(this.state).toHaveText('Ended')
  }
}
