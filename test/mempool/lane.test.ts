import { describe, expect, it } from 'vitest'
import { type Entry, Lane } from '../../mempool/lane.ts'
import { transaction } from './transactions.ts'

let arrivals = 0
function entry(nonce: number, fee = 10, included = false): Entry {
  return { transaction: transaction({ nonce, fee }), arrival: arrivals++, floor: BigInt(fee), included }
}

function laneOf(next: number, ...entries: readonly Entry[]): Lane {
  const lane = new Lane('a', BigInt(next))
  for (const each of entries) lane.put(each)
  return lane
}

function floors(lane: Lane): bigint[] {
  return Array.from({ length: lane.size }, (_, at) => lane.at(at)?.floor ?? -1n)
}

describe('lane', () => {
  it('counts as ready only what follows committed state without a gap', () => {
    const rows: readonly (readonly [string, number, readonly number[], number])[] = [
      ['nothing', 0, [], 0],
      ['in order', 0, [0, 1, 2], 3],
      ['in reverse order', 0, [2, 1, 0], 3],
      ['a gap at the start holds all', 0, [1, 2], 0],
      ['a gap inside holds the rest', 4, [4, 5, 7], 2],
      ['filling the gap frees the rest', 4, [4, 5, 7, 8, 6], 5],
    ]
    for (const [why, next, nonces, ready] of rows) {
      expect(laneOf(next, ...nonces.map((nonce) => entry(nonce))).readyCount, why).toBe(ready)
    }
  })

  it('finds entries in and beyond the ready part', () => {
    const lane = laneOf(2, ...[2, 3, 6, 7, 9].map((nonce) => entry(nonce)))
    for (const nonce of [2, 3, 6, 7, 9]) expect(lane.find(BigInt(nonce))?.transaction.sequence).toBe(BigInt(nonce))
    for (const nonce of [0, 1, 4, 5, 8, 10]) expect(lane.find(BigInt(nonce))).toBeUndefined()
  })

  it('has as floor the lowest fee up to there, whatever changes before it', () => {
    const cheap = entry(1, 3)
    const lane = laneOf(0, entry(0, 9), cheap, entry(2, 5), entry(3, 1))
    expect(floors(lane)).toEqual([9n, 3n, 3n, 1n])
    lane.put(entry(1, 7))
    expect(floors(lane)).toEqual([9n, 7n, 5n, 1n])
    lane.advance(2n)
    expect(floors(lane)).toEqual([5n, 1n])
    lane.put(entry(4, 4))
    expect(floors(lane)).toEqual([5n, 1n, 1n])
  })

  it('holds back what follows a removed entry', () => {
    const middle = entry(1)
    const lane = laneOf(0, entry(0), middle, entry(2))
    lane.remove(middle)
    expect([lane.readyCount, lane.size]).toEqual([1, 2])
    expect(() => lane.remove(middle)).toThrow('in its lane')
  })

  it('opens at the first ready entry that is in no block', () => {
    const [first, second, third] = [entry(0), entry(1), entry(2)]
    const lane = laneOf(0, first, second, third)
    lane.setIncluded(first, true)
    lane.setIncluded(second, true)
    expect([lane.openAt, lane.isOpen, lane.head]).toEqual([2, true, third])
    lane.setIncluded(second, false)
    expect([lane.openAt, lane.head]).toEqual([1, second])
    lane.setIncluded(second, true)
    lane.setIncluded(third, true)
    expect([lane.openAt, lane.isOpen, lane.head]).toEqual([3, false, first])
    lane.remove(third)
    expect([lane.openAt, lane.isOpen]).toEqual([2, false])
    lane.advance(1n)
    expect([lane.openAt, lane.readyCount, lane.head]).toEqual([1, 1, second])
  })

  it('advances over gaps: those below the new sequence leave, those at it become ready', () => {
    const lane = laneOf(0, ...[0, 3, 4].map((nonce) => entry(nonce)))
    expect(lane.advance(3n).map((gone) => gone.transaction.sequence)).toEqual([0n])
    expect(lane.readyCount).toBe(2)
    expect(() => lane.advance(3n)).toThrow('only rises')
  })
})
