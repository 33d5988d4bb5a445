// A reader looks something up in the reference and gets to the labs from there.
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

test('a term of a chapter has a card for pointer and keyboard, and leads to the glossary', async ({
  page,
}) => {
  await page.goto('/chapters/vmexit-invalid/')
  const term = page.locator('a.term').first()
  const card = page.locator(`#${await term.getAttribute('aria-describedby')}`)
  await expect(card).toBeHidden()
  await term.hover()
  await expect(card).toBeVisible()
  await card.hover()
  await page.waitForTimeout(500)
  await expect(card).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(card).toBeHidden()
  await page.mouse.move(0, 0)
  await page.keyboard.press('Tab')
  await page.evaluate(() => document.querySelector<HTMLElement>('a.term')?.focus())
  await expect(card).toBeVisible()
  await page.keyboard.press('Tab')
  await expect(card).toBeHidden()
  await term.click()
  await expect(page).toHaveURL(/\/reference\/glossary\/#[a-z0-9-]+$/)
  await expect(page.locator(':target')).toBeVisible()
})

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false })

  test('a term is a plain link and its card stays closed', async ({ page }) => {
    await page.goto('/chapters/vmexit-invalid/')
    const term = page.locator('a.term').first()
    await expect(term).toHaveAttribute('href', /^\/reference\/glossary\/#/)
    await term.hover()
    await expect(page.locator('.hover-card').first()).toBeHidden()
  })
})

test('a reader finds an MSR by name, and an instruction with its exit', async ({ page }) => {
  await page.goto('/reference/msrs/')
  await page.getByLabel('Filter MSRs').fill('PAT')
  const row = page.locator('#pat')
  await expect(row).toContainText('0007_0406_0007_0406h')
  await expect(row).toContainText('byte 9Dh, bits 7:6')
  await row.getByRole('link', { name: 'G_PAT' }).click()
  await expect(page).toHaveURL(/\/reference\/vmcb\/g_pat\/$/)
  await page.goto('/reference/instructions/')
  await page.getByRole('link', { name: 'VMMCALL', exact: true }).click()
  await expect(page).toHaveURL(/\/reference\/instructions\/svm\/#vmmcall$/)
  await page
    .locator('section', { has: page.locator('#vmmcall') })
    .getByRole('link', { name: 'VMEXIT_VMMCALL' })
    .click()
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('VMEXIT_VMMCALL')
})
