// A reader finds the way through the book, in either theme, with and without JavaScript.
import { expect, test } from './fixtures.ts'

test('a reader opens a chapter from the contents', async ({ contents, chapter }) => {
  await contents.open()
  await contents.links.getByText('VMRUN', { exact: true }).click()
  await expect(chapter.heading).toHaveText('VMRUN')
  await expect(chapter.question).toBeVisible()
})

test('the contents list every chapter and link those that are written', async ({ contents }) => {
  await contents.open()
  await expect(contents.chapters).toHaveCount(30)
  for (const item of await contents.chapters.all()) {
    const isPlanned = await item.getByText('planned').isVisible()
    await expect(item.getByRole('link')).toHaveCount(isPlanned ? 0 : 1)
  }
})

test('a reader goes from the first chapter to the last and back @long', async ({ contents, chapter }) => {
  await contents.open()
  const titles = await contents.links.allInnerTexts()
  await contents.links.first().click()
  for (const title of titles.slice(1)) {
    await chapter.next.click()
    await expect(chapter.heading).toHaveText(title)
  }
  await expect(chapter.next).toHaveCount(0)
  for (const title of titles.slice(0, -1).reverse()) {
    await chapter.previous.click()
    await expect(chapter.heading).toHaveText(title)
  }
  await expect(chapter.previous).toHaveCount(0)
})

test('the theme follows the system until the reader chooses, and the choice stays', async ({
  page,
  chapter,
}) => {
  await page.emulateMedia({ colorScheme: 'dark' })
  await chapter.open('vmrun')
  const dark = await chapter.theme()
  expect(dark.name).toBe('dark')
  await page.emulateMedia({ colorScheme: 'light' })
  await expect(chapter.themeToggle).toHaveAttribute('aria-pressed', 'false')
  await page.emulateMedia({ colorScheme: 'dark' })
  await chapter.themeToggle.click()
  const light = await chapter.theme()
  expect(light.name).toBe('light')
  expect(light.background).not.toBe(dark.background)
  await page.reload()
  expect(await chapter.theme()).toEqual(light)
  await expect(chapter.themeToggle).toHaveAttribute('aria-pressed', 'false')
  await chapter.open('gpat')
  expect(await chapter.theme()).toEqual(light)
})

test('a browser that refuses storage still shows and switches themes', async ({ page, chapter }) => {
  await page.addInitScript(() => {
    Object.defineProperty(window, 'localStorage', {
      get() {
        throw new DOMException('refused', 'SecurityError')
      },
    })
  })
  await chapter.open('vmrun')
  await chapter.themeToggle.click()
  expect((await chapter.theme()).name).toBe('dark')
})

test('the first Tab offers to skip to the text', async ({ page, contents }) => {
  await contents.open()
  await page.keyboard.press('Tab')
  await expect(page.getByRole('link', { name: 'Skip to the text' })).toBeInViewport()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('main')).toBeFocused()
})

test('an address that does not exist leads back to the contents', async ({ request }) => {
  const response = await request.get('/chapters/no-such-chapter/')
  expect(response.status()).toBe(404)
  expect(await response.text()).toContain('No such page')
})

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false })

  test('the book can be read, and no control is shown that would do nothing', async ({
    contents,
    chapter,
  }) => {
    await contents.open()
    await contents.links.getByText('VMEXIT_INVALID', { exact: true }).click()
    await expect(chapter.heading).toHaveText('VMEXIT_INVALID')
    await expect(chapter.question).toBeVisible()
    await expect(chapter.themeToggle).toHaveCount(0)
  })
})
