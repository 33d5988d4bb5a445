// Every lab that a chapter embeds: its solution meets all goals in the page, and what must not pass is refused there with
// the reasons that the command line gives.
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from './fixtures.ts'
import { goalsOf, refusedTexts, solutionTexts } from './labs-in-node.ts'
import { LabPage } from './pages/lab.ts'

const CHAPTERS = 'content/chapters'

/** The slugs of the labs, by the slug of their chapter. */
const embedded = readdirSync(CHAPTERS).flatMap((name) => {
  const chapter = /^\d+-(.+)\.mdx$/.exec(name)?.[1]
  const text = readFileSync(`${CHAPTERS}/${name}`, 'utf8')
  const slugs = [...text.matchAll(/<Lab slug="([^"]+)"/g)].map(([, slug]) => slug)
  return chapter === undefined ? [] : slugs.map((slug) => [chapter, slug] as const)
})

/** Enters texts that differ from those of the start, runs them, and compares what is said of each goal. */
async function enter(lab: LabPage, slug: string, texts: ReadonlyMap<string, string>) {
  for (const [name, text] of texts) await lab.write(name, text)
  await lab.press('Run')
  for (const [i, { text, met, reasons }] of goalsOf(slug, texts).entries()) {
    const goal = lab.goals.nth(i)
    await expect(goal, text).toHaveAttribute('data-state', met ? 'met' : 'unmet')
    await expect(goal.locator('.wb-reason')).toHaveText(reasons)
  }
}

for (const [chapter, slug] of embedded) {
  test(`${chapter}: in the page ${slug} refuses what it must, and accepts its solution @long`, async ({
    page,
  }) => {
    const lab = new LabPage(page, slug)
    await lab.open(chapter)
    await enter(lab, slug, refusedTexts(slug))
    await expect(lab.root.locator('.wb-goal[data-state=unmet]')).not.toHaveCount(0)
    await lab.root.getByRole('button', { name: 'Reset the text' }).click()
    await enter(lab, slug, solutionTexts(slug))
    await expect(lab.root.locator('.wb-goal:not([data-state=met])')).toHaveCount(0)
  })
}
