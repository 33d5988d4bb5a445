// Where the focus is: never lost with a control that goes, never under what sticks to the top of the window.
import type { Locator, Page } from '@playwright/test'
import { expect, test } from './fixtures.ts'
import { askForGuess, LabPage } from './pages/lab.ts'
import { PlaygroundPage } from './pages/playground-page.ts'

/** Presses a control by keyboard and waits until it is gone or disabled. */
async function pressAway(control: Locator): Promise<void> {
  await control.focus()
  await control.press('Enter')
  await expect(control.and(control.page().locator(':enabled'))).toHaveCount(0)
}

async function expectFocusWithin(page: Page, selector: string): Promise<void> {
  const within = (): Promise<boolean> =>
    page.evaluate((wanted) => document.activeElement?.closest(wanted) !== null, selector)
  await expect.poll(within, { message: selector }).toBe(true)
}

test('the focus stays in the lab when a note, a hint, a form or a button goes @long', async ({ page }) => {
  await askForGuess(page)
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  const hint = lab.root.getByRole('button', { name: /^Show (a|the next) hint/ })
  const hints = Number(/of (\d+)/.exec(await hint.innerText())![1])
  for (let shown = 1; shown < hints; shown++) await hint.press('Enter')
  await pressAway(hint)
  await expectFocusWithin(page, '.wb-help')

  await lab.press('Run')
  const guess = lab.root.getByRole('region', { name: 'Your guess' })
  await guess.getByLabel('Field of the VMCB').fill('control.asid')
  await guess.getByLabel('Reason').fill('It is 0.')
  await pressAway(guess.getByRole('button', { name: 'Commit and compare' }))
  await expectFocusWithin(page, '.wb-guess-place')

  await lab.openFile('main.asm')
  await page.keyboard.insertText('; mine')
  await pressAway(lab.root.getByRole('button', { name: 'Reset the text' }))
  await expectFocusWithin(page, '.wb-help-actions')
  await expect(lab.status).toContainText('The texts are those of the start.')
  await pressAway(lab.note.getByRole('button', { name: 'Restore my text' }))
  await expectFocusWithin(page, '.wb')
  await expect(lab.status).toContainText('The texts are back.')
})

test('the focus stays at the predictions when a run has decided them, and a text that is reset twice is told twice @long', async ({
  page,
}) => {
  const lab = new LabPage(page, 'stale-g-pat')
  await lab.openAlone('stale-g-pat')
  await lab.root.locator('.wb-question').first().getByRole('radio').first().check()
  await page.keyboard.press('Control+Enter')
  await lab.rest()
  await expectFocusWithin(page, '.wb-predictions')

  const told: string[] = []
  for (let times = 0; times < 2; times++) {
    await lab.openFile('main.asm')
    await page.keyboard.insertText('; mine')
    await lab.root.getByRole('button', { name: 'Reset the text' }).click()
    await expect(lab.status).toContainText('The texts are those of the start.')
    told.push((await lab.status.textContent())!)
  }
  expect(told[0]).not.toBe(told[1])
})

test('the focus stays in the playground when a file is removed, and when an image makes way for the texts @long', async ({
  page,
}) => {
  const playground = new PlaygroundPage(page)
  await playground.open()
  await pressAway(playground.setup.getByRole('button', { name: 'Remove guest.vmcb' }))
  await expectFocusWithin(page, '.pg-files')
  await playground.openFiles({ name: 'loop.bin', buffer: Buffer.from([0xeb, 0xfe]) })
  await pressAway(playground.button('Back to the texts'))
  await expectFocusWithin(page, '.pg-fields')
})

test('the focus stays on the page of one’s progress when everything is forgotten @long', async ({ page }) => {
  await page.goto('/progress/')
  await page.getByRole('button', { name: 'Forget everything …' }).click()
  await pressAway(page.getByRole('button', { name: 'Forget everything', exact: true }))
  await expectFocusWithin(page, 'main')
})

for (const [width, height] of [
  [1280, 720],
  [1400, 400],
  [700, 720],
])
  test(`going backward by keyboard nothing that has the focus lies under header or toolbar, on ${width} by ${height} pixels @long`, async ({
    page,
  }) => {
    await page.setViewportSize({ width, height })
    await page.emulateMedia({ reducedMotion: 'reduce' })
    const lab = new LabPage(page, 'smallest-vmcb')
    await lab.open('vmrun')
    await lab.press('Run')
    await lab.openPanel('Registers')
    await lab.root.getByRole('button', { name: /hint/ }).focus()
    const hidden: string[] = []
    for (let stops = 0; stops < 90; stops++) {
      await page.keyboard.press('Shift+Tab')
      const under = await page.evaluate(() => {
        const focused = document.activeElement!
        const bar = document.querySelector('#lab-smallest-vmcb .wb-bar')!
        if (bar.contains(focused) || focused.closest('.wb') === null) return ''
        const header = document.querySelector('header')!.getBoundingClientRect()
        const toolbar = bar.getBoundingClientRect()
        const sticks = toolbar.top <= header.bottom + 1
        const covered = sticks ? toolbar.bottom : header.bottom
        return focused.getBoundingClientRect().bottom <= covered ? focused.outerHTML.slice(0, 120) : ''
      })
      if (under !== '') hidden.push(under)
    }
    expect(hidden).toEqual([])
  })
