// A lab's workbench in a chapter.
import { expect, type Locator, type Page } from '@playwright/test'

export type ButtonName = 'Run' | 'Stop' | 'Step' | 'Step back' | 'Reset'

export class LabPage {
  readonly page: Page
  readonly root: Locator
  readonly exits: Locator
  readonly failedChecks: Locator
  readonly goals: Locator
  readonly problems: Locator
  readonly status: Locator
  readonly world: Locator
  readonly note: Locator

  constructor(page: Page, slug: string) {
    this.page = page
    this.root = page.locator(`#lab-${slug}`)
    this.exits = this.root.locator('[data-exit]')
    this.failedChecks = this.root.locator('[data-check]')
    this.goals = this.root.locator('.wb-goal')
    this.problems = this.root.getByRole('region', { name: 'Problems' }).getByRole('listitem')
    this.status = this.root.locator('.wb > [role=status]')
    this.world = this.root.locator('[data-world]')
    this.note = this.root.locator('.wb-note')
  }

  /** Opens the chapter and waits until the lab can run. `query`: with the question mark. */
  async open(chapter: string, query = ''): Promise<void> {
    await this.page.goto(`/chapters/${chapter}/${query}`)
    await this.show()
  }

  /** Opens the page of the lab itself. */
  async openAlone(slug: string): Promise<void> {
    await this.page.goto(`/lab/${slug}/`)
    await this.show()
  }

  /** Scrolls to the lab, which mounts it. */
  async show(): Promise<void> {
    await this.root.scrollIntoViewIfNeeded()
    await expect(this.button('Run')).toBeEnabled()
  }

  button(name: ButtonName): Locator {
    return this.root.getByRole('button', { name, exact: true })
  }

  /** Presses a button and waits until the machine is at rest again. */
  async press(name: ButtonName): Promise<void> {
    await this.button(name).click()
    await this.rest()
  }

  /** Until the machine is at rest. */
  async rest(): Promise<void> {
    await expect(this.root.locator('.wb')).toHaveAttribute('data-busy', 'false')
    await expect(this.button('Run')).toBeEnabled()
  }

  fileTab(name: string): Locator {
    return this.root.getByRole('tablist', { name: 'Files' }).getByRole('tab', { name })
  }

  /** The text area inside Monaco that has the focus while one types. */
  get editor(): Locator {
    return this.root.locator('.native-edit-context')
  }

  /** Opens a file in Monaco and puts the cursor into it. */
  async openFile(name: string): Promise<void> {
    await this.fileTab(name).click()
    await expect(this.root.locator('.monaco-editor .view-lines')).toBeVisible()
    await this.editor.focus()
    await expect(this.editor).toBeFocused()
  }

  /** Replaces the whole text of a file. */
  async write(name: string, text: string): Promise<void> {
    await this.openFile(name)
    await this.page.keyboard.press('ControlOrMeta+a')
    await this.paste(text)
  }

  /** Pastes a text where the cursor is. Typed, its lines would be indented like those before them. */
  async paste(text: string): Promise<void> {
    await this.editor.evaluate((element, pasted) => {
      const clipboardData = new DataTransfer()
      clipboardData.setData('text/plain', pasted)
      element.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
    }, text)
  }

  /** What Monaco shows, with single spaces. */
  async shownText(): Promise<string> {
    const text = await this.root.locator('.monaco-editor .view-lines').innerText()
    return text.replaceAll('\u00a0', ' ')
  }

  panelTab(name: string): Locator {
    return this.root.getByRole('tablist', { name: 'Panels' }).getByRole('tab', { name })
  }

  /** Shows a panel that may not be among the open ones. */
  async openPanel(name: string): Promise<void> {
    if ((await this.panelTab(name).count()) > 0) await this.panelTab(name).click()
    else await this.root.getByRole('combobox', { name: 'Open another panel' }).selectOption({ label: name })
  }

  /** The digits of a register, as the panel shows them. */
  async register(name: string): Promise<string> {
    await this.panelTab('Registers').click()
    return this.root
      .locator(`[data-register="${name}"] .wb-value`)
      .evaluate((shown: HTMLElement) => (shown instanceof HTMLInputElement ? shown.value : shown.innerText))
  }

  async digest(): Promise<string> {
    await this.panelTab('Registers').click()
    await this.root.getByRole('button', { name: 'State digest' }).click()
    return this.root.locator('[data-digest]').innerText()
  }
}

/** Has the lab of the chapter on VMRUN name the failed checks only once the reader has guessed one. */
export async function askForGuess(page: Page): Promise<void> {
  await page.route('**/chapters/vmrun/', async (route) => {
    const response = await route.fetch()
    const body = (await response.text()).replace('"reveal":"live"', '"reveal":"after-guess"')
    await route.fulfill({ response, body })
  })
}
