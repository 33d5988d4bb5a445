/**
 * The orders of a race of two sides as a grid: the steps of one side go right, those of the other down, and every way from the
 * top left corner is an order.
 */
import type { LatticeFinding, LatticeOrder, LatticeRecord, LatticeStep } from './lattice-data.ts'

/** How the orders end that go along an edge. */
export type Outcome = 'win' | 'some lose' | 'all lose'

export interface LatticeEdge {
  /** Steps that the sides have taken before it. */
  readonly from: readonly [number, number]
  /** Whose step it is: 0 goes right, 1 goes down. */
  readonly actor: number
  readonly outcome: Outcome
  /** Orders along it, and how many of them lose. */
  readonly orders: number
  readonly losing: number
  /** Its place in the shortest losing order, from 1. */
  readonly shortest: number | undefined
}

export interface LatticeView {
  /** Most steps of each side. */
  readonly size: readonly [number, number]
  readonly edges: readonly LatticeEdge[]
  readonly losing: number
  readonly total: number
  /** What the steps of each side do; where that depends on the order, all that they can do. */
  readonly steps: readonly [readonly string[], readonly string[]]
}

/** `finding`: an index in the record's findings; undefined: an order loses if anything is found. */
export function latticeView(record: LatticeRecord, finding: number | undefined): LatticeView {
  const edges = new Map<string, { from: [number, number]; actor: number; orders: number; losing: number }>()
  const texts: [Set<string>[], Set<string>[]] = [[], []]
  for (const order of record.orders) {
    const at: [number, number] = [0, 0]
    const loses = isLosing(order, finding)
    for (const number of order.steps) {
      const step = record.steps[number]
      const { actor } = step
      const key = `${at.join()} ${actor}`
      const edge = edges.get(key) ?? { from: [...at], actor, orders: 0, losing: 0 }
      edges.set(key, edge)
      edge.orders++
      if (loses) edge.losing++
      ;(texts[actor][at[actor]] ??= new Set()).add(textOf(step))
      at[actor]++
    }
  }
  const shortest = shortestPath(record, finding)
  return {
    size: [texts[0].length, texts[1].length],
    edges: [...edges.values()].map((edge) => ({
      ...edge,
      outcome: outcomeOf(edge.losing, edge.orders),
      shortest: placeIn(shortest, edge),
    })),
    losing: record.orders.filter((order) => isLosing(order, finding)).length,
    total: record.orders.length,
    steps: [texts[0].map(joined), texts[1].map(joined)],
  }
}

/** A store with its value: that is the same in every order. */
function textOf({ actor, what, effects }: LatticeStep): string {
  return actor === 1 ? [what, ...effects].join(': ') : what
}

function joined(texts: ReadonlySet<string>): string {
  return [...texts].join(' or ')
}

/** Whose steps lead to the finding, or to any, in the shortest way. */
export function shortestPath({ findings }: LatticeRecord, finding: number | undefined): readonly number[] {
  return findings.at(finding ?? 0)?.shortest ?? []
}

export interface LatticePlace {
  /** The steps taken, with what they read and wrote in this order. */
  readonly taken: readonly LatticeStep[]
  /** What each side would do next; undefined at its end. */
  readonly next: readonly [LatticeStep | undefined, LatticeStep | undefined]
  /** Orders that begin so, and how many of them lose. */
  readonly orders: number
  readonly losing: number
  /** At the end of all steps: what was found. Indexes in the record's findings. */
  readonly findings: readonly number[] | undefined
}

/** Where the sides are after the steps of `path`, a list of actors that some order begins with. */
export function placeAt(
  { orders, steps }: LatticeRecord,
  path: readonly number[],
  finding: number | undefined,
): LatticePlace {
  const same = orders.filter((order) => path.every((actor, i) => steps[order.steps[i]]?.actor === actor))
  const next = (actor: number): LatticeStep | undefined => {
    const order = same.find(({ steps: all }) => steps[all[path.length]]?.actor === actor)
    return order && steps[order.steps[path.length]]
  }
  const atEnd = same.find((order) => order.steps.length === path.length)
  return {
    taken: same.length === 0 ? [] : path.map((_, i) => steps[same[0].steps[i]]),
    next: [next(0), next(1)],
    orders: same.length,
    losing: same.filter((order) => isLosing(order, finding)).length,
    findings: atEnd?.findings,
  }
}

/** "vmrun-succeeds: VMRUN failed" */
export function findingText({ property, text }: LatticeFinding): string {
  return `${property}: ${text}`
}

/** Whether an order loses; `finding` as of latticeView(). */
export function isLosing({ findings }: LatticeOrder, finding: number | undefined): boolean {
  return finding === undefined ? findings.length > 0 : findings.includes(finding)
}

function outcomeOf(losing: number, orders: number): Outcome {
  if (losing === 0) return 'win'
  return losing === orders ? 'all lose' : 'some lose'
}

function placeIn(
  path: readonly number[],
  { from, actor }: { readonly from: readonly [number, number]; readonly actor: number },
): number | undefined {
  const at = [0, 0]
  for (const [i, step] of path.entries()) {
    if (step === actor && at[0] === from[0] && at[1] === from[1]) return i + 1
    at[step]++
  }
  return undefined
}
