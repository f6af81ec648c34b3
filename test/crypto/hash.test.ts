// Domain separation, and plain SHA-256 against its published vectors.

import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../crypto/bytes.ts'
import { digest, hashOf, sha256 } from '../../crypto/hash.ts'

const part = Buffer.from('abc')

describe('sha256', () => {
  test('FIPS 180-2, appendix B', () => {
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    expect(toHex(sha256(part))).toBe(abc)
    expect(toHex(sha256(Buffer.from('a'), Buffer.from('bc')))).toBe(abc)
    expect(toHex(sha256())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  })
})

describe('digest', () => {
  test('is SHA-256 over the tag and then the parts (FORMATS: H)', () => {
    const expected = createHash('sha256').update('scoville/vote/1abcabc').digest('hex')
    expect(toHex(digest('scoville/vote/1', part, part))).toBe(expected)
    expect(hashOf('scoville/vote/1', part, part)).toBe(expected)
  })

  test('differs between tags: a vote is no timeout (PITFALLS 25)', () => {
    expect(hashOf('scoville/vote/1', part)).not.toBe(hashOf('scoville/timeout/1', part))
  })

  test('is the same the second time, when the tag comes from the cache', () => {
    expect(hashOf('scoville/pop/1', part)).toBe(hashOf('scoville/pop/1', part))
    expect(hashOf('scoville/pop/1', part)).not.toBe(hashOf('scoville/pop/1'))
  })
})
