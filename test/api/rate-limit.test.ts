import { describe, expect, it } from 'vitest'
import { createRateStore } from '../../api/rate-limit.ts'

describe('the store of request counts', () => {
  it('counts each client in a window and starts afresh in the next', async () => {
    let nowMs = 1_000
    const store = createRateStore(500, 10, () => nowMs)
    const hits = async (client: string): Promise<number> => (await store.increment(client)).totalHits
    expect([await hits('a'), await hits('a'), await hits('b')]).toEqual([1, 2, 1])
    nowMs = 1_499
    expect(await hits('a')).toBe(3)
    nowMs = 1_500
    expect(await hits('a')).toBe(1)
    expect((await store.increment('a')).resetTime).toEqual(new Date(2_000))
  })

  it('holds no more clients than its bound: those beyond share one count', async () => {
    const store = createRateStore(500, 2, () => 0)
    const hits = async (client: string): Promise<number> => (await store.increment(client)).totalHits
    expect([await hits('a'), await hits('b')]).toEqual([1, 1])
    expect([await hits('c'), await hits('d'), await hits('e')]).toEqual([1, 2, 3])
    expect(await hits('a')).toBe(2)
  })
})
