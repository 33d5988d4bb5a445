// The book without a network, and a new version of it.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Locator, Page } from '@playwright/test'
import { staticServer } from '../scripts/static-server.mjs'
import { expect, test } from './fixtures.ts'
import { LabPage } from './pages/lab.ts'
import { SearchPage } from './pages/search-page.ts'

test.use({ readsOffline: true })

/** Opens the page about the book and waits until all of it has been fetched. */
async function fetchBook(page: Page, origin = ''): Promise<void> {
  await page.goto(`${origin}/about/`)
  await expect(page.locator('#offline-status')).toHaveText('Ready to be read offline.', { timeout: 60_000 })
}

test('after one visit a lab that was never opened runs, and the search finds, without a network', async ({
  page,
  context,
}) => {
  await fetchBook(page)
  await context.setOffline(true)
  await page.goto('/lab/smallest-vmcb/')
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.show()
  await lab.press('Run')
  await expect(lab.exits.first()).toBeVisible()
  await lab.openFile('main.asm')
  expect(await lab.shownText()).toContain('vmrun')

  const search = new SearchPage(page)
  await search.open('?q=nCR3')
  await expect(search.hits.first()).toHaveAttribute('href', '/reference/vmcb/n_cr3/')

  await page.goto('/no/such/page/')
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('No such page')
})

test.describe('a new version', () => {
  let folder: string
  let server: ReturnType<typeof staticServer>
  // Not the address of the book that the other tests use: the browser keeps a book for each.
  test.use({
    baseURL: async ({}, use) => {
      folder = mkdtempSync(join(tmpdir(), 'world-switch-'))
      cpSync('dist', folder, { recursive: true })
      server = staticServer(folder).listen(0, '127.0.0.1')
      await once(server, 'listening')
      await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
      server.close()
      rmSync(folder, { recursive: true })
    },
  })

  /** Puts a book with another page "About" in the place of the one that is served. */
  function publishNewVersion(): void {
    const about = join(folder, 'about/index.html')
    writeFileSync(about, readFileSync(about, 'utf8').replace('<h1>About</h1>', '<h1>About, anew</h1>'))
    const worker = join(folder, 'service-worker.js')
    const entry = /(url:"about\/index\.html",revision:")[^"]*/
    const script = readFileSync(worker, 'utf8')
    expect(script).toMatch(entry)
    writeFileSync(worker, script.replace(entry, '$1another'))
  }

  /** A reader writes in a lab while a new version comes. */
  async function publishInMidLab(page: Page): Promise<{ lab: LabPage; notice: Locator }> {
    await fetchBook(page)
    const lab = new LabPage(page, 'smallest-vmcb')
    await lab.open('vmrun')
    await lab.write('main.asm', '; my own words\n        org 0x10000\nstart:  hlt\n')
    publishNewVersion()
    await page.evaluate(async () => (await navigator.serviceWorker.ready).update())
    return { lab, notice: page.getByRole('region', { name: 'New version' }) }
  }

  test('waits for a lab in progress, and keeps its text when the reader takes it @long', async ({ page }) => {
    const { lab, notice } = await publishInMidLab(page)
    await expect(notice.getByRole('status')).toContainText('A new version of the book is ready.')
    // Nothing happens to the lab, nor to the pages, before the reader says so.
    await page.waitForTimeout(1000)
    expect(await lab.shownText()).toContain('my own words')
    await notice.getByRole('button', { name: 'Later' }).click()
    await expect(notice).toBeHidden()
    await page.goto('/about/')
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('About')

    await lab.open('vmrun')
    await lab.openFile('main.asm')
    await page.keyboard.press('ControlOrMeta+Home')
    await page.keyboard.insertText('; and more of them\n')
    await Promise.all([page.waitForEvent('load'), notice.getByRole('button', { name: 'Reload' }).click()])
    await lab.show()
    await lab.openFile('main.asm')
    expect(await lab.shownText()).toContain('and more of them')
    expect(await lab.shownText()).toContain('my own words')
    await expect(notice).toBeHidden()
    await page.goto('/about/')
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('About, anew')
  })

  test('that another tab takes is told in this one, whose text stays @long', async ({ page, context }) => {
    const { lab, notice } = await publishInMidLab(page)
    await notice.getByRole('button', { name: 'Later' }).click()

    const other = await context.newPage()
    await other.goto('/about/')
    await other.getByRole('button', { name: 'Reload' }).click()
    await expect(other.getByRole('heading', { level: 1 })).toHaveText('About, anew')

    await expect(notice.getByRole('status')).toContainText('Another tab has taken a new version')
    expect(await lab.shownText()).toContain('my own words')
    await Promise.all([page.waitForEvent('load'), notice.getByRole('button', { name: 'Reload' }).click()])
    await expect(notice).toBeHidden()
    await lab.show()
    await lab.openFile('main.asm')
    expect(await lab.shownText()).toContain('my own words')
  })
})
