/**
 * How the workbench feels in a browser, measured in the built book (`npm run build`) in Chromium: from a key to the paint that shows
 * its effect, frames while a program runs, and how long a lab takes to be there.
 */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { chromium, type Page } from '@playwright/test'
import { findChromium } from '../scripts/browser.mjs'
import { staticServer } from '../scripts/static-server.mjs'

/** 1,000,001 instructions and HLT. */
const MILLION = `        org 0x10000
start:  mov ecx, 500000
again:  dec ecx
        jnz again
        hlt
`
/** again: inc eax; jmp again */
const ENDLESS = Buffer.from([0xff, 0xc0, 0xeb, 0xfc])

const CHAPTER = '/chapters/vmrun/'
const LAB = '#lab-smallest-vmcb'
const KEYS = 12
const FRAMES_TIME = 3000

/** Milliseconds, but for the frames. */
export interface BrowserFigures {
  /** From the key press to the paint, in a run of a million instructions; of several. */
  readonly step: Spread
  readonly stepBack: Spread
  /** From the click on Stop to the paint that shows the machine at rest, in a program that never ends. */
  readonly stop: number
  /** Frames a second while that program runs at full speed, and while nothing does. */
  readonly framesRunning: number
  readonly framesIdle: number
  /** From scrolling to a lab to its Run button, with everything in the browser's cache. */
  readonly interactive: Spread
}

export interface Spread {
  /** What a computer with nothing else to do comes to. */
  readonly best: number
  readonly median: number
  readonly worst: number
}

function spread(times: readonly number[]): Spread {
  const sorted = [...times].sort((a, b) => a - b)
  return { best: sorted[0], median: sorted[Math.floor(sorted.length / 2)], worst: sorted.at(-1)! }
}

/** Presses a key in the workbench and waits for the paint after the count of instructions has changed. */
function keyToPaint(page: Page, key: string, shiftKey: boolean): Promise<number> {
  return page.evaluate(
    ([key, shiftKey]) =>
      new Promise<number>((resolve) => {
        const count = document.querySelector('.wb-count b')!
        const pressed = performance.now()
        const observer = new MutationObserver(() => {
          observer.disconnect()
          requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel()
            port1.onmessage = () => resolve(performance.now() - pressed)
            port2.postMessage(undefined)
          })
        })
        observer.observe(count, { characterData: true, childList: true, subtree: true })
        const event = new KeyboardEvent('keydown', {
          key,
          code: key,
          shiftKey,
          bubbles: true,
          cancelable: true,
        })
        document.querySelector('.wb-run')!.dispatchEvent(event)
      }),
    [key, shiftKey] as const,
  )
}

async function keysToPaint(page: Page, key: string, shiftKey: boolean): Promise<Spread> {
  const times: number[] = []
  for (let press = 0; press < KEYS; press++) {
    times.push(await keyToPaint(page, key, shiftKey))
    await page.waitForTimeout(100)
  }
  return spread(times)
}

/** Frames a second. */
async function frames(page: Page): Promise<number> {
  const counted = await page.evaluate(
    (time) =>
      new Promise<number>((resolve) => {
        const begin = performance.now()
        let count = 0
        const next = (): void => {
          count++
          if (performance.now() - begin < time) requestAnimationFrame(next)
          else resolve(count)
        }
        requestAnimationFrame(next)
      }),
    FRAMES_TIME,
  )
  return (counted * 1000) / FRAMES_TIME
}

async function openInPlayground(page: Page, name: string, buffer: Buffer): Promise<void> {
  await page.locator('.pg-setup input[type=file]').setInputFiles({ name, buffer, mimeType: 'text/plain' })
  await page.locator('.pg-message', { hasText: name }).waitFor()
}

async function measureLab(page: Page, origin: string): Promise<Spread> {
  const times: number[] = []
  // The first visit fills the cache.
  for (let visit = 0; visit < 4; visit++) {
    await page.goto(origin + CHAPTER)
    await page.waitForTimeout(500)
    const time = await page.evaluate(
      (selector) =>
        new Promise<number>((resolve) => {
          const lab = document.querySelector(selector)!
          const begin = performance.now()
          const look = (): void => {
            const run = lab.querySelector('.wb-run')
            if (run?.getAttribute('aria-disabled') === 'false') resolve(performance.now() - begin)
            else requestAnimationFrame(look)
          }
          lab.scrollIntoView()
          look()
        }),
      LAB,
    )
    if (visit > 0) times.push(time)
  }
  return spread(times)
}

/** Undefined where there is no browser, or no built book in `folder`. */
export async function measureBrowser(
  folder = fileURLToPath(new URL('../dist', import.meta.url)),
): Promise<BrowserFigures | undefined> {
  const executablePath = findChromium()
  if (executablePath === undefined || !existsSync(folder)) return undefined
  const server = staticServer(folder).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  const browser = await chromium.launch({ executablePath, args })
  try {
    // Fetching all of the book for reading offline would be measured, too.
    const page = await browser.newPage({ serviceWorkers: 'block' })
    const interactive = await measureLab(page, origin)

    await page.goto(`${origin}/playground/`)
    await page.locator('.pg-setup').waitFor()
    await openInPlayground(page, 'million.asm', Buffer.from(MILLION))
    await page.locator('.wb-run').click()
    await page.locator('.wb-state', { hasText: 'Ended' }).waitFor()
    const stepBack = await keysToPaint(page, 'F9', true)
    const step = await keysToPaint(page, 'F9', false)

    await openInPlayground(page, 'endless.bin', ENDLESS)
    const framesIdle = await frames(page)
    await page.locator('.wb-run').click()
    await page.locator('.wb-state', { hasText: 'Running' }).waitFor()
    const framesRunning = await frames(page)
    const stop = await page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          const begin = performance.now()
          const look = (): void => {
            if (document.querySelector('.wb-state')?.textContent.startsWith('Paused') === true)
              resolve(performance.now() - begin)
            else requestAnimationFrame(look)
          }
          document.querySelector<HTMLElement>('.wb-stop')!.click()
          look()
        }),
    )
    return { step, stepBack, stop, framesRunning, framesIdle, interactive }
  } finally {
    await browser.close()
    server.close()
  }
}
