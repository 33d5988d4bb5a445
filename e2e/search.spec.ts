// A reader finds something by its name: on the search page, and in the dialogue over any page.
import AxeBuilder from '@axe-core/playwright'
import { expect, test } from './fixtures.ts'
import { SearchPage } from './pages/search-page.ts'

/** What readers look up, and the page that is to come first. */
const FIRST_FOUND = {
  g_pat: '/reference/vmcb/g_pat/',
  nCR3: '/reference/vmcb/n_cr3/',
  VMEXIT_INVALID: '/reference/exits/invalid/',
  '668h': '/reference/vmcb/g_pat/',
  '400h': '/reference/exits/npf/',
  npf: '/reference/exits/npf/',
  'cs.selector': '/reference/vmcb/cs.selector/',
  'asid-zero': '/reference/checks/asid-zero/',
  'smallest vmcb': '/lab/smallest-vmcb/',
  vmrun: '/chapters/vmrun/',
}

test('names, offsets and codes lead to their pages', async ({ page }) => {
  const search = new SearchPage(page)
  await search.open()
  await expect(search.field).toBeFocused()
  for (const [query, path] of Object.entries(FIRST_FOUND)) {
    await search.ask(query)
    await expect(search.hits.first(), query).toHaveAttribute('href', path)
  }
  await search.ask('qqqqqq')
  await expect(search.status).toHaveText('No page for “qqqqqq”')
  await expect(search.hits).toHaveCount(0)
})

test('the address of the search page keeps the question', async ({ page }) => {
  const search = new SearchPage(page)
  await search.open('?q=dbgctl')
  await expect(search.hits.first()).toHaveText(/^DBGCTL\s*VMCB field$/)
  await search.ask('lbr')
  await page.reload()
  await expect(search.field).toHaveValue('lbr')
  await expect(search.status).toContainText('for “lbr”')
})

test('slash and Ctrl+K open the search, the arrow keys go through it, Escape leaves it', async ({ page }) => {
  const search = new SearchPage(page)
  const requests: string[] = []
  page.on('request', (request) => requests.push(new URL(request.url()).pathname))
  await page.goto('/chapters/vmexit-invalid/')
  await page.keyboard.press('/')
  await expect(search.dialog).toBeVisible()
  await expect(search.field).toBeFocused()
  await page.keyboard.press('Escape')
  await expect(search.dialog).toBeHidden()

  await page.keyboard.press('Control+k')
  await expect(search.field).toBeFocused()
  await page.keyboard.type('asid-zero')
  await expect(search.status).toContainText('pages for “asid-zero”')
  await page.keyboard.press('ArrowDown')
  await expect(search.hits.first()).toBeFocused()
  await page.keyboard.press('ArrowUp')
  await expect(search.field).toBeFocused()
  await page.keyboard.press('Enter')
  await page.waitForURL('/reference/checks/asid-zero/')
  expect(requests.some((path) => path.startsWith('/pagefind/'))).toBe(true)
})

test('the key / can be switched off on the page of the search, Ctrl+K stays @long', async ({ page }) => {
  const search = new SearchPage(page)
  await page.goto('/search/')
  await page.getByRole('checkbox', { name: 'So does the key /' }).uncheck()
  await page.goto('/about/')
  await page.keyboard.press('/')
  await page.keyboard.press('Control+k')
  await expect(search.field).toBeFocused()
  await expect(search.field).toHaveValue('')
  await page.keyboard.press('Escape')
  await page.keyboard.press('/')
  await expect(search.dialog).toBeHidden()
  await page.goto('/search/')
  await page.getByRole('checkbox', { name: 'So does the key /' }).check()
  await page.goto('/about/')
  await page.keyboard.press('/')
  await expect(search.dialog).toBeVisible()
})

test('nothing of the search is loaded before a reader wants it', async ({ page }) => {
  const requests: string[] = []
  page.on('request', (request) => requests.push(request.url()))
  await page.goto('/chapters/vmexit-invalid/')
  await page.waitForLoadState('networkidle')
  expect(requests.filter((url) => /pagefind|search/.test(url))).toEqual([])
})

test('a slash in a field is a slash', async ({ page }) => {
  await page.goto('/reference/vmcb/')
  const filter = page.getByLabel('Filter VMCB fields')
  await filter.focus()
  await page.keyboard.type('a/b')
  await expect(filter).toHaveValue('a/b')
  await expect(new SearchPage(page).dialog).toBeHidden()
})

for (const colorScheme of ['light', 'dark'] as const)
  test(`the search with its answers is accessible in the ${colorScheme} theme`, async ({ page }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    const search = new SearchPage(page)
    await page.goto('/about/')
    await page.getByRole('link', { name: 'Search' }).click()
    await search.ask('g_pat')
    await expect(search.hits.first()).toBeVisible()
    const { violations } = await new AxeBuilder({ page }).analyze()
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([])
  })
