// A reader runs a hypervisor under L0, repairs L0, and sees in which orders it loses.
import AxeBuilder from '@axe-core/playwright'
import { expect, test } from './fixtures.ts'
import { FigurePanels } from './pages/figure-panels.ts'

test('exits of the processor and those that L1 sees are told apart, and L0 says by which rule it decided', async ({
  page,
}) => {
  const lab = new FigurePanels(page, 'run-l2')
  await lab.openAlone('run-l2')
  await lab.writeSolution('run-l2', 'guest.vmcb', 'main.asm')
  await lab.press('Run')
  for (const goal of await lab.goals.all()) await expect(goal).toHaveAttribute('data-state', 'met')
  await expect(lab.exits).toHaveCount(7)
  await expect(lab.exits.first()).toContainText('L1 → L0')
  await lab.root.getByLabel('Show the processor’s and L1’s').selectOption({ label: 'those that L1 sees' })
  await expect(lab.exits).toHaveCount(2)
  await expect(lab.exits.first()).toContainText('#VMEXIT(CPUID)')
  await lab.openPanel('L0')
  await expect(lab.l0Events('vmrun')).toHaveCount(2)
  await expect(lab.l0Events('decision').first()).toContainText('one PAT without nested paging')
  await lab.l0Events('vmexit').first().getByRole('button').click()
  await expect(lab.l0Events('vmrun')).toHaveCount(1)
  await lab.press('Step')
  await expect(lab.world).toContainText('L1')
})

test('while L2 runs, vmcb02 is shown with where each field came from @long', async ({ page }) => {
  const lab = new FigurePanels(page, 'run-l2')
  await lab.openAlone('run-l2')
  await lab.openPanel('vmcb01, vmcb02, vmcb12')
  await expect(lab.panel).toContainText('L1 runs with vmcb01')
  await expect(async () => {
    await lab.press('Step')
    await expect(lab.world).toContainText('L2', { timeout: 200 })
  }).toPass()
  await expect(lab.titles).toContainText('vmcb02')
  const rip = lab.panel.locator('[data-field="save.rip"]')
  await rip.getByRole('button').click()
  await expect(rip).toContainText("L0's copy of vmcb12.")
})

test('a losing order is found, happens again on the machine, and is gone when L0 checks its copy', async ({
  page,
}) => {
  const lab = new FigurePanels(page, 'flipped-g-pat')
  await lab.openAlone('flipped-g-pat')
  await lab.openFigure('Interleavings')
  await expect(lab.panel).toContainText('1 of 4 orders lose')
  await lab.panel.getByRole('button', { name: 'Replay this order on the machine' }).first().click()
  await expect(lab.panel).toContainText('On the machine: ')
  await lab.press('Run')
  await expect(lab.exits.last()).toHaveAttribute('data-exit', 'INVALID')
  await expect(lab.exits.last()).toHaveAttribute('data-to', 'L1')
  await lab.writeSolution('flipped-g-pat', 'l0.yaml')
  await lab.press('Run')
  await expect(lab.panel).toContainText('no order loses')
  for (const goal of await lab.goals.all()) await expect(goal).toHaveAttribute('data-state', 'met')
})

test('l0.yaml is highlighted, completed from its schema, and what is wrong is shown at its line @long', async ({
  page,
}) => {
  const lab = new FigurePanels(page, 'flipped-g-pat')
  await lab.openAlone('flipped-g-pat')
  await lab.write(
    'l0.yaml',
    'format: 1\ntitle: Mine\nfields:\n  save.g_pat: { copy: own, check: liv, use: copy }\n',
  )
  await expect(lab.problems.first()).toContainText('l0.yaml:4')
  await expect(lab.root.locator('.squiggly-error')).not.toHaveCount(0)
  await lab.write('l0.yaml', 'format: 1\ntitle: Mine\nfields:\n  save.g_pat: { check: ')
  await page.keyboard.press('Control+Space')
  await expect(page.locator('.suggest-widget')).toContainText('live')
})

test('the scenarios of a lab say what holds and what was found @long', async ({ page }) => {
  const lab = new FigurePanels(page, 'old-snapshot')
  await lab.openAlone('old-snapshot')
  await lab.press('Run')
  await lab.openPanel('Scenarios')
  await expect(lab.scenario('msrs-after')).toHaveAttribute('data-state', 'met')
  await expect(lab.scenario('illegal')).toContainText('the exits were INVALID')
})

for (const colorScheme of ['light', 'dark'] as const) {
  test(`panels of L0 are accessible in the ${colorScheme} theme @long`, async ({ page }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    const lab = new FigurePanels(page, 'flipped-g-pat')
    await lab.openAlone('flipped-g-pat')
    await lab.press('Run')
    for (const name of ['L0', 'Interleavings', 'Scenarios']) {
      await lab.openPanel(name)
      await expect(lab.panel).not.toContainText('…')
      const { violations } = await new AxeBuilder({ page })
        .include('.wb-tab-panel')
        .include('.wb-exits-panel')
        .analyze()
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
      expect(found, name).toEqual([])
    }
  })
}
