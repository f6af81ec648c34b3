// scripts/testnet/observer.ts: rates and latencies from what a node exports.

import { describe, expect, it } from 'vitest'
import { ratesOf, readMetrics } from '../../../scripts/testnet/observer.ts'

function metrics(transactions: number, buckets: readonly number[]): string {
  const bounds = ['0.01', '0.1', '+Inf']
  return [
    '# HELP scoville_transactions_committed_total Transactions committed.',
    `scoville_transactions_committed_total{chain="c"} ${transactions}`,
    ...buckets.map((count, at) => `scoville_block_commit_seconds_bucket{chain="c",le="${bounds[at]}"} ${count}`),
    `scoville_block_commit_seconds_sum{chain="c"} 1.5`,
  ].join('\n')
}

describe('rates', () => {
  it('are those between the first and the last sample', () => {
    const samples = [readMetrics(metrics(100, [5, 5, 5]), 1_000), readMetrics(metrics(150, [5, 15, 15]), 3_000)]
    expect(ratesOf(samples)).toEqual({ transactionsPerSecond: 25, commitMs: expect.closeTo(55) })
  })

  it.each([
    ['one sample says nothing', [[0, [3, 3, 3]]], undefined],
    [
      'no block in between',
      [
        [0, [3, 3, 3]],
        [0, [3, 3, 3]],
      ],
      undefined,
    ],
    [
      'half of the first bucket',
      [
        [0, [0, 0, 0]],
        [0, [4, 4, 4]],
      ],
      5,
    ],
    [
      'beyond the last bound, the bound',
      [
        [0, [0, 0, 0]],
        [0, [0, 0, 4]],
      ],
      100,
    ],
  ] as const)('median of commits: %s', (_, rows, expected) => {
    const samples = rows.map(([transactions, buckets], at) => readMetrics(metrics(transactions, buckets), at * 1_000))
    expect(ratesOf(samples).commitMs).toBe(expected)
  })
})
