// A reader works on the code: what it became in memory, how often it ran, where names come from, and what differs.
import { expect, test } from './fixtures.ts'
import { labText } from './labs-in-node.ts'
import { LabPage } from './pages/lab.ts'
import { ListingPanel } from './pages/listing.ts'
import { MachineControls } from './pages/machine-controls.ts'

/** Line 4 is changed by line 3; lines 5 and 6 are executed three times. */
const CHANGING = `org 0x10000
start: mov ecx, 3
mov byte [patched + 2], 0xc8 ; makes DEC of it
patched: inc rax
again: nop
loop again
hlt
guest:
align 4096
vmcb: resb 4096
`

test('the listing has bytes, counts and breakpoints, and says what the program changed and when', async ({
  page,
}) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  const listing = new ListingPanel(lab)
  const machine = new MachineControls(lab)
  await lab.open('vmrun')
  await lab.write('main.asm', CHANGING)
  await lab.openPanel('Listing')
  await listing.row('inc rax').locator('.wb-bytes').click()
  await expect(listing.root.locator('.wb-listing-parts')).toContainText('prefix')
  await listing.row('loop again').getByRole('button', { name: 'Breakpoint' }).click()
  await lab.press('Run')
  await expect(machine.state).toContainText('Paused: line 6 of main.asm')
  await expect(listing.next).toContainText('loop again')
  await listing.row('loop again').getByRole('button', { name: 'Breakpoint' }).click()
  await lab.press('Run')
  await expect(listing.executed('loop again')).toHaveText('3')
  await expect(listing.row('dec rax')).toContainText('changed by the program; was inc rax')
  await listing.changed.getByRole('button', { name: 'when?' }).click()
  await listing.changed.getByRole('button', { name: 'by instruction 2' }).click()
  await expect(machine.count).toHaveText('2')
})

test('a text is put into columns, folded, and led through from a name to its definition @long', async ({
  page,
}) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  const machine = new MachineControls(lab)
  await lab.open('vmrun')
  await lab.write('main.asm', CHANGING)
  await page.keyboard.press('Shift+Alt+F')
  await expect.poll(() => lab.shownText()).toContain('start:  mov ecx, 3')
  await page.keyboard.press('Control+z')
  await expect.poll(() => lab.shownText()).toContain('start: mov ecx, 3')
  // From the last word of line 6 to line 5.
  await page.keyboard.press('Control+Home')
  for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowDown')
  await page.keyboard.press('End')
  await page.keyboard.press('Control+F12')
  await page.keyboard.press('Control+F8')
  await lab.openPanel('Stops')
  await expect(machine.stops).toContainText('line 5 of main.asm')
  await lab.editor.focus()
  await page.keyboard.press('Control+Shift+BracketLeft')
  await expect(lab.root.locator('.line-numbers').getByText('6', { exact: true })).toHaveCount(0)
})

test('the text beside the start and the solution stays as it is @long', async ({ page }) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.write('guest.vmcb', '; mine\n')
  const compare = lab.root.getByRole('combobox', { name: 'beside another' })
  await compare.selectOption({ label: 'Beside the start' })
  const start = lab.root.getByRole('region', { name: 'guest.vmcb: yours and the start' })
  await expect(start.locator('.wb-removed')).toContainText('; mine')
  await compare.selectOption({ label: 'Beside the solution' })
  await expect(lab.root.getByRole('region', { name: 'guest.vmcb: yours and the solution' })).toContainText(
    'svme',
  )
  await compare.selectOption({ label: 'Text' })
  expect((await lab.shownText()).trim()).toBe('; mine')
  expect(labText('smallest-vmcb', 'start', 'guest.vmcb')).not.toContain('; mine')
})
