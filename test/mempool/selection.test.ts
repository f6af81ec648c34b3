import { describe, expect, it } from 'vitest'
import type { Hash } from '../../crypto/bytes.ts'
import { createMempool, type Mempool } from '../../mempool/mempool.ts'
import { names, ROOMY, type Sketch, transaction } from './transactions.ts'

function poolOf(...pending: readonly Sketch[]): Mempool {
  const pool = createMempool(ROOMY)
  for (const sketch of pending) expect(pool.add(transaction(sketch), 0n).ok).toBe(true)
  return pool
}

const nobody = () => false
const fromGenesis = () => 0n

describe('selection', () => {
  it('goes by fee across lanes and by nonce within one', () => {
    const rows: readonly (readonly [string, readonly Sketch[], string])[] = [
      ['by fee', [{ fee: 1 }, { lane: 'b', fee: 3 }, { lane: 'c', fee: 2 }], 'b0 c0 a0'],
      ['equal fees by arrival', [{ lane: 'b' }, { lane: 'a' }, { lane: 'c' }], 'b0 a0 c0'],
      [
        'a high fee waits for the low ones before it',
        [{ fee: 1 }, { nonce: 1, fee: 9 }, { lane: 'b', fee: 5 }, { lane: 'b', nonce: 1, fee: 1 }],
        'b0 a0 a1 b1',
      ],
      ['a gap ends a lane', [{ fee: 1 }, { nonce: 2, fee: 9 }, { lane: 'b', nonce: 1 }], 'a0'],
      ['nothing', [], ''],
    ]
    for (const [why, pending, expected] of rows) {
      expect(names(poolOf(...pending).candidates(nobody, fromGenesis)), why).toBe(expected)
    }
  })

  it('starts from the parent`s state, whichever branch that is on', () => {
    const pending = [{ fee: 9 }, { nonce: 1, fee: 2 }, { nonce: 2, fee: 8 }, { lane: 'b', fee: 5 }]
    const ids = pending.map((sketch) => transaction(sketch).id)
    const rows: readonly (readonly [string, readonly number[], readonly number[], bigint, string])[] = [
      ['marks agree with the parent', [0], [0], 1n, 'b0 a1 a2'],
      ['the mark is not there yet', [], [0], 1n, 'b0 a1 a2'],
      ['the marked block is on another branch', [0, 1], [], 0n, 'a0 b0 a1 a2'],
      ['all of the lane is marked, by another branch', [0, 1, 2], [], 0n, 'b0 a0 a1 a2'],
      ['the ancestor has a nonce by a transaction not seen here', [], [], 1n, 'b0 a1 a2'],
      ['the ancestor has all of the lane', [0, 1, 2], [0, 1, 2], 3n, 'b0'],
    ]
    for (const [why, marked, excluded, start, expected] of rows) {
      const pool = poolOf(...pending)
      pool.markIncluded(marked.flatMap((at) => ids[at] ?? []))
      const inAncestors = new Set<Hash>(excluded.flatMap((at) => ids[at] ?? []))
      const chosen = pool.candidates(
        (id) => inAncestors.has(id),
        (lane) => (lane === 'a' ? start : 0n),
      )
      expect(names(chosen), why).toBe(expected)
    }
  })

  it('reads the state of no more lanes than it goes through', () => {
    const pool = poolOf(...Array.from({ length: 500 }, (_, at) => ({ lane: `l${at}`, fee: at })))
    let reads = 0
    let taken = 0
    const start = () => {
      reads++
      return 0n
    }
    for (const _ of pool.candidates(nobody, start)) if (++taken === 10) break
    expect(reads).toBe(10)
  })
})
