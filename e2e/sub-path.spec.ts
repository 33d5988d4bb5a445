// The book under a path of a site, built and served for /book/.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brokenLinks } from '../scripts/built-links.ts'
import { staticServer } from '../scripts/static-server.mjs'
import { BUILT_TEMPLATES } from './built-pages.ts'
import { expect, test as base } from './fixtures.ts'
import { LabPage } from './pages/lab.ts'
import { SearchPage } from './pages/search-page.ts'

const BASE = '/book/'

interface Book {
  readonly folder: string
  readonly origin: string
}

const test = base.extend<object, { book: Book }>({
  book: [
    async ({}, use) => {
      const folder = mkdtempSync(join(tmpdir(), 'world-switch-'))
      const { status, stderr } = spawnSync('astro', ['build', '--outDir', folder], {
        env: { ...process.env, WORLD_SWITCH_BASE: BASE },
        encoding: 'utf8',
      })
      expect(status, stderr).toBe(0)
      const server = staticServer(folder, BASE).listen(0, '127.0.0.1')
      await once(server, 'listening')
      await use({ folder, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
      server.close()
      rmSync(folder, { recursive: true })
    },
    { scope: 'worker', timeout: 300_000 },
  ],
  baseURL: async ({ book }, use) => use(book.origin),
})

// In one worker, with one build for all.
test.describe.configure({ mode: 'serial', timeout: 300_000 })

test('every link of a book under a path stays under it @long', ({ book }) => {
  const { count, broken } = brokenLinks(book.folder, BASE)
  expect(broken).toEqual([])
  expect(count).toBeGreaterThan(1000)
})

test('every kind of page opens under a path @long', async ({ page }) => {
  for (const address of BUILT_TEMPLATES) {
    const response = await page.goto(BASE + address.slice(1))
    expect(response?.status(), address).toBe(200)
    await page.waitForLoadState('networkidle')
  }
})

test('a reader of a book under a path goes from the contents to a chapter and runs its lab @long', async ({
  page,
}) => {
  await page.goto(BASE)
  await page.getByRole('link', { name: 'VMRUN', exact: true }).click()
  await page.waitForURL(`${BASE}chapters/vmrun/`)
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.show()
  await lab.press('Run')
  await expect(lab.exits.first()).toBeVisible()
  await lab.openFile('main.asm')
  expect(await lab.shownText()).toContain('vmrun')
})

test('the search of a book under a path leads to pages under it @long', async ({ page }) => {
  const search = new SearchPage(page)
  await page.goto(`${BASE}about/`)
  await page.keyboard.press('/')
  await search.ask('nCR3')
  await search.hits.first().click()
  await page.waitForURL(`${BASE}reference/vmcb/n_cr3/`)
})

test.describe('offline', () => {
  test.use({ readsOffline: true })

  test('a book under a path is kept for reading offline @long', async ({ page, context }) => {
    await page.goto(`${BASE}about/`)
    await expect(page.locator('#offline-status')).toHaveText('Ready to be read offline.', { timeout: 60_000 })
    await context.setOffline(true)
    await page.goto(`${BASE}lab/smallest-vmcb/`)
    const lab = new LabPage(page, 'smallest-vmcb')
    await lab.show()
    await lab.press('Run')
    await expect(lab.exits.first()).toBeVisible()
  })
})
