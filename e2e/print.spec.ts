// A reader prints a chapter, or the whole book.
import { expect, test } from './fixtures.ts'
import { FigurePanels } from './pages/figure-panels.ts'

test('on paper a lab is its listing with its goals, and an open figure stands with its table', async ({
  page,
}) => {
  await page.emulateMedia({ colorScheme: 'dark' })
  const lab = new FigurePanels(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.press('Run')
  await lab.openFigure('Page walk')
  await page.emulateMedia({ media: 'print' })
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
  await expect(lab.root.locator('.lab-files')).toBeVisible()
  await expect(lab.root.locator('.lab-goals li')).toHaveCount(2)
  await expect(lab.root.locator('.lab-goals li').first()).toBeVisible()
  await expect(lab.root.locator('.wb-tab-panel .fig-walk')).toBeVisible()
  await expect(lab.root.locator('.fig-on-paper table').first()).toBeVisible()
  for (const hidden of ['.wb-bar', '.wb-timeline', '.wb-editor', '.wb-goals', '.wb-share'])
    for (const found of await lab.root.locator(hidden).all()) await expect(found).toBeHidden()
  await expect(page.locator('.bar')).toBeHidden()
  const background = await page.evaluate(() => getComputedStyle(document.body).color)
  expect(background, 'the ink of the light theme').toBe('rgb(30, 34, 39)')
  await page.evaluate(() => dispatchEvent(new Event('afterprint')))
  await expect(lab.root.locator('.fig-on-paper table')).toHaveCount(0)
})

test('what a click unfolds, and what pointing at a link shows, is on paper', async ({ page }) => {
  await page.goto('/chapters/clean-bits/')
  await expect(page.locator('.why').first()).toBeHidden()
  await expect(page.locator('.hover-card').first()).toBeHidden()
  await page.emulateMedia({ media: 'print' })
  await expect(page.locator('.why').first()).toBeVisible()
  await expect(page.locator('.hover-card').first()).toBeVisible()
})

test('the whole book is one page: every written chapter in order, no lab runs, every id once @long', async ({
  page,
  contents,
}) => {
  await contents.open()
  const written = await page.locator('.chapters a.name').allInnerTexts()
  await page.goto('/print/')
  expect(await page.locator('.whole-chapter > h1').allInnerTexts()).toEqual(written)
  await expect(page.locator('ws-lab')).toHaveCount(0)
  await expect(page.locator('.lab-static').first()).toBeVisible()
  const ids = await page.locator('[id]').evaluateAll((all) => all.map(({ id }) => id))
  expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([])
  const [first] = await page.locator('.whole-contents a').all()
  await first.click()
  await expect(page.locator('.whole-chapter').first()).toBeInViewport()
  expect((await page.pdf()).subarray(0, 5).toString()).toBe('%PDF-')
})
