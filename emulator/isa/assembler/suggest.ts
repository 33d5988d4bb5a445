/** "Did you mean ...": the nearest known name by edit distance. */

/** Number of single-character insertions, deletions, replacements and neighbour swaps from `a` to `b`; at most `limit + 1`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1
  let beforePrevious: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      row[j] = Math.min(replace, previous[j] + 1, row[j - 1] + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j], beforePrevious[j - 2] + 1)
      }
    }
    beforePrevious = previous
    previous = row
  }
  return previous[b.length]
}

/** Longer names are not compared: nobody misspells them by one or two letters only, and it keeps the search cheap. */
const MAX_NAME_LENGTH = 40

/** The name in `candidates` nearest to `name`, ignoring case; '' if none is within `limit` letters. */
export function nearest(name: string, candidates: Iterable<string>, limit: 1 | 2): string {
  if (name.length > MAX_NAME_LENGTH) return ''
  const wanted = name.toLowerCase()
  let within: number = limit
  let best = ''
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase(), within)
    if (distance > within || distance >= candidate.length) continue
    if (best !== '' && distance === within) continue
    best = candidate
    within = distance
    if (distance === 0) break
  }
  return best
}

/** A hint that names the nearest candidate, else `otherwise`. */
export function didYouMean(name: string, candidates: Iterable<string>, otherwise = ''): string {
  const best = nearest(name, candidates, name.length < 4 ? 1 : 2)
  return best === '' ? otherwise : `did you mean '${best}'?`
}

/** Different names for which a near one is searched: enough for a reader, and random text stays quick. */
const MAX_SUGGESTIONS = 50

/** Hints for many unknown names, each searched once. */
export class Suggestions {
  private readonly hints = new Map<string, string>()

  /** A hint that names the nearest of the candidates in all `lists`, else `otherwise`. */
  hint(name: string, lists: readonly Iterable<string>[], otherwise: string): string {
    let hint = this.hints.get(name)
    if (hint === undefined) {
      if (this.hints.size >= MAX_SUGGESTIONS) return otherwise
      hint = didYouMean(
        name,
        lists.flatMap((list) => [...list]),
        otherwise,
      )
      this.hints.set(name, hint)
    }
    return hint
  }
}
