// The panels of the machine's state in a lab's workbench.
import type { Locator } from '@playwright/test'
import type { LabPage } from './lab.ts'

export class StatePanels {
  readonly lab: LabPage
  readonly panel: Locator
  readonly dump: Locator
  readonly tableEntries: Locator
  readonly log: Locator

  constructor(lab: LabPage) {
    this.lab = lab
    this.panel = lab.root.locator('.wb-tab-panel')
    this.dump = lab.root.locator('.wb-dump')
    this.tableEntries = lab.root.locator('[data-entry]')
    this.log = lab.root.getByRole('list', { name: 'Log' }).getByRole('listitem')
  }

  /** Brings a panel to the front, opening it if need be. */
  async open(name: string): Promise<void> {
    const tab = this.lab.panelTab(name)
    if ((await tab.count()) > 0) await tab.click()
    else await this.lab.root.getByLabel('Open another panel').selectOption({ label: name })
  }

  register(name: string): Locator {
    return this.lab.root.locator(`[data-register="${name}"]`)
  }

  async typeRegister(name: string, value: string): Promise<void> {
    const input = this.register(name).getByRole('textbox')
    await input.fill(value)
    await input.press('Enter')
  }

  async goToAddress(expression: string): Promise<void> {
    const input = this.lab.root.getByLabel('Address', { exact: true })
    await input.fill(expression)
    await input.press('Enter')
  }

  async showAs(kind: string): Promise<void> {
    await this.panel.getByRole('combobox', { name: /^as\b/ }).selectOption(kind)
  }

  async search(kind: 'bytes' | 'text' | 'value', pattern: string): Promise<void> {
    await this.lab.root.getByText('Search memory', { exact: true }).click()
    const form = this.lab.root.getByRole('form', { name: 'Search memory' })
    await form.getByLabel('Kind of pattern').selectOption(kind)
    await form.getByLabel('Pattern', { exact: true }).fill(pattern)
    await form.getByRole('button', { name: 'Search' }).click()
  }

  different(name: string): Locator {
    return this.lab.root.locator(`[data-different="${name}"]`)
  }
}
