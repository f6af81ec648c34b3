import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TokenBucket } from '../../../node/network/token-bucket.ts'

describe('token bucket', () => {
  it('lets a burst through, then tells how long the debt takes', () => {
    const bucket = new TokenBucket(10, 20, 0)
    expect(bucket.take(20, 0)).toBe(0)
    expect(bucket.take(5, 0)).toBe(500)
    expect(bucket.take(0, 500)).toBe(0)
    expect(bucket.take(1, 500)).toBe(100)
  })

  it('saves up no more than the burst', () => {
    const bucket = new TokenBucket(10, 20, 0)
    bucket.take(20, 0)
    expect(bucket.take(20, 3_600_000)).toBe(0)
    expect(bucket.take(1, 3_600_000)).toBe(100)
  })

  it('passes no more than burst and refill to a reader that waits out every debt', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 200 }), (amounts) => {
        const bucket = new TokenBucket(100, 40, 0)
        let nowMs = 0
        let passed = 0
        for (const amount of amounts) {
          expect(passed).toBeLessThanOrEqual(40 + (nowMs * 100) / 1000 + 1e-6)
          passed += amount
          nowMs += bucket.take(amount, nowMs)
        }
      }),
    )
  })
})
