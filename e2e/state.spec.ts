// A reader looks at registers, memory, stack and log of the machine, changes it while it is paused, and compares two points.
import AxeBuilder from '@axe-core/playwright'
import { expect, test } from './fixtures.ts'
import { LabPage } from './pages/lab.ts'
import { StatePanels } from './pages/state-panels.ts'

test('a register that the last step changed shows what it was', async ({ page }) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  const state = new StatePanels(lab)
  await state.open('Registers')
  await lab.press('Step')
  await expect(state.register('RAX')).toContainText('was 0000_0000_0000_0000h')
  await expect(state.register('EFER')).toContainText('SVME')
})

test('a register typed over while the machine is paused changes the run: VMRUN takes another address', async ({
  page,
}) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  const state = new StatePanels(lab)
  await state.open('Registers')
  await lab.press('Step')
  await state.typeRegister('RAX', '0x20000')
  await expect(state.register('RAX').getByRole('textbox')).toHaveValue('0000_0000_0002_0000h')
  await lab.press('Step')
  await expect(lab.exits).toContainText('20000h')
})

test('memory: a symbol, numbers of eight bytes, a pointer to follow, and bytes that changed', async ({
  page,
}) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  const state = new StatePanels(lab)
  await state.open('Memory')
  await state.goToAddress('vmcb + 0x70')
  await expect(state.dump).toContainText('00011070')
  await lab.press('Run')
  await expect(state.dump.locator('td.is-changed')).not.toHaveCount(0)
  await state.goToAddress('0x1000')
  await state.showAs('quadwords')
  await state.dump.locator('.wb-follow').first().click()
  await expect(state.dump).toContainText('00002027')
})

test('the page tables from CR3 on, entry by entry, and a VMCB laid over memory @long', async ({ page }) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  const state = new StatePanels(lab)
  await state.open('Memory')
  await lab.root.getByRole('button', { name: 'CR3, as a table' }).click()
  await expect(state.tableEntries).toHaveCount(1)
  await expect(state.tableEntries).toContainText('table at 2000h')
  await state.tableEntries.getByRole('button').click()
  await expect(state.tableEntries.first()).toContainText('R/W')
  await state.goToAddress('vmcb')
  await state.showAs('VMCB')
  await expect(lab.root.locator('[data-overlay="save.cs.attrib"]')).toContainText('0A9Bh')
})

test('a search finds the bytes of an instruction and goes there @long', async ({ page }) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  const state = new StatePanels(lab)
  await state.open('Memory')
  await state.search('bytes', '0F 01 D8')
  await lab.root.getByRole('button', { name: '1000Ah', exact: true }).click()
  await expect(state.dump).toContainText('0001000A')
})

test('the log names the exits, filters them, and tells a part of the run in detail @long', async ({
  page,
}) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.press('Run')
  const state = new StatePanels(lab)
  await state.open('Log')
  await expect(state.log).toHaveCount(2)
  await expect(state.log.last()).toContainText('#VMEXIT(INVALID)')
  await state.panel.getByRole('searchbox').fill('vmexit')
  await expect(state.log).toHaveCount(1)
  await state.panel.getByRole('searchbox').fill('')
  await lab.root.getByText('Everything that happened in a part of the run').click()
  await lab.root.getByRole('button', { name: 'Tell' }).click()
  await expect(lab.root.getByRole('list', { name: 'In detail' })).toContainText('vmrun rax')
  await expect(lab.button('Run')).toBeEnabled()
})

test('two points of the run are compared, and the machine is where it was @long', async ({ page }) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.press('Step')
  const state = new StatePanels(lab)
  const digest = await lab.digest()
  await state.open('Compare')
  await lab.root.getByRole('button', { name: 'Compare', exact: true }).click()
  await expect(state.different('RAX')).toContainText('0000_0000_0001_1000h')
  expect(await lab.digest()).toBe(digest)
})

test('panels and the notation of numbers are as at the last visit @long', async ({ page }) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  const state = new StatePanels(lab)
  await state.open('Stack')
  await state.open('Registers')
  await lab.root.getByLabel('Numbers').selectOption('decimal')
  await lab.open('vmrun')
  await expect(lab.panelTab('Stack')).toBeVisible()
  await expect(lab.panelTab('Registers')).toHaveAttribute('aria-selected', 'true')
  await expect(lab.root.getByLabel('Numbers')).toHaveValue('decimal')
})

test('the panels have no accessibility problems in either theme @long', async ({ page }) => {
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme })
    const lab = new LabPage(page, 'smallest-vmcb')
    await lab.open('vmrun')
    await lab.press('Run')
    const state = new StatePanels(lab)
    for (const name of ['Registers', 'Memory', 'Stack', 'Console', 'Log', 'Compare']) {
      await state.open(name)
      await expect(state.panel).not.toContainText('Loading')
      const { violations } = await new AxeBuilder({ page })
        .include('#lab-smallest-vmcb .wb-tab-panel')
        .analyze()
      expect(
        violations.map(
          ({ id, nodes }) => `${theme} ${name} ${id}: ${nodes.map(({ html }) => html).join('\n')}`,
        ),
      ).toEqual([])
    }
  }
})
