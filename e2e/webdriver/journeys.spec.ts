// The main journeys of a reader in Firefox and in WebKit, where these are installed. Playwright drives only builds of its own of them;
// readers have those that their makers ship.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, test as base } from '@playwright/test'
import { findFirefox, findWebKitDriver } from '../../scripts/browser.mjs'
import { staticServer } from '../../scripts/static-server.mjs'
import { labText } from '../labs-in-node.ts'
import { Book, ENTER } from './book.ts'
import { launchFirefox } from './firefox.ts'
import { launchWebKit } from './webkit.ts'

const ENGINES = [
  { name: 'Firefox', launch: launchFirefox, find: findFirefox },
  { name: 'WebKit', launch: launchWebKit, find: findWebKitDriver },
]
const LAB = '#lab-smallest-vmcb'
const RUN = `${LAB} .wb-run`
const GOALS = `return [...document.querySelectorAll('${LAB} .wb-goal')].map((goal) => goal.dataset.state)`

for (const { name, launch, find } of ENGINES) {
  const executable = find()

  const test = base.extend<{
    colorScheme: 'light' | 'dark'
    server: ReturnType<typeof staticServer>
    book: Book
  }>({
    // The server is the test's own: without it there is no network.
    server: async ({}, use) => {
      const server = staticServer('dist').listen(0, '127.0.0.1')
      await once(server, 'listening')
      await use(server)
      server.close()
    },
    book: async ({ server, colorScheme }, use) => {
      const browser = await launch({ executable: executable!, colorScheme })
      try {
        await use(new Book(browser, `http://127.0.0.1:${(server.address() as AddressInfo).port}`))
        expect(await browser.complaints(), 'the console').toEqual([])
      } finally {
        await browser.close()
      }
    },
  })
  test.skip(executable === undefined, `${name} is not installed`)

  test(`${name}: a lab of a chapter runs and names the checks that fail @long`, async ({ book }) => {
    await book.open('/chapters/vmrun/')
    await book.run(`document.querySelector('${LAB}').scrollIntoView()`)
    await book.click(RUN)
    await book.expect(`return document.querySelector('${LAB} [data-exit]')?.dataset.exit`, 'INVALID')
    await book.expect(`return document.querySelectorAll('${LAB} [data-check]').length`, 3)
  })

  test(`${name}: a reader solves a lab by editing its VMCB, which its own page still has @long`, async ({
    book,
  }) => {
    await book.open('/chapters/vmrun/')
    await book.run(`document.querySelector('${LAB}').scrollIntoView()`)
    await book.click(`${LAB} [role=tab][id$="guest.vmcb"]`)
    await book.expect(`return document.querySelector('${LAB} .view-lines')?.innerText.includes('save')`, true)
    await book.replaceText(LAB, labText('smallest-vmcb', 'solution', 'guest.vmcb'))
    await book.click(RUN)
    await book.expect(`return document.querySelector('${LAB} [data-exit]')?.dataset.exit`, 'VMMCALL')
    await book.expect(GOALS, ['met', 'met'])
    await book.open('/lab/smallest-vmcb/')
    await book.click(RUN)
    await book.expect(GOALS, ['met', 'met'])
  })

  test(`${name}: a value typed over in the form of the VMCB, and a bit set with Space, stand in the text @long`, async ({
    book,
  }) => {
    await book.open('/lab/smallest-vmcb/')
    await book.click(`${LAB} [role=tab][id$="panels-tab-vmcb"]`)
    const failed = `return document.querySelector('${LAB} .wb-tab-panel > .wb-checks')?.dataset.failed`
    await book.expect(failed, '3')
    await book.type(`${LAB} [data-field="control.asid"] input`, '77')
    await book.expect(failed, '2')
    await book.press(`${LAB} [data-field="save.efer"] .wb-expand`, ENTER)
    await book.press(`${LAB} [data-bit=svme] input`, ' ')
    await book.expect(failed, '1')
    await book.click(`${LAB} [role=tab][id$="guest.vmcb"]`)
    // Monaco shows spaces that do not break.
    const lines = `return document.querySelector('${LAB} .view-lines')?.innerText.replaceAll('\u00a0', ' ')`
    await expect.poll(() => book.run(lines)).toMatch(/save\.efer = lme, lma, svme[^]*control\.asid = 0x4d/)
  })

  test(`${name}: a symbol typed as an address is shown with Enter, in memory and as a page walk @long`, async ({
    book,
  }) => {
    await book.open('/lab/smallest-vmcb/')
    const morePanels = `${LAB} .wb-more-panels`
    const address = `${LAB} .wb-tab-panel input[list]`
    await book.choose(morePanels, 'memory')
    await book.type(address, 'guest')
    await book.expect(
      `return document.querySelector('${LAB} .wb-dump-labels')?.innerText.trim()`,
      'guest at 1000Eh',
    )
    await book.choose(morePanels, 'walk')
    await book.choose(`${LAB} .wb-figure-bar select`, 'own')
    const title = `return document.querySelector('${LAB} .fig-title')?.innerText`
    // The panel is drawn anew while the reader types.
    await book.press(address, ' + 8')
    await book.choose(`${LAB} .wb-figure-bar label:nth-of-type(3) select`, 'write')
    await book.expect(title, 'Write by a supervisor at 10000h')
    await book.expect(`return document.querySelector('${address}').value`, '0x10000 + 8')
    await book.type(address, 'vmcb')
    await book.expect(title, 'Write by a supervisor at 11000h')
  })

  test(`${name}: a step goes into the guest, and a step back leaves it @long`, async ({ book }) => {
    await book.open('/lab/smallest-vmcb/')
    const count = `return document.querySelector('${LAB} .wb-count b')?.textContent`
    await book.click(`${LAB} .wb-step`)
    await book.expect(count, '1')
    await book.click(`${LAB} .wb-step`)
    await book.expect(count, '2')
    await book.click(`${LAB} .wb-step-back`)
    await book.expect(count, '1')
  })

  // Firefox ends such a write itself, and its console warns of it.
  if (name === 'WebKit') {
    test(`${name}: a lab starts after the playground was left, which saves as it goes @long`, async ({
      book,
    }) => {
      await book.open('/playground/')
      await book.click('.wb-run')
      await book.open('/lab/smallest-vmcb/')
      await book.click(RUN)
      await book.expect(`return document.querySelector('${LAB} [data-exit]')?.dataset.exit`, 'INVALID')
    })

    for (const path of ['/playground/', '/lab/smallest-vmcb/'])
      test(`${name}: what was typed just before leaving ${path} is there at the next visit @long`, async ({
        book,
      }) => {
        const editor = `return document.querySelector('.wb .view-lines')?.innerText.length > 10`
        await book.open(path)
        await book.expect(editor, true)
        await book.replaceText('.wb', '; my last words')
        await book.open('/about/')
        await book.open(path)
        // Monaco shows spaces that do not break.
        const text = `return document.querySelector('.wb .view-lines')?.innerText.replaceAll('\u00a0', ' ').trim()`
        await book.expect(text, '; my last words')
      })
  }

  test(`${name}: after one visit the book is read without a network @long`, async ({ book, server }) => {
    await book.open('/about/')
    await book.expect(
      `return document.querySelector('#offline-status')?.textContent.trim()`,
      'Ready to be read offline.',
      90_000,
    )
    server.close()
    server.closeAllConnections()
    await book.open('/lab/smallest-vmcb/')
    await book.click(RUN)
    await book.expect(`return document.querySelector('${LAB} [data-exit]')?.dataset.exit`, 'INVALID')
  })

  for (const colorScheme of ['light', 'dark'] as const) {
    const other = colorScheme === 'light' ? 'dark' : 'light'
    test.describe(() => {
      test.use({ colorScheme })

      test(`${name}: the theme is the system's, ${colorScheme}, until the reader chooses @long`, async ({
        book,
      }) => {
        const theme = `return [document.documentElement.dataset.theme, getComputedStyle(document.documentElement).colorScheme]`
        await book.open('/chapters/vmrun/')
        await book.expect(theme, [colorScheme, colorScheme])
        await book.click('#theme-toggle')
        await book.expect(theme, [other, other])
        await book.open('/playground/')
        await book.expect(theme, [other, other])
      })
    })
  }
}
