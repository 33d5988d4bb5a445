// What a journey does with the book in a browser driven by WebDriver.
import { expect } from '@playwright/test'
import type { Browser } from './browser.ts'

/** The name under which WebDriver's JSON has the reference to an element. */
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'
/** WebDriver's code points for the keys Control and Enter. */
const CONTROL = '\uE009'
export const ENTER = '\uE007'
/** Puts a text where the cursor is, as an input method does. Typed, its lines would be indented like those before them. */
const INSERT = `document.execCommand('insertText', false, arguments[0])`
type Reference = Readonly<Record<typeof ELEMENT, string>>

export class Book {
  readonly browser: Browser
  readonly origin: string

  constructor(browser: Browser, origin: string) {
    this.browser = browser
    this.origin = origin
  }

  /** Opens a page by its path. */
  async open(path: string): Promise<void> {
    await this.browser.send('WebDriver:Navigate', { url: this.origin + path })
  }

  /** Runs the body of a function in the page. */
  run(script: string, ...args: unknown[]): Promise<unknown> {
    return this.browser.send('WebDriver:ExecuteScript', { script, args })
  }

  /** Waits until the body of a function gives the value in the page. */
  async expect(script: string, value: unknown, timeout = 20_000): Promise<void> {
    await expect.poll(() => this.run(script), { message: script, timeout }).toEqual(value)
  }

  /** Clicks at the element of that selector as a pointer does, once it is enabled and lies still with nothing above it. */
  async click(selector: string): Promise<void> {
    await this.expect(
      `const found = document.querySelector('${selector}')
      if (found === null || found.ariaDisabled === 'true' || found.disabled) return false
      found.scrollIntoView({ block: 'center', behavior: 'instant' })
      const { x, y, width, height } = found.getBoundingClientRect()
      const [before, place] = [window.lastPlace, [x, y, width, height].join()]
      window.lastPlace = place
      return before === place && found.contains(document.elementFromPoint(x + width / 2, y + height / 2))`,
      true,
    )
    const element = await this.run('return document.querySelector(arguments[0])', selector)
    await this.browser.send('WebDriver:ElementClick', { id: (element as Reference)[ELEMENT] })
  }

  /** Presses keys with the focus on the element of that selector. */
  async press(selector: string, keys: string): Promise<void> {
    await this.expect(`return document.querySelector('${selector}') !== null`, true)
    const element = (await this.run('return document.querySelector(arguments[0])', selector)) as Reference
    await this.browser.send('WebDriver:ElementSendKeys', { id: element[ELEMENT], text: keys })
  }

  /** Types over the text of an input, and presses Enter. */
  async type(selector: string, text: string): Promise<void> {
    // Control is held until the command ends.
    await this.press(selector, `${CONTROL}a`)
    await this.press(selector, text + ENTER)
  }

  /** Chooses an option by its value. By script: the list that opens is no part of the page. */
  async choose(selector: string, value: string): Promise<void> {
    await this.expect(
      `const found = document.querySelector('${selector}')
      if (![...(found?.options ?? [])].some(({ value }) => value === '${value}')) return false
      found.value = '${value}'
      found.dispatchEvent(new Event('change', { bubbles: true }))
      return true`,
      true,
    )
  }

  /** Replaces the text of the editor in the lab: the keyboard selects all of it, the new text takes its place. */
  async replaceText(lab: string, text: string): Promise<void> {
    // Where browsers lack EditContext, Monaco takes input through a text area.
    const input = `${lab} .monaco-editor :is(.native-edit-context, textarea.inputarea, textarea.ime-text-area)`
    await this.expect(`return document.querySelector('${input}') !== null`, true)
    const element = (await this.run('return document.querySelector(arguments[0])', input)) as Reference
    await this.run('arguments[0].focus()', element)
    await this.browser.send('WebDriver:ElementSendKeys', { id: element[ELEMENT], text: `${CONTROL}a` })
    await this.run(INSERT, text)
  }
}
