// What a journey does with the book in a browser driven by WebDriver.
import { expect } from '@playwright/test'
import type { Browser } from './browser.ts'

/** The name under which WebDriver's JSON has the reference to an element. */
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'
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

  /** Clicks at the element of that selector as a pointer does, once it is there and not disabled. */
  async click(selector: string): Promise<void> {
    await this.expect(
      `const found = document.querySelector('${selector}')
      return found !== null && found.ariaDisabled !== 'true' && !found.disabled`,
      true,
    )
    const element = await this.run(
      `const found = document.querySelector(arguments[0])
      found.scrollIntoView({ block: 'center', behavior: 'instant' })
      return found`,
      selector,
    )
    await this.browser.send('WebDriver:ElementClick', { id: (element as Reference)[ELEMENT] })
  }
}
