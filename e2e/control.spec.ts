// A reader steers the machine: steps, runs to where something happens, goes back, and says where runs end.
import AxeBuilder from '@axe-core/playwright'
import { expect, test } from './fixtures.ts'
import { digestOfStart, labText } from './labs-in-node.ts'
import { LabPage } from './pages/lab.ts'
import { MachineControls } from './pages/machine-controls.ts'

/** Its guest is entered, and comes back with VMMCALL. */
const GOOD = labText('smallest-vmcb', 'solution', 'guest.vmcb')

/** Counts up for ever. */
const COUNTING =
  '        org 0x10000\nstart:  xor ecx, ecx\nagain:  inc rcx\n        jmp again\nguest:\n        align 4096\nvmcb:   resb 4096\n'

test('a breakpoint beside a line ends runs, goes with its line, and is there after a reload', async ({
  page,
}) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  const machine = new MachineControls(lab)
  await lab.open('vmrun')
  await lab.write('main.asm', COUNTING)
  await machine.clickBeside(4)
  await lab.press('Run')
  await expect(machine.state).toContainText('Paused: line 4 of main.asm')
  expect(await lab.register('RCX')).toContain('0001h')
  await lab.press('Run')
  expect(await lab.register('RCX')).toContain('0002h')
  // A line more above it.
  await lab.openFile('main.asm')
  await page.keyboard.press('Control+Home')
  await page.keyboard.type('; counts\n')
  await lab.press('Run')
  await expect(machine.state).toContainText('Paused: line 5 of main.asm')
  await page.reload()
  await lab.show()
  await lab.press('Run')
  await expect(machine.state).toContainText('Paused: line 5 of main.asm')
  await machine.clickBeside(5)
  await expect(machine.breakpoints).toHaveCount(0)
})

test('stops at exits and writes to the VMCB end runs; one that cannot be says why @long', async ({
  page,
}) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  const machine = new MachineControls(lab)
  await lab.open('vmrun')
  await lab.write('guest.vmcb', GOOD)
  await lab.openPanel('Stops')
  await machine.addStop('a #VMEXIT', { 'Exit code': 'VMEXIT_VMMCALL' })
  await machine.addStop('a write to a VMCB field', { Field: 'control.exit_code' })
  await machine.addStop('an instruction', { 'Linear address': 'nowhere' })
  await expect(machine.stops.nth(1)).toContainText('11070h to 11077h')
  await expect(machine.stops.nth(2)).toContainText('cannot be: the program has no symbol "nowhere"')
  await machine.stops.nth(1).getByRole('checkbox').uncheck()
  await lab.press('Run')
  await expect(machine.state).toContainText('Paused: #VMEXIT(VMMCALL)')
  await expect(lab.exits).toHaveCount(1)
  await machine.stops.nth(0).getByRole('button', { name: 'Remove' }).click()
  await machine.stops.nth(0).getByRole('checkbox').check()
  await lab.press('Reset')
  await lab.press('Run')
  await expect(machine.state).toContainText('write at 11070h')
})

test('the keyboard steps, over the guest, to exits and back, and opens the sheet of shortcuts', async ({
  page,
}) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  const machine = new MachineControls(lab)
  await lab.open('vmrun')
  await lab.write('guest.vmcb', GOOD)
  await machine.key('F9')
  await expect(machine.count).toHaveText('1')
  await machine.key('F10')
  await expect(lab.exits).toHaveCount(1)
  await expect(lab.world).toHaveAttribute('data-world', 'host')
  await machine.key('Shift+F9')
  await expect(lab.world).toHaveAttribute('data-world', 'guest')
  await machine.key('F8')
  await expect(machine.state).toContainText('#VMEXIT')
  await machine.key('Control+Shift+F9')
  await expect(machine.count).toHaveText('0')
  await page.keyboard.press('Shift+F1')
  await expect(machine.sheet.getByRole('row', { name: /F10 Step over/ })).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(lab.editor).toBeFocused()
})

test('the timeline is dragged and goes by keys, and going back forgets nothing @long', async ({ page }) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  const machine = new MachineControls(lab)
  await lab.open('vmrun')
  await lab.write('main.asm', COUNTING)
  await machine.clickBeside(4)
  for (let i = 0; i < 4; i++) await lab.press('Run')
  await expect(machine.timeline).toHaveAttribute('aria-valuenow', '8')
  const box = (await machine.timeline.boundingBox())!
  await page.mouse.move(box.x + box.width - 30, box.y + 30)
  await page.mouse.down()
  await page.mouse.move(box.x + 20, box.y + 30, { steps: 12 })
  await page.mouse.up()
  await expect(machine.count).toHaveText('0')
  await expect(machine.timeline).toHaveAttribute('aria-valuemax', '8')
  await machine.timeline.press('ArrowRight')
  await expect(machine.count).toHaveText('1')
  await machine.timeline.press('End')
  await expect(machine.count).toHaveText('8')
  expect(await lab.register('RCX')).toContain('0004h')
})

test('a slow run shows each step, is paused, and ends as a fast one; the speed is remembered @long', async ({
  page,
}) => {
  // It runs for four seconds at this speed.
  const slug = 'what-vmrun-leaves'
  const lab = new LabPage(page, slug)
  const machine = new MachineControls(lab)
  await lab.open('vmrun')
  await machine.speed.selectOption({ label: '5 / s' })
  await lab.button('Run').click()
  await expect(machine.count).toHaveText(/^[1-9]/)
  await lab.button('Stop').click()
  await expect(machine.state).toContainText('Paused')
  await page.reload()
  await lab.show()
  await expect(machine.speed.locator('option:checked')).toHaveText('5 / s')
  await lab.press('Run')
  expect(await lab.digest()).toBe(digestOfStart(slug))
})

for (const colorScheme of ['light', 'dark'] as const) {
  test(`stops, listing, menu and sheet are accessible in the ${colorScheme} theme @long`, async ({
    page,
  }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    const lab = new LabPage(page, 'smallest-vmcb')
    const machine = new MachineControls(lab)
    await lab.open('vmrun')
    await lab.write('guest.vmcb', GOOD)
    await lab.press('Run')
    await lab.openPanel('Stops')
    await machine.addStop('a #VMEXIT', {})
    const complaints = async (): Promise<string[]> => {
      const { violations } = await new AxeBuilder({ page }).include('#lab-smallest-vmcb').analyze()
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
    }
    expect(await complaints()).toEqual([])
    await lab.openPanel('Listing')
    await lab.root.locator('.wb-bytes').first().click()
    await lab.root.getByRole('button', { name: 'More', exact: true }).click()
    expect(await complaints()).toEqual([])
    await page.keyboard.press('Escape')
    await page.keyboard.press('Shift+F1')
    await expect(machine.sheet).toBeVisible()
    expect(await complaints()).toEqual([])
  })
}

test.describe('on a phone', () => {
  test.use({ hasTouch: true, isMobile: true, viewport: { width: 390, height: 844 } })

  test('line numbers set breakpoints, and nothing is wider than the screen @long', async ({ page }) => {
    const lab = new LabPage(page, 'smallest-vmcb')
    const machine = new MachineControls(lab)
    await lab.open('vmrun')
    await lab.fileTab('main.asm').tap()
    await lab.root.getByRole('button', { name: 'Breakpoint at line 4' }).tap()
    await lab.press('Run')
    await expect(machine.state).toContainText('Paused: line 4 of main.asm')
    await expect(
      lab.root.getByRole('button', { name: 'Breakpoint at line 4, the next to execute' }),
    ).toBeVisible()
    for (const panel of ['Stops', 'Listing']) {
      await lab.openPanel(panel)
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
    }
    await lab.root.getByRole('button', { name: 'More', exact: true }).tap()
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
  })
})
