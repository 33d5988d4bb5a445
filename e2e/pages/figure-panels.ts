// The panels of a lab that hold figures of the live machine, on the lab's own page.
import { expect, type Locator } from '@playwright/test'
import { labText } from '../labs-in-node.ts'
import { LabPage } from './lab.ts'

export class FigurePanels extends LabPage {
  /** Puts the solution's texts into the editor. */
  async writeSolution(slug: string, ...names: readonly string[]): Promise<void> {
    for (const name of names) await this.write(name, labText(slug, 'solution', name))
  }

  get panel(): Locator {
    return this.root.locator('.wb-tab-panel')
  }

  /** The heading of the figure that is shown. */
  get titles(): Locator {
    return this.panel.locator('.fig-title')
  }

  /** Shows a panel and waits for its figure. */
  async openFigure(name: string): Promise<void> {
    await this.openPanel(name)
    await expect(this.titles.first()).toBeVisible()
  }

  choice(label: string): Locator {
    return this.panel.getByRole('combobox', { name: label })
  }

  /** The events that the panel of L0 lists, by kind. */
  l0Events(kind: string): Locator {
    return this.panel.locator(`[data-l0-event="${kind}"]`)
  }

  scenario(id: string): Locator {
    return this.panel.locator(`[data-scenario="${id}"]`)
  }
}
