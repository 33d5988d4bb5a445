/** Two texts line by line, side by side. */

export interface DiffRow {
  /** 1-based line numbers and texts; undefined where the side has no such line. */
  readonly left: { readonly line: number; readonly text: string } | undefined
  readonly right: { readonly line: number; readonly text: string } | undefined
  readonly isSame: boolean
}

/** Beyond this the table of the comparison would be large; such texts are shown as wholly different. Lines. */
const MOST_LINES = 2000

/** The rows of a longest common subsequence of lines; changed lines stand beside each other. */
export function diffLines(left: string, right: string): DiffRow[] {
  const a = left.replace(/\n$/, '').split('\n')
  const b = right.replace(/\n$/, '').split('\n')
  const rows: DiffRow[] = []
  let i = 0
  let j = 0
  const pairUpTo = (endLeft: number, endRight: number): void => {
    while (i < endLeft || j < endRight) {
      const l = i < endLeft ? { line: i + 1, text: a[i++] } : undefined
      const r = j < endRight ? { line: j + 1, text: b[j++] } : undefined
      rows.push({ left: l, right: r, isSame: false })
    }
  }
  for (const [l, r] of commonLines(a, b)) {
    pairUpTo(l, r)
    rows.push({ left: { line: l + 1, text: a[l] }, right: { line: r + 1, text: b[r] }, isSame: true })
    i = l + 1
    j = r + 1
  }
  pairUpTo(a.length, b.length)
  return rows
}

/** Pairs of indices of a longest common subsequence. */
function commonLines(a: readonly string[], b: readonly string[]): [number, number][] {
  if (a.length > MOST_LINES || b.length > MOST_LINES) return []
  const width = b.length + 1
  /** lengths[i * width + j]: the longest common subsequence of a[i..] and b[j..]. */
  const lengths = new Uint16Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      lengths[i * width + j] =
        a[i] === b[j]
          ? lengths[(i + 1) * width + j + 1] + 1
          : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1])
  const pairs: [number, number][] = []
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) pairs.push([i++, j++])
    else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) i++
    else j++
  }
  return pairs
}
