// Small screens, large text, fingers, and colours that the reader's system forces on every page.
import { BUILT_TEMPLATES } from './built-pages.ts'
import { expect, test } from './fixtures.ts'
import { LabPage } from './pages/lab.ts'

test('no page scrolls sideways at 320 pixels, which is 1280 at 400 %', async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 640 })
  for (const address of BUILT_TEMPLATES) {
    await page.goto(address)
    expect
      .soft(await page.evaluate(() => document.documentElement.scrollWidth), address)
      .toBeLessThanOrEqual(320)
  }
})

test('at 320 pixels a lab that ran does not make the page scroll sideways, whatever panel is open', async ({
  page,
}) => {
  await page.setViewportSize({ width: 320, height: 640 })
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.press('Run')
  for (const panel of ['VMCB', 'Registers', 'Memory', 'Page walk', 'TLB']) {
    await lab.openPanel(panel)
    await expect(lab.panelTab(panel)).toHaveAttribute('aria-selected', 'true')
    expect
      .soft(await page.evaluate(() => document.documentElement.scrollWidth), panel)
      .toBeLessThanOrEqual(320)
  }
})

test('with text twice as large a lab can still be worked with, and nothing is cut off @long', async ({
  page,
}) => {
  await page.setViewportSize({ width: 1280, height: 900 })
  await page.addInitScript(() =>
    document.addEventListener('DOMContentLoaded', () => (document.documentElement.style.fontSize = '225%')),
  )
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.press('Run')
  await expect(lab.exits).toHaveAttribute('data-exit', 'INVALID')
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(1280)
  // Buttons and tabs grow with their words.
  const cut = await lab.root.locator('button, [role=tab], label, .wb-goal').evaluateAll((all) =>
    all
      .filter((shown) => shown.checkVisibility() && getComputedStyle(shown).overflow !== 'visible')
      .filter(({ scrollWidth, clientWidth }) => clientWidth > 1 && scrollWidth > clientWidth + 1)
      .map(({ outerHTML }) => outerHTML),
  )
  expect(cut).toEqual([])
})

/** The spacing that success criterion 1.4.12 names. */
const SPACED = `
  * { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }
  p { margin-block-end: 2em !important }`

for (const path of ['/lab/smallest-vmcb/', '/playground/', '/chapters/gpat/'])
  test(`with its letters, words and lines spaced out nothing of ${path} is cut off @long`, async ({
    page,
  }) => {
    await page.setViewportSize({ width: 1280, height: 900 })
    await page.goto(path)
    const lab = page.locator('ws-lab, ws-playground').first()
    await lab.scrollIntoViewIfNeeded()
    await expect(lab.locator('.wb-run')).toBeEnabled()
    await page.addStyleTag({ content: SPACED })
    const cut = await page.locator('main :not(.wb-hidden)').evaluateAll((all) =>
      all
        .filter((shown) => shown.checkVisibility() && shown.closest('.monaco-editor') === null)
        .filter((shown) => /hidden|clip/.test(getComputedStyle(shown).overflowX))
        .filter(({ scrollWidth, clientWidth }) => clientWidth > 1 && scrollWidth > clientWidth + 1)
        .map(({ outerHTML }) => outerHTML.slice(0, 200)),
    )
    expect(cut).toEqual([])
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(1280)
  })

test('on a phone the header is one line, and its button leads to the places of the book', async ({
  page,
}) => {
  await page.setViewportSize({ width: 390, height: 844 })
  await page.goto('/chapters/vmrun/')
  const { height } = (await page.locator('.bar').boundingBox())!
  expect(height).toBeLessThan(60)
  const places = page.getByRole('navigation', { name: 'Book' })
  const button = page.getByRole('button', { name: 'Places in the book' })
  await expect(places).toBeHidden()
  await button.focus()
  await page.keyboard.press('Enter')
  await expect(places.getByRole('link', { name: 'Playground' })).toBeVisible()
  for (const link of await places.getByRole('link').all())
    expect((await link.boundingBox())!.height).toBeGreaterThanOrEqual(24)
  await page.keyboard.press('Escape')
  await expect(places).toBeHidden()
  await expect(button).toBeFocused()
  await button.click()
  await places.getByRole('link', { name: 'Reference' }).click()
  await expect(page).toHaveURL(/\/reference\/$/)
})

test('with forced colours every control of a lab has a border, and marks are there without their colours @long', async ({
  page,
}) => {
  await page.emulateMedia({ forcedColors: 'active' })
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.press('Step')
  const bare = await lab.root.locator('.wb-button, .wb-small-button, select').evaluateAll((all) =>
    all
      .filter((shown) => shown.checkVisibility())
      .filter((shown) => {
        const { borderTopStyle, borderTopWidth } = getComputedStyle(shown)
        return borderTopStyle === 'none' || borderTopWidth === '0px'
      })
      .map(({ outerHTML }) => outerHTML),
  )
  expect(bare).toEqual([])
  await lab.openFile('main.asm')
  const line = lab.root.locator('.wb-current-line').first()
  expect(await line.evaluate((shown) => getComputedStyle(shown).outlineStyle)).not.toBe('none')
  const tab = lab.root.getByRole('tab', { selected: true }).first()
  expect(await tab.evaluate((shown) => getComputedStyle(shown).outlineStyle)).not.toBe('none')
})

for (const colorScheme of ['light', 'dark'] as const)
  test(`code can be read where colours are forced to be ${colorScheme}, also from the middle of a lab on @long`, async ({
    page,
  }) => {
    await page.emulateMedia({ colorScheme })
    const lab = new LabPage(page, 'smallest-vmcb')
    await lab.open('vmrun')
    await lab.openFile('main.asm')
    await page.emulateMedia({ colorScheme, forcedColors: 'active' })
    const colours = (): Promise<string[]> =>
      lab.root
        .locator('.monaco-editor')
        .evaluate((editor) => [
          getComputedStyle(editor).backgroundColor,
          ...[...editor.querySelectorAll('.view-line span span')].map(
            (token) => getComputedStyle(token).color,
          ),
        ])
    const [canvas, text] =
      colorScheme === 'light'
        ? ['rgb(255, 255, 255)', 'rgb(0, 0, 0)']
        : ['rgb(0, 0, 0)', 'rgb(255, 255, 255)']
    await expect.poll(async () => (await colours())[0]).toBe(canvas)
    const [, ...tokens] = await colours()
    expect(tokens).toContain(text)
    expect(tokens).not.toContain(canvas)
  })

test.describe('with fingers', () => {
  test.use({ hasTouch: true, isMobile: true, viewport: { width: 390, height: 844 } })

  test('the timeline is dragged', async ({ page }) => {
    const lab = new LabPage(page, 'smallest-vmcb')
    await lab.open('vmrun')
    await lab.press('Run')
    const track = lab.root.getByRole('slider')
    await track.scrollIntoViewIfNeeded()
    const { x, y, width, height } = (await track.boundingBox())!
    await page.touchscreen.tap(x + width * 0.35, y + height / 2)
    await expect(lab.root.locator('.wb-count')).toContainText('1 of')
  })
})
