// The power goes at every place of a run of the cores, a share of the places here: npm run crash-points takes all of them, of any seeds.

import { describe, expect, test } from 'vitest'
import { type CrashPoint, crashAt, crashPointsOf, FATES, placesOf } from './core-crash-points.ts'

/** Places taken of each seed; a different share of every seed, so that together they are spread evenly. */
const SHARE = 24

function crash(point: CrashPoint): number {
  try {
    return crashAt(point).crashes
  } catch (error) {
    throw new Error(`crash point ${JSON.stringify(point)}`, { cause: error })
  }
}

describe('TESTING 7: power lost before and after every write and every message', () => {
  test('a run has all kinds of places, and a write four fates', () => {
    const places = placesOf(1, 0)
    expect(new Set(places)).toEqual(new Set(['write', 'synced', 'commit', 'committed', 'send', 'sent']))
    const writes = places.filter((place) => place === 'write').length
    expect(writes).toBeGreaterThan(50)
    const ofVictim = crashPointsOf(1).filter(({ victim }) => victim === 0)
    expect(ofVictim).toHaveLength(places.length + writes * (Object.keys(FATES).length - 1))
  })

  test.each([
    [1, 'messages lost'],
    [2, 'a calm network'],
    [3, 'messages lost'],
  ])('seed %i, %s: no second vote (S3), and everybody goes on (L3)', (seed) => {
    const points = crashPointsOf(seed)
    let crashes = 0
    let count = 0
    for (let at = seed; at < points.length; at += SHARE) {
      const point = points[at]
      if (point === undefined) break
      crashes += crash(point)
      count += 1
    }
    expect(count).toBeGreaterThan(100)
    // Some crash again in their recovery.
    expect(crashes).toBeGreaterThan(count)
  })
})
