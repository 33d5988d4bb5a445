// Finds the browsers for the end-to-end tests, and installs Chromium where there is none. Firefox and WebKit are used where they are.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { chromium } from '@playwright/test'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** Whether the file starts at all: a downloaded browser lacks system libraries on a bare machine. */
function starts(/** @type {string} */ executable) {
  return spawnSync(executable, ['--version'], { timeout: 30_000 }).status === 0
}

/** Where programs of these names may be. */
function places(/** @type {string[]} */ names) {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return names.flatMap((name) => folders.map((folder) => join(folder, name)))
}

/** The path of a Chromium that starts: CHROMIUM from the environment, an installed one, or Playwright's own. */
export function findChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM
  return [...places(NAMES), chromium.executablePath()].find((file) => existsSync(file) && starts(file))
}

/** The path of a Firefox that starts: FIREFOX from the environment, or an installed one. */
export function findFirefox() {
  if (process.env.FIREFOX) return process.env.FIREFOX
  return places(['firefox', 'firefox-esr']).find((file) => existsSync(file) && starts(file))
}

/** The path of WebKitGTK's driver, which needs a display from xvfb-run. */
export function findWebKitDriver() {
  if (!places(['xvfb-run']).some((file) => existsSync(file))) return undefined
  return places(['WebKitWebDriver']).find((file) => existsSync(file))
}

/** Says in which browsers the journeys do not run, and why. */
export function sayMissingBrowsers() {
  if (!findFirefox()) console.log('Firefox: not tested, because it is not installed (FIREFOX can name one)')
  if (!findWebKitDriver())
    console.log('WebKit: not tested, because WebKitWebDriver or xvfb-run is not installed')
}

/** Makes sure that there is a Chromium; says what to do where it cannot be installed. */
export function ensureChromium() {
  if (findChromium()) return
  const isRoot = process.getuid?.() === 0
  const inherit = /** @type {const} */ ({ stdio: 'inherit' })
  console.log('No Chromium found: downloading the one that Playwright uses ...')
  spawnSync('playwright', ['install', '--no-shell', ...(isRoot ? ['--with-deps'] : []), 'chromium'], inherit)
  if (findChromium()) return
  if (isRoot) {
    console.log('Installing the package chromium ...')
    spawnSync('apt-get', ['update'], inherit)
    spawnSync('apt-get', ['install', '-y', 'chromium'], inherit)
    if (findChromium()) return
  }
  throw new Error('no Chromium found: install the package chromium, or set CHROMIUM to the path of one')
}
