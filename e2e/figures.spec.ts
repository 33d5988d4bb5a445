// A reader looks at figures drawn from the live machine.
import AxeBuilder from '@axe-core/playwright'
import { expect, test } from './fixtures.ts'
import { FigurePanels } from './pages/figure-panels.ts'

const LAB = 'g-pat-types'
const FIGURES = ['Page walk', 'TLB', 'Memory types', 'World switch', 'State cache', 'Interrupts']

test('the page walk of the guest is a grid, its entries can be taken apart, and any address can be asked for', async ({
  page,
}) => {
  const lab = new FigurePanels(page, LAB)
  await lab.openAlone(LAB)
  await lab.writeSolution(LAB, 'guest.vmcb')
  await lab.press('Step')
  await lab.press('Step')
  await expect(lab.world).toHaveAttribute('data-world', 'guest')
  await lab.openFigure('Page walk')
  await expect(lab.titles).toContainText('Fetch by a supervisor')
  await expect(lab.panel.getByRole('group', { name: /^PML4E, gPA/ })).toBeVisible()
  await lab.panel.getByRole('button', { name: /^1 nested PML4E/ }).click()
  await expect(lab.panel.locator('.fig-walk-entry')).toContainText('nested PML4E')
  await lab.choice('Walk of').selectOption({ label: 'an address …' })
  await lab.choice('Linear address').fill('vmcb')
  await lab.choice('Linear address').press('Enter')
  await expect(lab.titles).toContainText('Read by a supervisor at 11000h')
  await lab.choice('Linear address').fill('nowhere')
  await lab.choice('Linear address').press('Enter')
  await expect(lab.panel).toContainText('nowhere')
  await expect(lab.titles).toHaveCount(0)
})

test('the TLB has entries of both worlds, and the type of each is derived; the calculator says what else it could be @long', async ({
  page,
}) => {
  const lab = new FigurePanels(page, LAB)
  await lab.openAlone(LAB)
  await lab.writeSolution(LAB, 'guest.vmcb')
  await lab.press('Run')
  await lab.openFigure('TLB')
  await expect(lab.panel).toContainText('ASID 0 (host)')
  await expect(lab.panel).toContainText('ASID 1')
  await lab.openFigure('Memory types')
  await expect(lab.titles.filter({ hasText: 'Memory type WB' })).toHaveCount(2)
  await lab.choice('MTRR').selectOption('UC')
  await expect(lab.titles.filter({ hasText: 'Memory type UC' })).toHaveCount(1)
})

test('a world switch, the state cache and the gates before interrupts follow the machine @long', async ({
  page,
}) => {
  const lab = new FigurePanels(page, LAB)
  await lab.openAlone(LAB)
  await lab.writeSolution(LAB, 'guest.vmcb')
  await lab.press('Step')
  await lab.openPanel('World switch')
  await expect(lab.panel).toContainText('No world switch yet')
  await lab.press('Step')
  await expect(lab.titles).toContainText('VMRUN')
  await lab.panel.getByRole('button', { name: 'As a table' }).click()
  await expect(lab.panel.getByRole('columnheader', { name: 'Before' })).toBeVisible()
  await lab.openFigure('State cache')
  await expect(lab.titles).toContainText('What VMRUN of 11000h would read')
  await lab.openFigure('Interrupts')
  await expect(lab.titles).toContainText('guest')
  await lab.press('Run')
  await expect(lab.titles).toContainText('host')
})

test('on a screen of 390 pixels no figure makes the page scroll sideways @long', async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 })
  const lab = new FigurePanels(page, LAB)
  await lab.openAlone(LAB)
  await lab.press('Run')
  for (const name of FIGURES) {
    await lab.openPanel(name)
    await expect(lab.panel).not.toContainText('Loading')
    expect(await page.evaluate(() => document.documentElement.scrollWidth), name).toBeLessThanOrEqual(390)
  }
})

for (const colorScheme of ['light', 'dark'] as const) {
  test(`every figure is accessible in the ${colorScheme} theme @long`, async ({ page }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    const lab = new FigurePanels(page, LAB)
    await lab.openAlone(LAB)
    await lab.writeSolution(LAB, 'guest.vmcb')
    await lab.press('Run')
    for (const name of FIGURES) {
      await lab.openFigure(name)
      const { violations } = await new AxeBuilder({ page }).include('.wb-tab-panel').analyze()
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
      expect(found, name).toEqual([])
    }
  })
}
