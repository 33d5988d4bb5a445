// The form of a VMCB in a lab's workbench.
import type { Locator } from '@playwright/test'
import type { LabPage } from './lab.ts'

export class VmcbForm {
  readonly lab: LabPage
  readonly notice: Locator
  readonly verdict: Locator
  readonly fields: Locator
  readonly report: Locator

  constructor(lab: LabPage) {
    this.lab = lab
    this.notice = lab.root.locator('[data-source]')
    this.verdict = lab.root.locator('.wb-tab-panel > .wb-checks')
    this.fields = lab.root.locator('[data-field]')
    this.report = lab.root.locator('.wb-kvm-report')
  }

  async show(): Promise<void> {
    await this.lab.panelTab('VMCB').click()
    await this.notice.waitFor()
  }

  field(key: string): Locator {
    return this.lab.root.locator(`[data-field="${key}"]`)
  }

  input(key: string): Locator {
    return this.field(key).getByRole('textbox')
  }

  /** Types over the value of a field. */
  async type(key: string, value: string): Promise<void> {
    await this.input(key).fill(value)
    await this.input(key).press('Enter')
  }

  async open(key: string): Promise<void> {
    await this.field(key).locator('.wb-expand').click()
  }

  /** The control of a bit of a field that is open. */
  bit(key: string): Locator {
    return this.lab.root.locator(`[data-bit="${key}"]`).locator('input, select')
  }

  async choose(choice: 'text' | 'memory' | 'all' | 'nonzero' | 'changed'): Promise<void> {
    await this.lab.root.getByRole('radio', { name: choice, exact: true }).check()
  }

  /** Pastes a kernel log and has it read. */
  async paste(log: string): Promise<void> {
    await this.lab.root.getByText('Read a VMCB from a kernel log of KVM').click()
    await this.lab.root.getByLabel('Kernel log').fill(log)
    await this.lab.root.getByRole('button', { name: 'Read the log' }).click()
  }
}
