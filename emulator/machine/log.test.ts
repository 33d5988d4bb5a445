import { expect, test } from 'vitest'
import { BoundedLog } from './log.ts'

function logOf(capacity: number, count: number): BoundedLog<number> {
  const log = new BoundedLog<number>(capacity)
  for (let n = 0; n < count; n++) log.push(n)
  return log
}

test('a full log keeps the newest entries and counts the older ones it dropped', () => {
  const log = logOf(3, 5)
  expect(log.since()).toEqual([2, 3, 4])
  expect(log.dropped).toBe(2)
  expect(log.total).toBe(5)
})

test('a reader gets what is new since the position it remembers', () => {
  const log = logOf(4, 2)
  const position = log.total
  log.push(7)
  expect(log.since(position)).toEqual([7])
})

test('rewinding forgets the newer entries and new ones follow the kept ones', () => {
  const log = logOf(4, 6)
  log.rewind(4)
  log.push(9)
  expect(log.since()).toEqual([2, 3, 9])
})

test('rewinding to before the oldest kept entry leaves an empty log that says so', () => {
  const log = logOf(2, 10)
  log.rewind(3)
  expect(log.since()).toEqual([])
  expect(log.dropped).toBe(3)
})
