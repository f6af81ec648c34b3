import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS, backoffMs } from '../../../node/network/backoff.ts'

describe('backoff', () => {
  it('doubles from 0.1 s to 5 s without jitter', () => {
    const waits = [0, 1, 2, 3, 4, 5, 6, 60].map((failures) => backoffMs(failures, 0.999_999_9))
    expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000])
  })

  it('stays within its bounds for ever, and its jitter spreads over half the wait', () => {
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (failures, random) => {
        const wait = backoffMs(failures, random)
        expect(wait).toBeGreaterThanOrEqual(BACKOFF_FIRST_MS)
        expect(wait).toBeLessThanOrEqual(BACKOFF_MAX_MS)
      }),
    )
    expect(backoffMs(10, 0)).toBe(BACKOFF_MAX_MS / 2)
  })
})
