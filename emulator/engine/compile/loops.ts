/**
 * Which loops of a region become WebAssembly loops. Blocks are numbered in order of address; a loop is a run of them that only
 * its first block leads into, so its back edges can be direct branches. All other back edges, and whatever enters a region in
 * its middle, go through the dispatch table.
 */

export interface LoopPlan {
  /** Last block of the loop that each block heads, or -1. */
  readonly lastOf: readonly number[]
  /** Blocks that the dispatch table leads to. */
  readonly dispatched: ReadonlySet<number>
}

/** `successors[n]`: blocks that block n branches to; `entries`: blocks entered from outside. */
export function planLoops(successors: readonly (readonly number[])[], entries: Iterable<number>): LoopPlan {
  const dispatched = new Set(entries)
  const lastOf = successors.map(() => -1)
  const predecessors: number[][] = successors.map(() => [])
  successors.forEach((targets, from) => {
    for (const to of targets) {
      predecessors[to].push(from)
      if (to <= from) lastOf[to] = Math.max(lastOf[to], from)
    }
  })
  const isClosed = (head: number, last: number): boolean => {
    for (let n = head + 1; n <= last; n++) {
      if (dispatched.has(n) || predecessors[n].some((from) => from < head || from > last)) return false
    }
    return true
  }
  // Giving up a loop makes its head a target of the table, which may open another loop around it.
  for (let changed = true; changed;) {
    changed = false
    lastOf.forEach((last, head) => {
      if (last < 0 || isClosed(head, last)) return
      lastOf[head] = -1
      dispatched.add(head)
      changed = true
    })
  }
  return { lastOf, dispatched }
}
