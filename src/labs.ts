// The labs' folders, as the pages embed them.
import { labKey } from '../components/reader/records.ts'
import type { LabPayload } from '../components/workbench/protocol.ts'
import { formatDiagnostic, parseLab, type Lab } from '../emulator/lab/index.ts'

const texts = import.meta.glob<string>('/content/labs/*/{lab.yaml,start/**,solution/**}', {
  query: '?raw',
  import: 'default',
  eager: true,
})

/** What L0 decides, by path as labs name it: "designs/as-merged.yaml". */
const designs = Object.entries(
  import.meta.glob<string>('/content/designs/*.yaml', { query: '?raw', import: 'default', eager: true }),
).map(([path, text]): [string, string] => [path.slice('/content/'.length), text])

export interface LabSource {
  lab: Lab
  /** The folder's texts by path ("lab.yaml", "start/main.asm"). */
  files: Record<string, string>
  /** The texts that the reader starts from, in the order of lab.yaml. */
  start: { name: string; text: string }[]
  /** The texts of the solution by name. */
  solution: Record<string, string>
}

/** A lab by the name of its folder in content/labs; what is wrong with it is an error of the build. */
export function readLab(slug: string): LabSource {
  const folder = `/content/labs/${slug}/`
  const files = new Map(
    Object.entries(texts)
      .filter(([path]) => path.startsWith(folder))
      .map(([path, text]) => [path.slice(folder.length), text]),
  )
  const { lab, start, solution, diagnostics } = parseLab(slug, new Map([...files, ...designs]))
  if (lab === undefined) {
    throw new Error(
      `<Lab slug="${slug}">: content/labs/${slug}: ${diagnostics.map(formatDiagnostic).join('; ')}`,
    )
  }
  const named = Object.entries(lab.designs ?? {}).map(
    ([name, text]) => [`designs/${name}.yaml`, text] as const,
  )
  return {
    lab,
    files: Object.fromEntries([...files, ...named]),
    start: lab.files.map(({ name }) => ({ name, text: start.get(name) ?? '' })),
    solution: Object.fromEntries(solution),
  }
}

/** What the workbench is given of a lab. */
export function payloadOf(slug: string): LabPayload {
  const { lab, files, start, solution } = readLab(slug)
  const texts = Object.fromEntries(start.map(({ name, text }) => [name, text]))
  return { slug, key: labKey(slug, files), lab, start: texts, solution }
}

/** The names of all labs' folders, in alphabetical order. */
export function labSlugs(): string[] {
  const folders = Object.keys(texts).filter((path) => path.endsWith('/lab.yaml'))
  return folders.map((path) => path.split('/').at(-2) ?? '').sort()
}
