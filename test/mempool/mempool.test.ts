import { describe, expect, it } from 'vitest'
import type { Hash } from '../../crypto/bytes.ts'
import { createMempool, type Mempool } from '../../mempool/mempool.ts'
import { names, ROOMY, type Sketch, transaction } from './transactions.ts'

function poolOf(...pending: readonly Sketch[]): Mempool {
  const pool = createMempool(ROOMY)
  for (const sketch of pending) expect(pool.add(transaction(sketch), 0n).ok).toBe(true)
  return pool
}

function idsOf(...sketches: readonly Sketch[]): Hash[] {
  return sketches.map((sketch) => transaction(sketch).id)
}

const nobody = () => false
const fromGenesis = () => 0n

describe('mempool', () => {
  it('tells of a pending transaction where it stands', () => {
    const pool = poolOf({ nonce: 0 }, { nonce: 2 })
    expect(pool.lookup(transaction({ nonce: 0 }).id)).toMatchObject({ queue: 'ready', included: false })
    expect(pool.lookup(transaction({ nonce: 2 }).id)).toMatchObject({ queue: 'queued' })
    expect(pool.lookup(transaction({ nonce: 1 }).id)).toBeUndefined()
    pool.markIncluded(idsOf({ nonce: 0 }))
    expect(pool.lookup(transaction({ nonce: 0 }).id)).toMatchObject({ included: true })
  })

  it('names the next free nonce of a lane', () => {
    const pool = poolOf({ nonce: 0 }, { nonce: 1 }, { nonce: 3 }, { nonce: 4 })
    const rows: readonly (readonly [string, string, bigint, bigint])[] = [
      ['after the ready ones', 'a', 0n, 2n],
      ['from within them', 'a', 1n, 2n],
      ['state is ahead: after the queued ones that become ready', 'a', 3n, 5n],
      ['state is ahead of all', 'a', 9n, 9n],
      ['nothing is pending', 'b', 7n, 7n],
    ]
    for (const [why, lane, committed, next] of rows) expect(pool.nextSequence(lane, committed), why).toBe(next)
  })

  it('reports whatever leaves without being committed, once, with a reason', () => {
    const pool = poolOf(
      { nonce: 0 },
      { nonce: 1, salt: 1 },
      { nonce: 2 },
      { lane: 'b', validUntil: 9 },
      { lane: 'b', nonce: 1, validUntil: 8 },
    )
    // Nonce 1 was used by a transaction that this node never saw.
    const ids = [...idsOf({ nonce: 0 }), ...idsOf({ nonce: 1, salt: 2 })]
    const removed = pool.onCommit({ ids, lanes: new Map([['a', 2n]]) }, 8)
    expect(removed.map((each) => [names([each.transaction]), each.state])).toEqual([
      ['a1', 'replaced'],
      ['b1', 'expired'],
    ])
    expect(pool.info()).toMatchObject({ count: 2, ready: 2, bytes: 200 })
    expect(pool.onCommit({ ids: [], lanes: new Map() }, 9).map((each) => each.state)).toEqual(['expired'])
    expect(pool.onCommit({ ids: [], lanes: new Map() }, 9)).toEqual([])
  })

  it('moves a lane on by what committed even when it is not told the lane', () => {
    const pool = poolOf({ nonce: 0 }, { nonce: 1 })
    expect(pool.onCommit({ ids: idsOf({ nonce: 0 }), lanes: new Map() }, 1)).toEqual([])
    expect(pool.info()).toMatchObject({ count: 1, ready: 1 })
  })

  it('drops what turned out not to execute; what follows waits', () => {
    const pool = poolOf({ nonce: 0 }, { nonce: 1 }, { nonce: 2 })
    const removed = pool.drop([...idsOf({ nonce: 1 }), ...idsOf({ nonce: 7 })], 'insufficient-funds')
    expect(removed).toMatchObject([{ state: 'dropped', reason: 'insufficient-funds' }])
    expect(pool.info()).toMatchObject({ count: 2, ready: 1, queued: 1 })
  })

  it('sees work only in what a block on the current chain could execute (VIEWCHANGE section 4, point 7)', () => {
    const pool = poolOf({ nonce: 1 })
    expect(pool.hasExecutable(), 'a nonce gap is no work').toBe(false)
    pool.add(transaction({ nonce: 0 }), 0n)
    expect(pool.hasExecutable(), 'work appears').toBe(true)
    pool.markIncluded(idsOf({ nonce: 0 }, { nonce: 1 }))
    expect(pool.hasExecutable(), 'all of it is in a block').toBe(false)
    pool.markIncluded(idsOf({ nonce: 0 }, { nonce: 1 }))
    pool.unmarkIncluded(idsOf({ nonce: 0 }, { nonce: 1 }))
    expect(pool.hasExecutable(), 'the block is orphaned, and was marked twice').toBe(true)
    pool.markIncluded(idsOf({ nonce: 0 }))
    expect(pool.info().executable, 'the rest of the lane follows it').toBe(1)
    pool.onCommit({ ids: idsOf({ nonce: 0 }, { nonce: 1 }), lanes: new Map([['a', 2n]]) }, 1)
    expect(pool.hasExecutable(), 'work vanishes').toBe(false)
    expect(pool.info()).toMatchObject({ count: 0, bytes: 0, ready: 0, executable: 0, lanes: 0 })
  })

  it('knows a transaction that comes after the block which has it', () => {
    const pool = poolOf()
    pool.markIncluded(idsOf({ nonce: 0 }))
    pool.add(transaction({ nonce: 0 }), 0n)
    expect([pool.hasExecutable(), pool.lookup(transaction({ nonce: 0 }).id)?.included]).toEqual([false, true])
  })

  it('bounds the marks it remembers', () => {
    const pool = createMempool({ ...ROOMY, countMax: 2 })
    const marks = Array.from({ length: 9 }, (_, nonce) => transaction({ nonce }).id)
    pool.markIncluded(marks)
    for (const nonce of [7, 8]) pool.add(transaction({ nonce }), 7n)
    expect(pool.info().executable, 'the ninth mark is above four times the count bound').toBe(1)
    pool.unmarkIncluded(marks)
    expect(pool.info().executable).toBe(2)
  })

  it('refuses to go on with a selection after it changed', () => {
    const pool = poolOf({ lane: 'a' }, { lane: 'b' })
    const selection = pool.candidates(nobody, fromGenesis)[Symbol.iterator]()
    selection.next()
    pool.add(transaction({ lane: 'c' }), 0n)
    expect(() => selection.next()).toThrow('does not change')
  })
})
