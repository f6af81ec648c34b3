// The bounded cache of parsed public keys.

import { describe, expect, test } from 'vitest'
import { BLS_KEY_CACHE_MAX, BlsKeyCache } from '../../crypto/bls-key-cache.ts'

function numbered(i: number): Uint8Array {
  const bytes = Buffer.alloc(48)
  bytes.writeUInt32BE(i)
  return bytes
}

function countingCache(): { cache: BlsKeyCache<string>; parsed: () => number } {
  let calls = 0
  const cache = new BlsKeyCache((bytes) => {
    calls += 1
    return bytes[47] === 0xff ? undefined : Buffer.from(bytes).toString('hex')
  })
  return { cache, parsed: () => calls }
}

const invalid = Buffer.alloc(48, 0xff)

describe('BlsKeyCache', () => {
  test('parses a key once', () => {
    const { cache, parsed } = countingCache()
    expect(cache.get(numbered(1))).toBe(cache.get(Uint8Array.from(numbered(1))))
    expect(parsed()).toBe(1)
  })

  test('never keeps what is not a key: garbage cannot push keys out', () => {
    const { cache, parsed } = countingCache()
    expect(cache.get(invalid)).toBeUndefined()
    expect(cache.get(invalid)).toBeUndefined()
    expect(parsed()).toBe(2)
    expect(cache.size).toBe(0)
  })

  test('holds BLS_KEY_CACHE_MAX keys and then drops the oldest', () => {
    const { cache, parsed } = countingCache()
    for (let i = 0; i <= BLS_KEY_CACHE_MAX; i++) cache.get(numbered(i))
    expect(cache.size).toBe(BLS_KEY_CACHE_MAX)
    expect(parsed()).toBe(BLS_KEY_CACHE_MAX + 1)
    cache.get(numbered(BLS_KEY_CACHE_MAX))
    expect(parsed()).toBe(BLS_KEY_CACHE_MAX + 1)
    expect(cache.get(numbered(0))).toBeDefined()
    expect(parsed()).toBe(BLS_KEY_CACHE_MAX + 2)
    expect(cache.size).toBe(BLS_KEY_CACHE_MAX)
  })

  test('getAll is all or nothing, and nothing for an empty list', () => {
    const { cache } = countingCache()
    expect(cache.getAll([numbered(1), numbered(2), numbered(1)])).toHaveLength(3)
    expect(cache.getAll([numbered(1), invalid])).toBeUndefined()
    expect(cache.getAll([])).toBeUndefined()
  })
})
