import { describe, expect, it } from 'vitest'
import { planLoops } from './loops.ts'

describe('planLoops', () => {
  it('makes a loop of blocks that only its head leads into', () => {
    const { lastOf, dispatched } = planLoops([[1], [2, 3], [1], []], [0])
    expect(lastOf).toEqual([-1, 2, -1, -1])
    expect([...dispatched]).toEqual([0])
  })

  it('keeps inner loops inside outer ones', () => {
    expect(planLoops([[1], [2], [2, 3], [1, 4], []], [0]).lastOf).toEqual([-1, 3, 2, -1, -1])
  })

  it('dispatches to the head of a loop that is entered in its middle', () => {
    const { lastOf, dispatched } = planLoops([[1], [2], [1]], [0, 2])
    expect(lastOf).toEqual([-1, -1, -1])
    expect([...dispatched].sort()).toEqual([0, 1, 2])
  })

  it('gives up both of two loops that overlap without nesting', () => {
    expect(planLoops([[1], [2], [3, 1], [2]], [0]).lastOf[1]).toBe(-1)
  })

  it('lets an entry be the head of a loop', () => {
    expect(planLoops([[0, 1], []], [0]).lastOf).toEqual([0, -1])
  })
})
