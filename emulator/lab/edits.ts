/** Edits of texts: how variants and scenarios say what differs. */
import type { Edit } from './schema.ts'

/** The texts with the edits, or why they do not apply. */
export function editTexts(
  texts: ReadonlyMap<string, string>,
  edits: readonly Edit[],
): Map<string, string> | string {
  const edited = new Map(texts)
  for (const { file, replace, with: replacement } of edits) {
    const text = edited.get(file)
    if (text === undefined) return `there is no file ${file}`
    const count = text.split(replace).length - 1
    if (count !== 1) return `"${replace}" occurs ${count} times in ${file}; it must occur once`
    edited.set(
      file,
      text.replace(replace, () => replacement),
    )
  }
  return edited
}
