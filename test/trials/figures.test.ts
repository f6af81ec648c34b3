// The figures of trials: nearest-rank percentiles, and one slope over several lives.

import { expect, test } from 'vitest'
import { percentile, pooledSlope } from './figures.ts'
import { tableOf } from './table.ts'

test('percentiles are nearest rank: a sample, never a mean of two', () => {
  expect([0, 50, 95, 100].map((at) => percentile([30, 10, 40, 20], at))).toEqual([10, 20, 40, 40])
  expect(percentile([], 50)).toBe(0)
})

test('a slope is that within lives: what a process begins with does not count', () => {
  const life = (from: number, base: number) => [0, 1, 2, 3].map((at) => ({ x: from + at, y: base + 2 * at }))
  expect(pooledSlope([life(0, 100)])).toBeCloseTo(2)
  expect(pooledSlope([life(0, 100), life(50, 10), [{ x: 99, y: 5 }]])).toBeCloseTo(2)
  expect(pooledSlope([[{ x: 1, y: 7 }], []])).toBe(0)
})

test('a table is as wide as what is in it', () => {
  expect(
    tableOf([
      { a: 1, name: 'x' },
      { a: 22, name: 'longer' },
    ]),
  ).toBe('a   name\n1   x\n22  longer\n')
  expect(tableOf([])).toBe('')
})
