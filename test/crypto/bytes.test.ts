// Hex, comparison and the hash brand.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  compareBytes,
  concatBytes,
  equalBytes,
  fromHex,
  hashFromBytes,
  hashToBytes,
  isHash,
  toHex,
  ZERO_HASH,
} from '../../crypto/bytes.ts'

const anyBytes = fc.uint8Array({ maxLength: 80 })

describe('hex', () => {
  test('fromHex undoes toHex', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(fromHex(toHex(bytes))).toEqual(bytes)
      }),
    )
  })

  test('of a view is of its own bytes, not of the buffer behind it', () => {
    expect(toHex(Uint8Array.of(1, 2, 3, 4).subarray(1, 3))).toBe('0203')
  })

  const refused: readonly (readonly [string, string])[] = [
    ['a prefix', '0x00'],
    ['upper case: one spelling', 'AB'],
    ['an odd number of digits', 'abc'],
    ['a letter that is no digit', 'ag'],
    ['white space', 'ab '],
    ['a line break at the end', 'ab\n'],
  ]
  test.each(refused)('%s is refused', (_why, text) => {
    expect(fromHex(text)).toBeUndefined()
  })

  test('no digits are no bytes', () => {
    expect(fromHex('')).toEqual(new Uint8Array(0))
  })
})

describe('hashes', () => {
  test('are 64 lower-case digits in memory and 32 bytes outside', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const hash = hashFromBytes(bytes)
        expect(isHash(hash)).toBe(true)
        expect(equalBytes(hashToBytes(hash), bytes)).toBe(true)
      }),
    )
  })

  test('have 32 bytes and no other number', () => {
    for (const length of [0, 31, 33]) expect(() => hashFromBytes(new Uint8Array(length))).toThrow(RangeError)
  })

  test('isHash refuses other lengths and spellings', () => {
    for (const text of ['', ZERO_HASH.slice(1), `${ZERO_HASH}0`, 'A'.repeat(64), `0x${ZERO_HASH.slice(2)}`]) {
      expect(isHash(text)).toBe(false)
    }
  })
})

describe('comparison', () => {
  test('is the order of the hex strings', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        const [left, right] = [toHex(a), toHex(b)]
        expect(Math.sign(compareBytes(a, b))).toBe(left < right ? -1 : left > right ? 1 : 0)
        expect(equalBytes(a, b)).toBe(left === right)
        expect(equalBytes(a, Uint8Array.from(a))).toBe(true)
      }),
    )
  })

  test('bytes are unsigned, and a prefix comes first', () => {
    expect(compareBytes(Uint8Array.of(0x7f), Uint8Array.of(0x80))).toBeLessThan(0)
    expect(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0))).toBeLessThan(0)
    expect(equalBytes(Uint8Array.of(1), Uint8Array.of(1, 0))).toBe(false)
  })
})

test('concatBytes keeps order and copies', () => {
  const part = Uint8Array.of(2)
  const whole = concatBytes(Uint8Array.of(1), part, new Uint8Array(0), Uint8Array.of(3))
  part[0] = 9
  expect([...whole]).toEqual([1, 2, 3])
})
