// A reader predicts, tries, is told what is missing, finds the work again, and carries it to another browser.
import { readFile } from 'node:fs/promises'
import type { Page } from '@playwright/test'
import { expect, test } from './fixtures.ts'
import { labText } from './labs-in-node.ts'
import { askForGuess, LabPage } from './pages/lab.ts'
import { ProgressPage } from './pages/progress-page.ts'

const SOLUTION = labText('smallest-vmcb', 'solution', 'guest.vmcb')

/** From now on the browser has no room. */
async function fillStorage(page: Page): Promise<void> {
  await page.addInitScript(() => {
    IDBObjectStore.prototype.put = () => {
      throw new DOMException('full', 'QuotaExceededError')
    }
  })
}

test('a prediction is compared with what the machine did, and stands at the next visit', async ({ page }) => {
  const lab = new LabPage(page, 'misaligned-rax')
  await lab.open('vmrun')
  const question = lab.root.getByRole('group', { name: /The second VMRUN faults/ })
  await question.getByLabel('−1, VMEXIT_INVALID').check()
  await lab.press('Run')
  await expect(question.getByRole('status')).toHaveText('What happened instead: 81h, VMEXIT_VMMCALL')
  await page.reload()
  await lab.show()
  await expect(question.getByLabel('−1, VMEXIT_INVALID')).toBeChecked()
  await expect(question.getByLabel('−1, VMEXIT_INVALID')).toBeDisabled()
})

test('the failed check is named once the reader has committed to a field and a reason', async ({ page }) => {
  await askForGuess(page)
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.press('Run')
  await expect(lab.exits).toHaveAttribute('data-exit', 'INVALID')
  await expect(lab.failedChecks).toHaveCount(0)
  const guess = lab.root.getByRole('region', { name: 'Your guess' })
  const commit = guess.getByRole('button', { name: 'Commit and compare' })
  await guess.getByLabel('Field of the VMCB').fill('asidd')
  await expect(commit).toBeDisabled()
  await guess.getByLabel('Field of the VMCB').fill('control.asid')
  await guess.getByLabel('Reason').fill('<b>0</b> is the host’s')
  await commit.click()
  await expect(lab.failedChecks).toHaveCount(3)
  const comparison = lab.root.getByRole('status', { name: 'Your guess' })
  await expect(comparison).toContainText('That is the field')
  await expect(comparison).toContainText('<b>0</b> is the host’s')
})

test('progress counts labs and quiz answers, and goes to another browser as a file', async ({
  page,
  browser,
  baseURL,
}) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.press('Run')
  await lab.write('guest.vmcb', SOLUTION)
  await lab.press('Run')
  await expect(lab.root).toContainText('2 attempts so far. All goals were met')
  await page.locator('.quiz-answer').getByText('The guest’s', { exact: true }).click()
  const progress = new ProgressPage(page)
  await expect(async () => {
    await progress.open()
    await expect(progress.row('The smallest VMCB')).toContainText('done')
    await expect(progress.row('VMRUN 1 of 4')).toBeVisible({ timeout: 1000 })
  }).toPass()
  const file = await (await progress.save()).path()

  const context = await browser.newContext({ ...(baseURL === undefined ? {} : { baseURL }) })
  const elsewhere = new ProgressPage(await context.newPage())
  await elsewhere.open()
  await elsewhere.addText('{"kind": "something else"}')
  await expect(elsewhere.status).toContainText('not a file of work in this book')
  await elsewhere.addFile(file)
  await expect(elsewhere.status).toContainText('has been added')
  await expect(elsewhere.row('The smallest VMCB')).toContainText('done')
  const there = new LabPage(elsewhere.page, 'smallest-vmcb')
  await there.open('vmrun')
  await expect(there.note).toContainText('your saved work')

  await elsewhere.open()
  await elsewhere.button('Forget everything …').click()
  await elsewhere.button('Forget everything').last().click()
  await expect(elsewhere.row('The smallest VMCB')).toContainText('not begun')
  await context.close()
})

test('a second tab says that the first one keeps the work, and overwrites nothing @long', async ({
  page,
}) => {
  const first = new LabPage(page, 'smallest-vmcb')
  await first.open('vmrun')
  const second = new LabPage(await page.context().newPage(), 'smallest-vmcb')
  await second.open('vmrun')
  await expect(second.root).toContainText('open in another tab')
  await second.write('guest.vmcb', '; second\n')
  await second.press('Run')
  await first.write('guest.vmcb', `; first\n${SOLUTION}`)
  await first.press('Run')
  await page.close()
  await expect(second.root).not.toContainText('open in another tab')
  await second.root.getByRole('button', { name: 'Restore my text' }).click()
  await second.openFile('guest.vmcb')
  await expect.poll(() => second.shownText()).toContain('; first')
})

test('work on an earlier version of a lab is opened, and compared with the new one @long', async ({
  page,
}) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.write('guest.vmcb', `; mine\n${SOLUTION}`)
  await lab.press('Run')
  await page.route('**/chapters/vmrun/', async (route) => {
    const response = await route.fetch()
    const body = (await response.text()).replace(/"key":"smallest-vmcb:\w+"/, '"key":"smallest-vmcb:0"')
    await route.fulfill({ response, body })
  })
  await page.reload()
  await lab.show()
  await expect(lab.note).toContainText('This lab has changed since you worked on it')
  await lab.note.getByRole('button', { name: 'Compare with the new start' }).click()
  await expect(lab.note.getByRole('region', { name: /guest\.vmcb/ })).toContainText('; mine')
  await lab.note.getByRole('button', { name: 'Start over' }).click()
  await expect(lab.note.getByRole('button', { name: 'Restore my text' })).toBeVisible()
})

test('@long where storage is refused the lab works, and says that nothing is kept', async ({ page }) => {
  await page.addInitScript(() => {
    Object.defineProperty(window, 'indexedDB', { value: { open: () => fail() } })
    const fail = (): never => {
      throw new DOMException('refused', 'SecurityError')
    }
  })
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.write('guest.vmcb', SOLUTION)
  await lab.press('Run')
  await expect(lab.root).toContainText('This browser refuses storage')
  await expect(lab.goals.first()).toHaveAttribute('data-state', 'met')
})

test('@long where storage is full the reader is told to save a file', async ({ page }) => {
  await fillStorage(page)
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.write('guest.vmcb', SOLUTION)
  await lab.press('Run')
  await expect(lab.root).toContainText('no room left')
})

test('@long where storage is full, attempts and answers that are not kept are told, too', async ({
  page,
}) => {
  await fillStorage(page)
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.press('Run')
  await expect(lab.root).toContainText('1 attempt so far')
  await expect(lab.root).toContainText('no room left')
  await page.locator('.quiz-answer').getByText('The guest’s', { exact: true }).click()
  await expect(page.locator('.quiz-question').getByRole('status')).toContainText('they are not counted')
})

test('a file of work that is added while its lab is open in another tab is not overwritten there @long', async ({
  page,
}) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.write('guest.vmcb', '; mine\n')
  await lab.press('Reset')
  const progress = new ProgressPage(await page.context().newPage())
  const work = async (): Promise<string> => {
    await progress.open()
    return readFile(await (await progress.save()).path(), 'utf8')
  }
  await expect.poll(work).toContain('; mine')
  await progress.addText((await work()).replace('; mine', '; imported'))
  await expect(progress.status).toContainText('has been added')
  await lab.write('guest.vmcb', '; mine, and more\n')
  await expect.poll(work).toContain('; mine, and more')
  expect(await work()).toContain('; imported')
})

test('after everything was forgotten nothing is left of what was chosen in a lab @long', async ({ page }) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.press('Run')
  const chosen = (): Promise<string[]> =>
    page.evaluate(() => Object.keys(localStorage).filter((name) => name.startsWith('workbench:')))
  expect(await chosen()).not.toEqual([])
  const progress = new ProgressPage(page)
  await progress.open()
  await progress.button('Forget everything …').click()
  await progress.button('Forget everything').last().click()
  await expect(progress.status).toContainText('Everything is forgotten')
  expect(await chosen()).toEqual([])
})

test('a file of thousands of records is added within seconds @long', async ({ page }) => {
  const record = {
    ...{ format: 1, title: 'Lab', attempts: 1, firstAt: 1, lastAt: 1, met: [], goals: 1, hints: 0 },
    ...{ predictions: [], guesses: [] },
  }
  const labs = Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`lab-${at}:0`, record]))
  const progress = new ProgressPage(page)
  await progress.open()
  await expect(progress.status).toBeAttached()
  await progress.addText(JSON.stringify({ kind: 'world-switch-work', format: 1, 'lab-progress': labs }))
  await expect(progress.status).toContainText('has been added')
})
