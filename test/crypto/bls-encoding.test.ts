// The encodings both backends accept, decided without either.

import { describe, expect, test } from 'vitest'
import { areDistinct, checkSeed, isPublicKeyEncoding, isSignatureEncoding } from '../../crypto/bls-encoding.ts'

const PRIME = '1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab'
const PRIME_MINUS_1 = `${PRIME.slice(0, -1)}a`
const ZERO = '00'.repeat(48)

/** The field element with flags set in its first byte. */
function flagged(hex: string, flags: number): string {
  return (Number.parseInt(hex.slice(0, 2), 16) | flags).toString(16).padStart(2, '0') + hex.slice(2)
}

const keys: readonly (readonly [string, boolean, string])[] = [
  ['x = p - 1, the largest', true, flagged(PRIME_MINUS_1, 0x80)],
  ['x = p - 1 with the sign flag', true, flagged(PRIME_MINUS_1, 0xa0)],
  ['x = 0', true, flagged(ZERO, 0x80)],
  ['x = p is x = 0 once more', false, flagged(PRIME, 0x80)],
  ['all bits of x set', false, flagged('ff'.repeat(48), 0x80).replace(/^ff/, '9f')],
  ['not compressed', false, PRIME_MINUS_1],
  ['infinity', false, flagged(ZERO, 0xc0)],
  ['infinity with the sign flag', false, flagged(ZERO, 0xe0)],
  ['infinity, not compressed', false, flagged(ZERO, 0x40)],
  ['47 bytes', false, flagged(ZERO, 0x80).slice(2)],
  ['49 bytes', false, `${flagged(ZERO, 0x80)}00`],
]

describe('isPublicKeyEncoding', () => {
  test.each(keys)('%s: %s', (_why, expected, hex) => {
    expect(isPublicKeyEncoding(Buffer.from(hex, 'hex'))).toBe(expected)
  })
})

describe('isSignatureEncoding', () => {
  test.each(keys)('first half %s: %s', (_why, expected, hex) => {
    expect(isSignatureEncoding(Buffer.from(hex + ZERO, 'hex'))).toBe(expected)
  })

  const seconds: readonly (readonly [string, boolean, string])[] = [
    ['p - 1', true, PRIME_MINUS_1],
    ['p', false, PRIME],
    ['p - 1 with a flag, which belongs to the first half', false, flagged(PRIME_MINUS_1, 0x20)],
  ]
  test.each(seconds)('second half %s: %s', (_why, expected, hex) => {
    expect(isSignatureEncoding(Buffer.from(flagged(ZERO, 0x80) + hex, 'hex'))).toBe(expected)
  })
})

test('messages are compared by content', () => {
  expect(areDistinct([Buffer.from('a'), Buffer.from('b'), Buffer.from('')])).toBe(true)
  expect(areDistinct([Buffer.from('a'), Buffer.from('b'), Buffer.from('a')])).toBe(false)
})

test('a seed has at least 32 bytes', () => {
  expect(() => checkSeed(new Uint8Array(31))).toThrow(RangeError)
  expect(() => checkSeed(new Uint8Array(32))).not.toThrow()
})
