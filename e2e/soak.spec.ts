// A long session: labs that are opened, run and left leave nothing behind.
import { expect, test } from './fixtures.ts'
import { LabPage } from './pages/lab.ts'

const VISITS = 200
/** After which everything that is loaded once has been. */
const WARM = 20
/** What the heap and the document may have grown by from then on: one leaked workbench a visit would be many times that. */
const MOST_GROWTH = { heap: 8_000_000, nodes: 10_000 }

test('@long memory stays flat while 200 labs are opened, run and left', async ({ page, context }) => {
  test.setTimeout(900_000)
  const lab = new LabPage(page, 'smallest-vmcb')
  const session = await context.newCDPSession(page)
  await session.send('Performance.enable')
  const measure = async (): Promise<{ heap: number; nodes: number }> => {
    await session.send('HeapProfiler.collectGarbage')
    const { metrics } = await session.send('Performance.getMetrics')
    const value = (name: string): number => metrics.find((metric) => metric.name === name)?.value ?? NaN
    return { heap: value('JSHeapUsedSize'), nodes: value('Nodes') }
  }
  await lab.open('vmrun')
  const html = await lab.root.evaluate((root) => root.outerHTML)
  expect(html).toContain('data-slug')

  let warm = { heap: NaN, nodes: NaN }
  for (let visit = 0; visit < VISITS; visit++) {
    await lab.press('Run')
    await expect(lab.exits.first()).toBeVisible()
    const machines = page.workers().filter((worker) => worker.url().includes('/worker-'))
    expect(machines, 'machines that live').toHaveLength(1)

    // Leaving: the element goes away, as with another page in its place, and comes again.
    await lab.root.evaluate((root) => {
      const script = root.querySelector('script')!.outerHTML
      const fresh = document.createElement('ws-lab')
      fresh.id = root.id
      fresh.setAttribute('class', root.getAttribute('class') ?? '')
      fresh.dataset['slug'] = root.dataset['slug']
      fresh.innerHTML = script
      root.replaceWith(fresh)
    })
    await lab.show()
    if (visit === WARM) warm = await measure()
  }
  const end = await measure()
  expect(end.heap - warm.heap).toBeLessThan(MOST_GROWTH.heap)
  expect(end.nodes - warm.nodes).toBeLessThan(MOST_GROWTH.nodes)
})
