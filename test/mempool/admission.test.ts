import { describe, expect, it } from 'vitest'
import type { SubmitRefusal } from '../../api/ports.ts'
import type { AddResult, Mempool, MempoolLimits } from '../../mempool/mempool.ts'
import { createMempool, MEMPOOL_DEFAULTS } from '../../mempool/mempool.ts'
import type { AdmissionRefusal } from '../../mempool/refusal.ts'
import { names, ROOMY, type Sketch, transaction } from './transactions.ts'

/** Fails to compile when the API cannot show a refusal of the mempool as it is. */
const asShown = (refusal: AdmissionRefusal): SubmitRefusal => refusal

function poolOf(limits: Partial<MempoolLimits>, ...pending: readonly Sketch[]): Mempool {
  const pool = createMempool({ ...ROOMY, ...limits })
  for (const sketch of pending) {
    const added = pool.add(transaction(sketch), 0n)
    if (!added.ok) throw new Error(`the test's own transaction was refused: ${added.refusal.kind}`)
  }
  return pool
}

/** What check and add both said; they are one rule. */
function submit(pool: Mempool, sketch: Sketch, next = 0n): AddResult {
  const checked = pool.check(transaction(sketch), next)
  const added = pool.add(transaction(sketch), next)
  expect(checked.ok).toBe(added.ok)
  if (!checked.ok && !added.ok) expect(checked.refusal).toEqual(added.refusal)
  return added
}

describe('admission', () => {
  it('refuses what is too large, out of the nonce window or past its last height', () => {
    const rows: readonly (readonly [string, Sketch, AdmissionRefusal | undefined])[] = [
      ['the largest', { size: 1_000, nonce: 5 }, undefined],
      ['a byte more', { size: 1_001, nonce: 5 }, { kind: 'transaction-too-large', max: 1_000, got: 1_001 }],
      ['a used nonce', { nonce: 4 }, { kind: 'nonce-too-low', expected: 5n, got: 4n }],
      ['the end of the window', { nonce: 5 + 64 }, undefined],
      ['beyond it', { nonce: 5 + 65 }, { kind: 'nonce-too-high', expected: 5n, got: 70n }],
      ['may still commit at the next height', { nonce: 6, validUntil: 8 }, undefined],
      ['its last height is committed', { nonce: 7, validUntil: 7 }, { kind: 'expired', validUntil: 7, height: 7 }],
    ]
    const pool = createMempool(ROOMY)
    pool.onCommit({ ids: [], lanes: new Map() }, 7)
    for (const [why, sketch, refusal] of rows) {
      const result = submit(pool, sketch, 5n)
      if (refusal === undefined) expect(result.ok, why).toBe(true)
      else expect(result, why).toEqual({ ok: false, refusal: asShown(refusal) })
    }
  })

  it('judges the nonce by the newer of its own view and the caller`s, who waited for a signature meanwhile', () => {
    const pool = poolOf({}, { nonce: 0 }, { nonce: 1 }, { nonce: 2 })
    pool.onCommit({ ids: [transaction({ nonce: 0 }).id], lanes: new Map([['a', 1n]]) }, 1)
    expect(submit(pool, { nonce: 0, salt: 1 }, 0n)).toMatchObject({ refusal: { kind: 'nonce-too-low', expected: 1n } })
    expect(submit(pool, { nonce: 2, fee: 99 }, 3n)).toMatchObject({ refusal: { kind: 'nonce-too-low', expected: 3n } })
    expect(pool.info().count).toBe(2)
  })

  it('takes a duplicate as a success without work (PITFALLS 44: the id is looked up before the nonce)', () => {
    const pool = poolOf({ countMax: 2 }, { nonce: 0 }, { nonce: 2 })
    expect(pool.check(transaction({ nonce: 0 }), 7n)).toEqual({ ok: true, duplicate: true })
    expect(pool.add(transaction({ nonce: 0 }), 7n)).toEqual({ ok: true, duplicate: true, queue: 'ready', removed: [] })
    expect(pool.add(transaction({ nonce: 2 }), 7n)).toMatchObject({ duplicate: true, queue: 'queued' })
    expect(pool.info().count).toBe(2)
  })

  it('replaces at 10 % more, rounded up, and at least one unit', () => {
    const rows: readonly (readonly [number, number, boolean])[] = [
      [0, 0, false],
      [0, 1, true],
      [1, 1, false],
      [1, 2, true],
      [10, 10, false],
      [10, 11, true],
      [11, 12, false],
      [11, 13, true],
      [1_000, 1_099, false],
      [1_000, 1_100, true],
    ]
    for (const [old, fee, isTaken] of rows) {
      const pool = poolOf({}, { fee: old, salt: 1 }, { nonce: 1 })
      const conflicting = transaction({ fee: old, salt: 1 })
      const result = submit(pool, { fee, salt: 2 })
      if (isTaken) {
        expect(result, `${old} by ${fee}`).toMatchObject({ ok: true, queue: 'ready' })
        expect(result.ok && result.removed, `${old} by ${fee}`).toMatchObject([{ state: 'replaced' }])
        expect(pool.lookup(conflicting.id)).toBeUndefined()
        expect(pool.info()).toMatchObject({ count: 2, ready: 2 })
      } else {
        const refusal = { kind: 'nonce-taken', conflictingId: conflicting.id }
        expect(result, `${old} by ${fee}`).toMatchObject({ ok: false, refusal })
        // The fee that it names is enough.
        const needed = result.ok || result.refusal.kind !== 'nonce-taken' ? 0n : result.refusal.feeNeeded
        expect(submit(pool, { fee: Number(needed), salt: 2 }).ok).toBe(true)
        expect(submit(poolOf({}, { fee: old, salt: 1 }), { fee: Number(needed) - 1, salt: 2 }).ok).toBe(false)
      }
    }
  })

  it('never replaces or evicts what is in a block: it is about to commit', () => {
    const pool = poolOf({ countMax: 2 }, { fee: 1 }, { lane: 'b', fee: 5 })
    pool.markIncluded([transaction({ fee: 1 }).id])
    expect(submit(pool, { fee: 99 })).toMatchObject({ refusal: { kind: 'nonce-taken' } })
    const added = submit(pool, { lane: 'c', fee: 99 })
    expect(added.ok && names(added.removed.map((each) => each.transaction))).toBe('b0')
    pool.markIncluded([transaction({ lane: 'c', fee: 99 }).id])
    expect(submit(pool, { lane: 'd', fee: 500 })).toMatchObject({ refusal: { kind: 'mempool-full' } })
  })

  it('bounds a lane, and closes its gap at the cost of its own tail', () => {
    const pool = poolOf({ perLaneMax: 3 }, { nonce: 1 }, { nonce: 2 }, { nonce: 3 })
    expect(submit(pool, { nonce: 4 })).toEqual({ ok: false, refusal: { kind: 'account-limit', max: 3 } })
    const closing = submit(pool, { nonce: 0 })
    expect(closing).toMatchObject({ ok: true, queue: 'ready', removed: [{ state: 'dropped' }] })
    expect(pool.info()).toMatchObject({ count: 3, ready: 3 })
    expect(submit(pool, { nonce: 3 })).toMatchObject({ refusal: { kind: 'account-limit' } })
    expect(submit(pool, { lane: 'b' }).ok).toBe(true)
    const behind = poolOf({ perLaneMax: 1 }, { nonce: 1 })
    behind.markIncluded([transaction({ nonce: 1 }).id])
    const refusal = { kind: 'account-limit' }
    expect(submit(behind, { nonce: 0 }), 'the tail is in a block already').toMatchObject({ refusal })
  })

  it('makes room by evicting what is worth least, from the tail of a lane', () => {
    const rows: readonly (readonly [string, Partial<MempoolLimits>, readonly Sketch[], Sketch, string | bigint])[] = [
      ['the cheapest leaves', { countMax: 2 }, [{ fee: 3 }, { lane: 'b', fee: 2 }], { lane: 'c', fee: 3 }, 'b0'],
      ['of equals the newest', { countMax: 2 }, [{ fee: 2 }, { lane: 'b', fee: 2 }], { lane: 'c', fee: 3 }, 'b0'],
      ['not for the same fee', { countMax: 2 }, [{ fee: 3 }, { lane: 'b', fee: 2 }], { lane: 'c', fee: 2 }, 3n],
      ['not for a lower one', { countMax: 2 }, [{ fee: 3 }, { lane: 'b', fee: 2 }], { lane: 'c', fee: 1 }, 3n],
      [
        'never out of the middle: the tail of the cheapest lane leaves, for it waits for the cheap one',
        { countMax: 3 },
        [
          { nonce: 0, fee: 1 },
          { nonce: 1, fee: 90 },
          { lane: 'b', fee: 5 },
        ],
        { lane: 'c', fee: 2 },
        'a1',
      ],
      [
        'a high fee behind a low one is worth no more than that',
        { countMax: 2 },
        [
          { nonce: 0, fee: 1 },
          { lane: 'b', fee: 5 },
        ],
        { nonce: 1, fee: 90 },
        6n,
      ],
      [
        'a queued one leaves for any ready one: its fee is not at stake',
        { countMax: 2 },
        [{ fee: 2 }, { lane: 'b', nonce: 3, fee: 90 }],
        { lane: 'c', fee: 1 },
        'b3',
      ],
      ['and takes no ready one`s place', { countMax: 1 }, [{ fee: 2 }], { lane: 'b', nonce: 3, fee: 90 }, 3n],
      [
        'as many as the bytes need, and no more',
        { bytesMax: 400 },
        [{ fee: 1 }, { lane: 'b', fee: 2 }, { lane: 'c', fee: 3 }, { lane: 'd', fee: 4 }],
        { lane: 'e', fee: 9, size: 150 },
        'a0 b0',
      ],
      [
        'none at all when the last of them is too dear',
        { bytesMax: 400 },
        [{ fee: 1 }, { lane: 'b', fee: 20 }, { lane: 'c', fee: 30 }, { lane: 'd', fee: 40 }],
        { lane: 'e', fee: 9, size: 150 },
        21n,
      ],
      [
        'a replacement that is longer needs room too, and not its own predecessor`s',
        { bytesMax: 300 },
        [
          { nonce: 0, fee: 1 },
          { nonce: 1, fee: 10 },
          { lane: 'b', fee: 1 },
        ],
        { nonce: 1, fee: 20, size: 150 },
        2n,
      ],
    ]
    for (const [why, limits, pending, sketch, expected] of rows) {
      const pool = poolOf(limits, ...pending)
      const result = submit(pool, sketch)
      if (typeof expected === 'bigint') {
        expect(result, why).toEqual({ ok: false, refusal: { kind: 'mempool-full', feeNeeded: expected } })
        expect(pool.info().count, why).toBe(pending.length)
      } else {
        expect(result.ok && names(result.removed.map((each) => each.transaction)), why).toBe(expected)
        expect(result.ok && result.removed.every((each) => each.state === 'dropped'), why).toBe(true)
      }
    }
  })

  it('reaches its default bounds with small transactions and keeps to them', () => {
    const pool = createMempool({ ...MEMPOOL_DEFAULTS, transactionBytesMax: 1_000 })
    for (let i = 0; i < MEMPOOL_DEFAULTS.countMax; i++) pool.add(transaction({ lane: `${i}`, fee: 5 }), 0n)
    expect(pool.info().count).toBe(MEMPOOL_DEFAULTS.countMax)
    expect(submit(pool, { lane: 'x', fee: 5 })).toMatchObject({ refusal: { kind: 'mempool-full', feeNeeded: 6n } })
    expect(submit(pool, { lane: 'x', fee: 6 })).toMatchObject({ ok: true, removed: [{ state: 'dropped' }] })
    expect(pool.info().count).toBe(MEMPOOL_DEFAULTS.countMax)
  })
})
