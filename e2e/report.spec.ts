// A reader reports an error: as a text, which nobody gets but who the reader sends it to.
import { expect, test } from './fixtures.ts'
import { LabPage } from './pages/lab.ts'

test('the menu has a report with link, build, browser and last result; the page About names the build', async ({
  page,
  context,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.press('Run')
  await lab.root.getByRole('button', { name: 'More', exact: true }).click()
  await lab.root.getByRole('menuitem', { name: 'Report an error' }).click()
  const dialog = page.getByRole('dialog', { name: 'Report an error' })
  const text = dialog.getByRole('textbox', { name: 'The report' })
  await expect(text).toHaveValue(/^Last result: Ended|^Last result: .*INVALID/m)
  const report = await text.inputValue()
  expect(report).toContain(`${new URL(page.url()).origin}/chapters/vmrun/#lab-smallest-vmcb=1.`)
  expect(report).toContain(await page.evaluate(() => navigator.userAgent))
  await text.press('ControlOrMeta+Home')
  await page.keyboard.insertText('It is wrong. ')
  await dialog.getByRole('button', { name: 'Copy the report' }).click()
  await expect(dialog.getByRole('status')).toHaveText('The report is copied.')
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('It is wrong. World Switch')
  await page.keyboard.press('Escape')
  await expect(dialog).toBeHidden()

  await page.goto('/about/')
  const build = /^Build: (.*)$/m.exec(report)![1]
  expect(build).toMatch(/^\d+\.\d+\.\d+, (revision [0-9a-f]{12}|not made from a git checkout)/)
  await expect(page.locator('#build')).toHaveText(`World Switch ${build}.`)
})
