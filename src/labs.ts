// The labs' folders, as the pages embed them: the text of each file, by its path inside the folder.
import { z } from 'astro/zod'
import { parse } from 'yaml'

const texts = import.meta.glob<string>('/content/labs/*/{lab.yaml,start/**,solution/**}', {
  query: '?raw',
  import: 'default',
  eager: true,
})

/** What the static page shows of lab.yaml; the emulator's lab format checks the whole of it. */
const shownSchema = z.looseObject({ title: z.string(), objectives: z.array(z.string()), minutes: z.number() })

export interface LabSource {
  slug: string
  /** Text by path: lab.yaml, start/main.asm, ... */
  files: Record<string, string>
}

export type ShownLab = LabSource & z.infer<typeof shownSchema>

/** A lab by the name of its folder in content/labs; a name that is not there is an error of the page. */
export function readLab(slug: string): ShownLab {
  const folder = `/content/labs/${slug}/`
  const files = Object.fromEntries(
    Object.entries(texts)
      .filter(([path]) => path.startsWith(folder))
      .map(([path, text]) => [path.slice(folder.length), text]),
  )
  const yaml = files['lab.yaml']
  if (yaml === undefined) throw new Error(`<Lab slug="${slug}">: there is no content/labs/${slug}/lab.yaml`)
  return { ...shownSchema.parse(parse(yaml)), slug, files }
}
