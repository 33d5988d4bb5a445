/** Test set-up: a small complete lab, which tests change text by text. */
import { newLabFiles } from './new-lab.ts'

/** The files of the lab that `lab new` makes, with some replaced. */
export function labFiles(changes: Record<string, string> = {}): Map<string, string> {
  return new Map([...newLabFiles(), ...Object.entries(changes)])
}

/** The same with one text edited; `from` must occur in it. */
export function editedLab(path: string, from: string, to: string): Map<string, string> {
  const text = newLabFiles().get(path)
  if (text === undefined || !text.includes(from)) throw new Error(`${path} does not contain ${from}`)
  return labFiles({ [path]: text.replace(from, to) })
}
