// What steers a lab's machine: menu, speed, timeline, breakpoints and the panel of stops.
import { expect, type Locator } from '@playwright/test'
import type { LabPage } from './lab.ts'

export class MachineControls {
  readonly lab: LabPage
  readonly state: Locator
  readonly count: Locator
  readonly currentLine: Locator
  readonly speed: Locator
  readonly timeline: Locator
  readonly stops: Locator
  readonly newStop: Locator
  readonly sheet: Locator

  constructor(lab: LabPage) {
    this.lab = lab
    this.state = lab.root.locator('.wb-status')
    this.count = lab.root.locator('.wb-count b')
    this.currentLine = lab.root.locator('.wb-current-mark')
    this.speed = lab.root.getByRole('combobox', { name: 'Speed' })
    this.timeline = lab.root.getByRole('slider', { name: 'Position in the run' })
    this.stops = lab.root.getByRole('list', { name: 'Stops' }).getByRole('listitem')
    this.newStop = lab.root.getByRole('form', { name: 'New stop' })
    this.sheet = lab.root.getByRole('dialog', { name: 'Keyboard shortcuts' })
  }

  /** Presses a key with the focus in the lab, and waits until the machine is at rest. */
  async key(keys: string): Promise<void> {
    await this.lab.page.keyboard.press(keys)
    await this.lab.rest()
  }

  async choose(command: string): Promise<void> {
    await this.lab.root.getByRole('button', { name: 'More', exact: true }).click()
    await this.lab.root.getByRole('menuitem', { name: command }).click()
    await this.lab.rest()
  }

  /** Clicks beside a line in the editor. */
  async clickBeside(line: number): Promise<void> {
    const number = this.lab.root.locator('.line-numbers').getByText(`${line}`, { exact: true })
    await number.click()
  }

  /** The breakpoints that the editor shows. */
  get breakpoints(): Locator {
    return this.lab.root.locator('.wb-breakpoint')
  }

  /** Adds a stop with the form: its kind, then what else it asks for by label. */
  async addStop(kind: string, values: Readonly<Record<string, string>>): Promise<void> {
    await this.newStop.getByLabel('Stop at').selectOption({ label: kind })
    for (const [label, value] of Object.entries(values)) {
      const input = this.newStop.getByLabel(label, { exact: true })
      const isChoice = (await input.evaluate((element) => element.tagName)) === 'SELECT'
      if (isChoice) await input.selectOption({ label: value })
      else await input.fill(value)
    }
    const before = await this.stops.count()
    await this.newStop.getByRole('button', { name: 'Add' }).click()
    await expect(this.stops).toHaveCount(before + 1)
  }
}
