import { expect, test } from 'vitest'
import { operations } from '../isa/index.ts'
import { SEMANTICS } from './index.ts'

test('every name is an operation of the instruction table', () => {
  expect([...SEMANTICS.keys()].filter((name) => !operations.includes(name))).toEqual([])
})
