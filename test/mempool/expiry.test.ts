import { describe, expect, it } from 'vitest'
import { Expiry } from '../../mempool/expiry.ts'
import type { Entry } from '../../mempool/lane.ts'
import { transaction } from './transactions.ts'

function entry(validUntil: number): Entry {
  return { transaction: transaction({ validUntil }), arrival: 0, floor: 0n, included: false }
}

function expired(entries: readonly Entry[]): number[] {
  return entries.map((each) => each.transaction.validUntil).sort((a, b) => a - b)
}

describe('expiry', () => {
  it('gives out each entry at the height that is its last, one height or many at a time', () => {
    const steps: readonly (readonly [string, number, readonly number[]])[] = [
      ['not yet', 4, []],
      ['its last height is committed', 5, [5]],
      ['a few heights at once', 8, [6, 8]],
      ['a lower height changes nothing', 7, []],
      ['a jump over more heights than there are entries', 1_000_000, [9, 500_000]],
      ['the last', 2_000_000, [2_000_000]],
    ]
    const index = new Expiry()
    const removed = entry(6)
    for (const validUntil of [5, 6, 8, 9, 500_000, 2_000_000]) index.add(entry(validUntil))
    index.add(removed)
    index.remove(removed)
    for (const [why, height, validUntils] of steps) {
      const gone = index.advance(height)
      expect(expired(gone), why).toEqual(validUntils)
      for (const each of gone) index.remove(each)
    }
  })
})
