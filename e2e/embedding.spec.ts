// A teacher puts a lab into a page of another site, and its readers use it there.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from '@playwright/test'
import { expect, test } from './fixtures.ts'
import { labText } from './labs-in-node.ts'

/** A page of another origin with this body, in a tab of its own; closed with the test. */
async function openElsewhere(page: Page, body: string): Promise<Server> {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' })
    response.end(`<!doctype html><html lang="en"><title>A course</title>${body}</html>`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  return server
}

const element = (book: string, attributes: string): string =>
  `<script src="${book}/embed.js" async></script><world-switch-lab ${attributes}></world-switch-lab>`

test('a lab in a page of another site runs, and its frame becomes as tall as it', async ({
  context,
  baseURL,
}) => {
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', ({ message }) => complaints.push(message))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  const server = await openElsewhere(page, element(baseURL!, 'lab="smallest-vmcb" theme="dark"'))
  const frame = page.locator('iframe')
  await expect(frame).toHaveAttribute('title', 'Lab of World Switch: smallest-vmcb')
  const lab = frame.contentFrame()
  await expect(lab.locator('html')).toHaveAttribute('data-theme', 'dark')
  await expect(lab.getByRole('heading', { level: 1, name: 'The smallest VMCB' })).toBeVisible()
  await lab.getByRole('button', { name: 'Run', exact: true }).click()
  await expect(lab.locator('[data-exit]')).toHaveAttribute('data-exit', 'INVALID')

  const inside = (): Promise<number> =>
    lab.locator('html').evaluate((root) => root.getBoundingClientRect().height)
  const outside = async (): Promise<number> => (await frame.boundingBox())!.height
  await expect.poll(async () => Math.abs((await outside()) - (await inside()))).toBeLessThan(2)
  const before = await outside()
  await lab.getByRole('button', { name: 'Show a hint' }).click()
  await expect.poll(outside).toBeGreaterThan(before)

  // Neither other windows nor other shapes move the frame.
  const after = await outside()
  await page.evaluate(() =>
    window.postMessage({ type: 'world-switch:resize', version: 1, height: 5000 }, '*'),
  )
  await lab.locator('html').evaluate(() => {
    for (const message of [
      null,
      'world-switch:resize',
      { type: 'world-switch:resize', version: 2, height: 4000 },
      { type: 'world-switch:resize', version: 1, height: '4000' },
      { type: 'world-switch:resize', version: 1, height: -1 },
    ])
      window.parent.postMessage(message, '*')
  })
  expect(await outside()).toBe(after)
  expect(complaints).toEqual([])
  server.close()
})

test('a link to a state opens in the frame, and the book opens with what the reader did there', async ({
  context,
  baseURL,
}) => {
  const page = await context.newPage()
  const state = '1.q1YqzilNV7JSKs5NzMlJLS7RLctNTlLSUcpOrUQXtTJQ0lEqSa0oKVayqq7VUSouyS8oVrKKjq0FAA'
  const server = await openElsewhere(page, element(baseURL!, `lab="smallest-vmcb" state="${state}"`))
  const lab = page.locator('iframe').contentFrame()
  // While the machine starts, another note says so.
  await expect(lab.locator('.wb-note').filter({ hasText: 'These texts come from a link' })).toBeVisible()
  await lab.getByRole('button', { name: 'Step', exact: true }).click()
  await expect(lab.locator('.wb-count')).toContainText('1 of')
  const opening = context.waitForEvent('page')
  await lab.getByRole('link', { name: 'Open in the book' }).click()
  const book = await opening
  expect(book.url()).toContain(`${baseURL}/lab/smallest-vmcb/#lab-smallest-vmcb=1.`)
  await expect(book.locator('.wb-count')).toContainText('1 of')
  server.close()
})

test('where a browser refuses storage to frames of other sites, the lab works and says so @long', async ({
  context,
  baseURL,
}) => {
  const page = await context.newPage()
  await page.addInitScript((book) => {
    if (location.origin !== book) return
    const refused = { get: () => refuse() }
    const refuse = (): never => {
      throw new DOMException('refused', 'SecurityError')
    }
    for (const name of ['indexedDB', 'localStorage', 'sessionStorage'])
      Object.defineProperty(window, name, refused)
    Object.defineProperty(LockManager.prototype, 'request', {
      value: () => Promise.reject(new DOMException('refused', 'SecurityError')),
    })
  }, baseURL)
  const server = await openElsewhere(page, element(baseURL!, 'lab="smallest-vmcb"'))
  const lab = page.locator('iframe').contentFrame()
  await expect(lab.locator('.wb')).toContainText('This browser refuses storage')
  await lab.getByRole('tab', { name: 'guest.vmcb' }).click()
  await lab.locator('.native-edit-context').focus()
  await page.keyboard.press('ControlOrMeta+a')
  await page.keyboard.insertText(labText('smallest-vmcb', 'solution', 'guest.vmcb'))
  await lab.getByRole('button', { name: 'Run', exact: true }).click()
  for (const goal of await lab.locator('.wb-goal').all())
    await expect(goal).toHaveAttribute('data-state', 'met')
  server.close()
})

test('a lab that is none is said to be none, and other attributes never reach the address', async ({
  context,
  baseURL,
}) => {
  const page = await context.newPage()
  const server = await openElsewhere(page, element(baseURL!, 'lab="../privacy"'))
  await expect(page.locator('world-switch-lab')).toHaveText('There is no lab "../privacy".')
  await page.locator('world-switch-lab').evaluate((lab) => {
    lab.setAttribute('theme', 'dark&fresh')
    lab.setAttribute('state', '1.a b')
    lab.setAttribute('lab', 'smallest-vmcb')
  })
  await expect(page.locator('iframe')).toHaveAttribute('src', `${baseURL}/embed/smallest-vmcb/`)
  server.close()
})

test('a lab that the book does not have is named in the page around it, with its address @long', async ({
  context,
  baseURL,
}) => {
  const page = await context.newPage()
  const server = await openElsewhere(page, element(baseURL!, 'lab="smallest-vmbc"'))
  const lab = page.locator('world-switch-lab')
  await expect(lab).toContainText('The lab "smallest-vmbc" has not been loaded.')
  await expect(lab.getByRole('link')).toHaveAttribute('href', `${baseURL}/embed/smallest-vmbc/`)
  expect((await lab.boundingBox())!.height).toBeLessThan(100)
  // The author mends it.
  await lab.evaluate((element) => element.setAttribute('lab', 'smallest-vmcb'))
  await expect(lab).not.toContainText('has not been loaded')
  await expect.poll(async () => (await lab.boundingBox())!.height).toBeGreaterThan(300)
  await page.waitForTimeout(6000)
  await expect(lab).not.toContainText('has not been loaded')
  await new Promise((resolve) => server.close(resolve))
})
