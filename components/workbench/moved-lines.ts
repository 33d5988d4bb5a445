/** Which lines an edit changed, and where the others are after it. */

/** How many lines at the beginning and at the end of two texts are the same. */
function sameEnds(old: readonly string[], now: readonly string[]): { head: number; tail: number } {
  const shorter = Math.min(old.length, now.length)
  let head = 0
  while (head < shorter && old[head] === now[head]) head++
  let tail = 0
  while (tail < shorter - head && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail++
  return { head, tail }
}

/**
 * For texts before and after an edit, the new number of a line (1-based). Lines around what was edited stay what they were; those
 * within keep their distance from its beginning, as far as there are lines.
 */
export function movedLines(before: string, after: string): (line: number) => number {
  const old = before.split('\n')
  const now = after.split('\n')
  const { head, tail } = sameEnds(old, now)
  return (line) => {
    if (line <= head) return line
    if (line > old.length - tail) return line + now.length - old.length
    return Math.min(line, Math.max(head + 1, now.length - tail), now.length)
  }
}

/** Lines `from` to `to` (1-based, inclusive) get another text. */
export interface LineEdit {
  readonly from: number
  readonly to: number
  readonly text: string
}

/** What leads from one text to the other: line by line where there are as many lines as before, so that cursors stay. */
export function lineEdits(before: string, after: string): LineEdit[] {
  const old = before.split('\n')
  const now = after.split('\n')
  if (old.length === now.length)
    return now.flatMap((text, index) =>
      text === old[index] ? [] : [{ from: index + 1, to: index + 1, text }],
    )
  const { head, tail } = sameEnds(old, now)
  // At least one line on each side: an edit has somewhere to be.
  const first = Math.min(head, old.length - 1, now.length - 1)
  const rest = Math.min(tail, old.length - first - 1, now.length - first - 1)
  return [{ from: first + 1, to: old.length - rest, text: now.slice(first, now.length - rest).join('\n') }]
}
