// End-to-end tests: the built book, served as npm start serves it, in Chromium.
import { defineConfig } from '@playwright/test'
import { findChromium } from './scripts/browser.mjs'
import { firstFreePort } from './scripts/static-server.mjs'

// The workers, which read this file again, inherit the port: two checkouts can be tested side by side.
const port = (process.env['WORLD_SWITCH_PORT'] ??= String(await firstFreePort(4400)))
const executablePath = findChromium()

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results/e2e',
  fullyParallel: true,
  // npm test keeps the main journeys; npm run test:all has those that take long, too.
  ...(process.env['WORLD_SWITCH_LONG_TESTS'] === undefined ? { grepInvert: /@long/ } : {}),
  // Looking over a long chapter takes axe half a minute on a busy machine.
  timeout: 120_000,
  workers: 2,
  forbidOnly: true,
  // A busy computer takes seconds to load the editor.
  expect: { timeout: 15_000, toHaveScreenshot: { maxDiffPixelRatio: 0.01 } },
  // They show what figures and panels look like, too.
  snapshotPathTemplate: 'docs/images/{arg}{ext}',
  reporter: process.env['PLAYWRIGHT_JSON_OUTPUT_NAME'] ? [['list'], ['json']] : 'list',
  use: {
    baseURL: `http://127.0.0.1:${port}`,
    trace: 'retain-on-failure',
    launchOptions: {
      ...(executablePath === undefined ? {} : { executablePath }),
      args: [
        // Chromium refuses its sandbox to root.
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
      ],
    },
  },
  webServer: {
    command: `node scripts/serve.mjs ${port}`,
    url: `http://127.0.0.1:${port}/`,
  },
})
