// Finds a Chromium for the end-to-end tests, and installs one where there is none.
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

/** The path of a Chromium that starts: CHROMIUM from the environment, an installed one, or Playwright's own. */
export function findChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM
  const folders = (process.env.PATH ?? '').split(delimiter)
  const candidates = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)))
  return [...candidates, chromium.executablePath()].find((file) => existsSync(file) && starts(file))
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
