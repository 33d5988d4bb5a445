// A reader looks something up in the reference and gets to the labs from there.
import { BUILT_PAGES } from './built-pages.ts'
import { expect, test } from './fixtures.ts'

test('a reader filters the fields of the VMCB and follows one to its check and its lab', async ({ page }) => {
  await page.goto('/reference/')
  await page.getByRole('link', { name: 'VMCB fields' }).click()
  const rows = page.locator('.filtered tbody tr')
  const all = await rows.count()
  await page.getByLabel('Filter VMCB fields').fill('G_PAT')
  await expect(page.getByRole('status')).toHaveText(`1 of ${all}`)
  await expect(rows.filter({ visible: true })).toHaveCount(1)
  await page.getByRole('link', { name: 'G_PAT' }).click()
  await expect(page).toHaveURL(/\/reference\/vmcb\/g_pat\/$/)
  await page.getByRole('link', { name: 'g-pat-type' }).click()
  await page.getByRole('main').getByRole('link', { name: 'G_PAT', exact: true }).click()
  const labs = page.getByRole('main').locator('a[href^="/lab/"]')
  await labs.first().click()
  await expect(page.locator('ws-lab')).toHaveCount(1)
})

test('every link of the reference leads to a page', async ({ request }) => {
  const pages = new Set(BUILT_PAGES)
  for (const address of BUILT_PAGES.filter((page) => page.startsWith('/reference/'))) {
    const html = await (await request.get(address)).text()
    for (const [, href = ''] of html.matchAll(/ href="(\/[^"#]*\/)"/g)) {
      expect(pages.has(href), `${address} links ${href}`).toBe(true)
    }
  }
})
