// A reader hands a lab on: as a link, as a file, as an image for other machines.
import { readFileSync } from 'node:fs'
import { Machine } from '../emulator/machine/index.ts'
import { expect, test } from './fixtures.ts'
import { labText } from './labs-in-node.ts'
import { LabPage } from './pages/lab.ts'

const SOLUTION = labText('smallest-vmcb', 'solution', 'guest.vmcb')

test('a link opens the same texts at the same position, beside the other reader’s own work', async ({
  page,
  context,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.write('guest.vmcb', `; handed on\n${SOLUTION}`)
  await lab.press('Step')
  await lab.press('Step')
  const there = await lab.register('RIP')
  await lab.root.getByRole('button', { name: 'Copy a link' }).click()
  await expect(lab.root).toContainText('The link is copied.')
  const link = await page.evaluate(() => navigator.clipboard.readText())
  expect(link).toContain('#lab-smallest-vmcb=1.')
  expect(link.length).toBeLessThan(2000)
  await page.close()

  const other = new LabPage(await context.newPage(), 'smallest-vmcb')
  await other.open('vmrun', '?fresh')
  await other.write('guest.vmcb', '; my own\n')
  await other.press('Run')
  await other.page.goto('/')
  await other.page.goto(link)
  await other.show()
  await expect(other.root).toBeInViewport()
  await expect(other.note).toContainText('These texts come from a link. Yours are kept.')
  expect(await other.register('RIP')).toBe(there)
  await other.openFile('guest.vmcb')
  expect(await other.shownText()).toContain('handed on')
  await other.note.getByRole('button', { name: 'Restore my text' }).click()
  await expect.poll(() => other.shownText()).toContain('my own')
})

test('a damaged link says so, and the lab opens at its start', async ({ page }) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun', '#lab-smallest-vmcb=1.q1YqzilN')
  await expect(lab.note).toContainText('The link could not be followed: it is damaged')
  await lab.press('Run')
  await expect(lab.exits).toHaveAttribute('data-exit', 'INVALID')
  // The same link with its end, typed on the page that is open.
  const whole = 'q1YqzilNV7JSKs5NzMlJLS7RLctNTlLSUcpOrUQXtTJQ0lEqSa0oKVayqq7VUSouyS8oVrKKjq0FAA'
  await page.goto(`/chapters/vmrun/#lab-smallest-vmcb=1.${whole}`)
  await expect(lab.note).toContainText('These texts come from a link')
  await expect(lab.root).not.toContainText('could not be followed')
})

test('a lab saved as a file is opened again; other files are refused with the reason @long', async ({
  page,
}) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.write('guest.vmcb', `; saved\n${SOLUTION}`)
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    lab.root.getByRole('button', { name: 'Save as file' }).click(),
  ])
  expect(download.suggestedFilename()).toBe('smallest-vmcb.json')
  const picker = lab.root.getByLabel('A lab that was saved as a file')
  const share = lab.root.getByRole('region', { name: 'Share' })
  const garbage = {
    name: 'x.json',
    mimeType: 'application/json',
    buffer: Buffer.from('{"a": "<img src=x>"}'),
  }
  await picker.setInputFiles(garbage)
  await expect(share).toContainText('x.json could not be opened: it is not a lab of this book.')
  await lab.root.getByRole('button', { name: 'Reset the text' }).click()
  await picker.setInputFiles(await download.path())
  await expect(lab.note).toContainText('These texts come from a file')
  await lab.openFile('guest.vmcb')
  expect(await lab.shownText()).toContain('; saved')
})

test('@long an exported image does in a machine what the lab does', async ({ page }) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.write('guest.vmcb', SOLUTION)
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    lab.root.getByRole('button', { name: 'Export as an image' }).click(),
  ])
  await expect(lab.root).toContainText('qemu-system-x86_64 -kernel smallest-vmcb.elf')
  const machine = new Machine({ ramBytes: 32 * 0x10_0000, history: false })
  machine.boot({ kernel: readFileSync(await download.path()), commandLine: 'lab', modules: [] })
  expect(machine.run(10_000_000).reason).toBe('halted-forever')
  const exits = machine.events.since().filter((event) => event.kind === 'vmexit')
  expect(exits.map(({ code }) => code)).toEqual([0x81n])
})
