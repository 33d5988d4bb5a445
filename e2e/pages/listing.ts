// The listing of a lab: the program as memory has it.
import type { Locator } from '@playwright/test'
import type { LabPage } from './lab.ts'

export class ListingPanel {
  readonly lab: LabPage
  readonly root: Locator
  readonly next: Locator
  readonly changed: Locator

  constructor(lab: LabPage) {
    this.lab = lab
    this.root = lab.root.locator('.wb-listing')
    this.next = this.root.locator('tr[aria-current]')
    this.changed = this.root.locator('.wb-rewritten')
  }

  /** The row of an instruction, by what it says. */
  row(instruction: string): Locator {
    return this.root.locator('tr.is-instruction').filter({ hasText: instruction })
  }

  /** How often an instruction was executed, as the listing says. */
  executed(instruction: string): Locator {
    return this.row(instruction).locator('.is-count')
  }
}
