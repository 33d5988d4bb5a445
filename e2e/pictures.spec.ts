// What the figures and the main panels look like, in both themes and on a phone: pictures under docs/images. After a change that is meant
// to be seen:
//   WORLD_SWITCH_LONG_TESTS=1 playwright test e2e/pictures.spec.ts --update-snapshots
// and a look at each picture that has changed. The reader's own fonts are kept out of them; how letters are smoothed is the system's.
import { expect, test } from './fixtures.ts'
import { FigurePanels } from './pages/figure-panels.ts'
import type { ButtonName } from './pages/lab.ts'

interface Picture {
  readonly panel: string
  /** A selector of what is there once the panel is drawn. */
  readonly drawn?: string
  readonly lab: string
  /** Files that get the text of the solution. */
  readonly solved: readonly string[]
  readonly commands: readonly ButtonName[]
}

const ENTERED = { lab: 'g-pat-types', solved: ['guest.vmcb'], commands: ['Step', 'Step'] } as const
const DONE = { ...ENTERED, commands: ['Run'] } as const
/** The panel without scrolling, a long one only as far as here, in letters that every computer has. */
const HEIGHT = 1200
const STYLE = `
  :root { --font-ui: var(--font-text) !important }
  ws-lab { --wb-height: auto !important }
  .wb-tab-panel { flex: none !important; max-block-size: ${HEIGHT}px !important; overflow: hidden !important }`
const FIGURES: Readonly<Record<string, Picture>> = {
  'page-walk': { panel: 'Page walk', ...ENTERED },
  tlb: { panel: 'TLB', ...DONE },
  'memory-types': { panel: 'Memory types', ...DONE },
  'world-switch': { panel: 'World switch', ...ENTERED },
  'state-cache': { panel: 'State cache', lab: 'stale-g-pat', solved: [], commands: ['Run'] },
  interrupts: { panel: 'Interrupts', ...ENTERED },
  'three-vmcbs': {
    panel: 'vmcb01, vmcb02, vmcb12',
    lab: 'run-l2',
    solved: ['guest.vmcb', 'main.asm'],
    // Until L2 runs.
    commands: Array<ButtonName>(6).fill('Step'),
  },
  interleavings: { panel: 'Interleavings', lab: 'flipped-g-pat', solved: [], commands: [] },
}
const PANELS: Readonly<Record<string, Picture>> = {
  registers: { panel: 'Registers', drawn: '.wb-register', ...ENTERED },
  vmcb: { panel: 'VMCB', drawn: '[data-field]', lab: 'smallest-vmcb', solved: [], commands: ['Run'] },
  memory: { panel: 'Memory', drawn: '.wb-dump-labels', ...DONE },
  stack: { panel: 'Stack', drawn: 'table', ...ENTERED },
  listing: { panel: 'Listing', drawn: '.wb-listing-table', ...DONE },
  log: { panel: 'Log', drawn: '.wb-log', ...DONE },
  l0: {
    panel: 'L0',
    drawn: '[data-l0-event]',
    lab: 'run-l2',
    solved: ['guest.vmcb', 'main.asm'],
    commands: ['Run'],
  },
  scenarios: {
    panel: 'Scenarios',
    drawn: '[data-scenario]',
    lab: 'your-design',
    solved: [],
    commands: ['Run'],
  },
}
const FOLDERS = { figures: FIGURES, panels: PANELS }
const SIZES = {
  wide: { width: 1600, themes: ['light', 'dark'] },
  narrow: { width: 390, themes: ['light'] },
} as const

test.skip(process.platform !== 'linux', 'the pictures are those of Chromium on Linux')

for (const [folder, pictures] of Object.entries(FOLDERS))
  for (const [name, { panel, drawn = '.fig-title', lab: slug, solved, commands }] of Object.entries(pictures))
    for (const [size, { width, themes }] of Object.entries(SIZES))
      test(`${folder}: ${name} looks as it did, ${size}, ${themes.join(' and ')} @long`, async ({ page }) => {
        await page.setViewportSize({ width, height: 2 * HEIGHT })
        const lab = new FigurePanels(page, slug)
        await lab.openAlone(slug)
        await lab.writeSolution(slug, ...solved)
        for (const command of commands) await lab.press(command)
        await lab.openPanel(panel)
        await expect(lab.panel.locator(drawn).first()).toBeVisible()
        await page.addStyleTag({ content: STYLE })
        for (const colorScheme of themes) {
          await page.emulateMedia({ colorScheme })
          await expect(lab.panel).toHaveScreenshot([folder, `${name}-${size}-${colorScheme}.png`])
        }
      })
