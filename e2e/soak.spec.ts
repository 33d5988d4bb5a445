// A long session: labs that are opened, run and left leave nothing behind.
import { readdirSync } from 'node:fs'
import { expect, test } from './fixtures.ts'
import { LabPage } from './pages/lab.ts'

const VISITS = 200
const SLUGS = readdirSync('content/labs')
/** What the heap and the document may have grown by once every lab has been there: one leaked workbench a visit would be many times that. */
const MOST_GROWTH = { heap: 8_000_000, nodes: 10_000 }

test('@long memory stays flat while 200 labs are opened, run and left', async ({ page, context }) => {
  test.setTimeout(1_800_000)
  const session = await context.newCDPSession(page)
  await session.send('Performance.enable')
  const measure = async (): Promise<{ heap: number; nodes: number }> => {
    await session.send('HeapProfiler.collectGarbage')
    const { metrics } = await session.send('Performance.getMetrics')
    const value = (name: string): number => metrics.find((metric) => metric.name === name)?.value ?? NaN
    return { heap: value('JSHeapUsedSize'), nodes: value('Nodes') }
  }
  await page.goto('/lab/smallest-vmcb/')

  let warm = { heap: NaN, nodes: NaN }
  for (let visit = 0; visit < VISITS; visit++) {
    const slug = SLUGS[visit % SLUGS.length]
    // The lab that was there goes away, as with another page in its place; this one comes from a page of its own.
    await page.evaluate(async (address) => {
      const html = await (await fetch(address)).text()
      const next = new DOMParser().parseFromString(html, 'text/html').querySelector('ws-lab')!
      document.querySelector('ws-lab')!.replaceWith(document.importNode(next, true))
    }, `/lab/${slug}/`)
    const lab = new LabPage(page, slug)
    await lab.show()
    // Some are left while they run.
    await lab.button('Run').click()
    await expect(lab.root.locator('.wb-count b')).not.toHaveText('0')
    const machines = page.workers().filter((worker) => worker.url().includes('/worker-'))
    expect(machines, 'machines that live').toHaveLength(1)
    if (visit === SLUGS.length) warm = await measure()
  }
  const end = await measure()
  expect(end.heap - warm.heap).toBeLessThan(MOST_GROWTH.heap)
  expect(end.nodes - warm.nodes).toBeLessThan(MOST_GROWTH.nodes)
})
