// A reader without a mouse, and one who hears the page: from the contents to a lab whose goals are met (docs/screen-reader-lab.md).
import AxeBuilder from '@axe-core/playwright'
import type { Page } from '@playwright/test'
import { expect, test } from './fixtures.ts'
import { labText } from './labs-in-node.ts'
import { LabPage } from './pages/lab.ts'

interface Stop {
  readonly role: string
  readonly name: string
}

/** The role and the name that a screen reader gets of what has the focus. */
async function focused(page: Page): Promise<Stop> {
  const client = await page.context().newCDPSession(page)
  const { nodes } = await client.send('Accessibility.getFullAXTree')
  await client.detach()
  const node = nodes.findLast(({ properties }) =>
    properties?.some(({ name, value }) => name === 'focused' && value.value === true),
  )
  return { role: String(node?.role?.value), name: String(node?.name?.value) }
}

/** Presses Tab until the focus is there. No stop on the way may be without a name. */
async function tabTo(page: Page, role: string, name: RegExp): Promise<void> {
  for (let presses = 0; presses < 80; presses++) {
    await page.keyboard.press('Tab')
    const stop = await focused(page)
    if (stop.role === role && name.test(stop.name)) return
    expect(stop.name, `a ${stop.role} without a name`).not.toBe('')
  }
  throw new Error(`80 presses of Tab do not lead to the ${role} ${String(name)}`)
}

test('by keyboard alone a reader goes from the contents to a lab whose goals are met, and hears it @long', async ({
  page,
}) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await page.goto('/')
  await tabTo(page, 'link', /^Skip to the text$/)
  await page.keyboard.press('Enter')
  await tabTo(page, 'link', /^VMRUN$/)
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(/\/chapters\/vmrun\/$/)
  await tabTo(page, 'link', /^Skip to the text$/)
  await page.keyboard.press('Enter')
  await lab.show()
  await tabTo(page, 'button', /^Run$/)
  await page.keyboard.press('Enter')
  await expect(lab.status).toContainText('Last exit: INVALID. 0 of 2 goals met.')
  await tabTo(page, 'tab', /^main\.asm/)
  await page.keyboard.press('ArrowRight')
  expect(await focused(page)).toEqual({ role: 'tab', name: 'guest.vmcb 3 problems' })
  await tabTo(page, 'textbox', /^Text of guest\.vmcb\. Press Ctrl\+M, and Tab leaves the editor\.$/)
  await page.keyboard.press('ControlOrMeta+a')
  await page.keyboard.insertText(labText('smallest-vmcb', 'solution', 'guest.vmcb'))
  await page.keyboard.press('Control+Enter')
  await expect(lab.status).toContainText('Last exit: VMMCALL. 2 of 2 goals met.')
  expect((await focused(page)).role).toBe('textbox')
  await page.keyboard.press('Control+m')
  await tabTo(page, 'region', /^Exits: The smallest VMCB/)
  await tabTo(page, 'button', /^Show a hint/)
  await expect(lab.root.getByRole('region', { name: 'Goals' }).getByRole('listitem')).toHaveText([
    /Met: The guest runs/,
    /Met: The guest leaves 42/,
  ])
})

test('the same result is announced again', async ({ page }) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  await lab.press('Run')
  await expect(lab.status).toContainText('Last exit: INVALID')
  await lab.status.evaluate((status) => {
    const heard: string[] = []
    new MutationObserver(() => heard.push(status.textContent)).observe(status, {
      childList: true,
      characterData: true,
      subtree: true,
    })
    Object.assign(window, { heard })
  })
  await lab.press('Run')
  await expect
    .poll(() => page.evaluate(() => (window as unknown as { heard: string[] }).heard.at(-1)))
    .toContain('Last exit: INVALID')
})

test('two labs on a page have landmarks of different names, and their controls are large enough @long', async ({
  page,
}) => {
  await page.goto('/chapters/vmrun/')
  for (const lab of (await page.locator('ws-lab').all()).slice(0, 2)) {
    await lab.scrollIntoViewIfNeeded()
    await expect(lab).toHaveAttribute('data-state', 'mounted')
  }
  // Links in sentences may be as low as their line.
  const landmarks = await new AxeBuilder({ page }).withRules('landmark-unique').analyze()
  const targets = await new AxeBuilder({ page }).withRules('target-size').include('ws-lab').analyze()
  const violations = [...landmarks.violations, ...targets.violations]
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([])
})
