// The network's ed25519 rule, against published vectors and against every encoding it refuses.
// Never asks the library what is right: each verdict is written down, with its reason.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concatBytes, fromHex, toHex } from '../../crypto/bytes.ts'
import { isStrictlyEncoded, keyPairFromSeed, signEd25519, verifyEd25519 } from '../../crypto/ed25519.ts'
import golden from '../golden/ed25519.json' with { type: 'json' }

function bytes(hex: string): Uint8Array {
  const decoded = fromHex(hex)
  if (decoded === undefined) throw new Error(`not hex: ${hex}`)
  return decoded
}

const pair = keyPairFromSeed(new Uint8Array(32).fill(7))
const message = Buffer.from('pay Bob 5')
const signature = signEd25519(pair.secretKey, message)
const R = signature.subarray(0, 32)
const S = signature.subarray(32)

/** L, little-endian (RFC 8032, section 5.1). */
const ORDER = 'edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010'
const ORDER_MINUS_1 = `ec${ORDER.slice(2)}`

/** S + L: the malleated twin of every signature. */
function addOrder(scalar: Uint8Array): Uint8Array {
  const order = bytes(ORDER)
  const sum = new Uint8Array(32)
  let carry = 0
  for (let i = 0; i < 32; i++) {
    const total = (scalar[i] ?? 0) + (order[i] ?? 0) + carry
    sum[i] = total & 0xff
    carry = total >> 8
  }
  return sum
}

/** Every encoding of the eight points of small order, the non-canonical ones included (C2SP/CCTV, ed25519/README). */
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
]

describe('RFC 8032, section 7.1', () => {
  test.each(golden.rfc8032)('$name: key, signature and verdict', (vector) => {
    const keys = keyPairFromSeed(bytes(vector.seed))
    expect(toHex(keys.publicKey)).toBe(vector.publicKey)
    expect(toHex(signEd25519(keys.secretKey, bytes(vector.message)))).toBe(vector.signature)
    expect(verifyEd25519(keys.publicKey, bytes(vector.message), bytes(vector.signature))).toBe(true)
  })
})

describe('Taming the many EdDSAs, table 6c (PITFALLS 49)', () => {
  test.each(golden.edgeCases)('vector $number, $why: accepted $accepted', (vector) => {
    const verdict = verifyEd25519(bytes(vector.publicKey), bytes(vector.message), bytes(vector.signature))
    expect(verdict).toBe(vector.accepted)
  })

  test('all twelve are here', () => {
    expect(golden.edgeCases.map((vector) => vector.number)).toEqual([...Array(12).keys()])
  })
})

describe('encodings are refused before the library is asked (DESIGN 4: one strict rule)', () => {
  test.each(SMALL_ORDER)('small order %s as A', (point) => {
    expect(isStrictlyEncoded(bytes(point), signature)).toBe(false)
  })

  test.each(SMALL_ORDER)('small order %s as R', (point) => {
    expect(isStrictlyEncoded(pair.publicKey, concatBytes(bytes(point), S))).toBe(false)
  })

  const table: readonly (readonly [string, boolean, Uint8Array, Uint8Array])[] = [
    ['an honest signature', true, pair.publicKey, signature],
    ['S = L - 1 is the largest scalar', true, pair.publicKey, concatBytes(R, bytes(ORDER_MINUS_1))],
    ['S = L is not below L', false, pair.publicKey, concatBytes(R, bytes(ORDER))],
    ['S + L signs the same message', false, pair.publicKey, concatBytes(R, addOrder(S))],
    ['S with all bits set', false, pair.publicKey, concatBytes(R, new Uint8Array(32).fill(0xff))],
    ['y = p + 2 as A is not canonical', false, bytes(`ef${'ff'.repeat(30)}7f`), signature],
    ['y = 2^255 - 1 as A, sign set', false, bytes('ff'.repeat(32)), signature],
    ['y = p + 2 as R is not canonical', false, pair.publicKey, concatBytes(bytes(`ef${'ff'.repeat(30)}7f`), S)],
    ['y = p - 2 as A is canonical', true, bytes(`eb${'ff'.repeat(30)}7f`), signature],
    ['y one byte off a small-order y', true, bytes(`02${'00'.repeat(31)}`), signature],
    ['a key of 31 bytes', false, pair.publicKey.subarray(1), signature],
    ['a key of 33 bytes', false, concatBytes(pair.publicKey, Uint8Array.of(0)), signature],
    ['a signature of 63 bytes', false, pair.publicKey, signature.subarray(0, 63)],
    ['a signature of 65 bytes', false, pair.publicKey, concatBytes(signature, Uint8Array.of(0))],
    ['nothing at all', false, new Uint8Array(0), new Uint8Array(0)],
  ]
  test.each(table)('%s: %s', (_why, expected, key, signed) => {
    expect(isStrictlyEncoded(key, signed)).toBe(expected)
  })
})

describe('sign and verify', () => {
  test('the malleated twin S + L is refused', () => {
    expect(verifyEd25519(pair.publicKey, message, concatBytes(R, addOrder(S)))).toBe(false)
  })

  test('a wrong length is false, not an error', () => {
    for (const length of [0, 31, 33, 64]) expect(verifyEd25519(new Uint8Array(length), message, signature)).toBe(false)
    for (const length of [0, 63, 65]) {
      expect(verifyEd25519(pair.publicKey, message, new Uint8Array(length))).toBe(false)
    }
  })

  test('a seed or secret key of the wrong length is an error: those are ours', () => {
    expect(() => keyPairFromSeed(new Uint8Array(31))).toThrow(RangeError)
    expect(() => signEd25519(new Uint8Array(32), message)).toThrow(RangeError)
  })

  test('any message verifies under its key, and no signature with one bit flipped does', () => {
    const anySeed = fc.uint8Array({ minLength: 32, maxLength: 32 })
    const anyMessage = fc.uint8Array({ maxLength: 300 })
    fc.assert(
      fc.property(anySeed, anyMessage, fc.nat(511), (seed, text, bit) => {
        const keys = keyPairFromSeed(seed)
        const signed = signEd25519(keys.secretKey, text)
        expect(verifyEd25519(keys.publicKey, text, signed)).toBe(true)
        const flipped = Uint8Array.from(signed)
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(verifyEd25519(keys.publicKey, text, flipped)).toBe(false)
        expect(verifyEd25519(keys.publicKey, concatBytes(text, Uint8Array.of(1)), signed)).toBe(false)
      }),
      { numRuns: 200 },
    )
  })
})
