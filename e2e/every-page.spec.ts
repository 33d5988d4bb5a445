// What holds for every page of the book; of the pages made from one table, the first stands for all.
import AxeBuilder from '@axe-core/playwright'
import { BUILT_TEMPLATES } from './built-pages.ts'
import { expect, test } from './fixtures.ts'

/** The other chapters and pages of the reference are built like these, and some are large. */
const STAND_FOR_OTHERS = [
  '/chapters/pat-case-study/',
  '/reference/',
  '/reference/clean-bits/',
  '/reference/memory-types/',
  '/reference/vmx/',
]

function isLong(address: string): boolean {
  const isOneOfMany = /^\/(chapters\/|reference\/([^/]+\/)?$|reference\/instructions\/)/.test(address)
  return isOneOfMany && !STAND_FOR_OTHERS.includes(address)
}

for (const address of BUILT_TEMPLATES) {
  const long = isLong(address) ? ' @long' : ''
  test.describe(address, () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const tag = colorScheme === 'dark' ? ' @long' : long
      test(`is accessible in the ${colorScheme} theme${tag}`, async ({ page }) => {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        await page.goto(address)
        const { violations } = await new AxeBuilder({ page }).analyze()
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
        expect(found).toEqual([])
      })
    }
  })
}
