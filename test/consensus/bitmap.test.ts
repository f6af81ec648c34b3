import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bitmapBytes, bitmapIndices, bitmapOf, isCanonicalBitmap } from '../../consensus/bitmap.ts'
import { InvariantError } from '../../crypto/assert.ts'
import { index } from './committee.ts'

describe('signer bitmaps (FORMATS.md, 3; PITFALLS.md, row 24)', () => {
  test('bit i is byte i>>3, mask 1<<(i&7)', () => {
    expect(bitmapOf([index(0), index(9)], 10)).toEqual(Uint8Array.of(0b1, 0b10))
  })

  test('a set of signers has one bitmap, and a bitmap one set', () => {
    const sets = fc
      .integer({ min: 1, max: 300 })
      .chain((size) => fc.tuple(fc.constant(size), fc.uniqueArray(fc.integer({ min: 0, max: size - 1 }))))
    fc.assert(
      fc.property(sets, ([size, indices]) => {
        const bitmap = bitmapOf(indices.map(index), size)
        expect(bitmapIndices(bitmap, size)).toEqual(indices.toSorted((a, b) => a - b))
      }),
    )
  })

  test.each([
    { why: 'a byte short', bitmap: [0xff], size: 9 },
    { why: 'a byte long, although zero', bitmap: [0xff, 0], size: 8 },
    { why: 'the first padding bit', bitmap: [0b1_0000], size: 4 },
    { why: 'the last padding bit', bitmap: [0, 0x80], size: 15 },
    { why: 'empty for somebody', bitmap: [], size: 1 },
  ])('refused: $why', ({ bitmap, size }) => {
    expect(isCanonicalBitmap(Uint8Array.from(bitmap), size)).toBe(false)
    expect(bitmapIndices(Uint8Array.from(bitmap), size)).toBeUndefined()
  })

  test.each([
    { size: 1, bytes: 1 },
    { size: 8, bytes: 1 },
    { size: 9, bytes: 2 },
    { size: 65_535, bytes: 8_192 },
  ])('$size validators take $bytes bytes, all of whose bits may be set', ({ size, bytes }) => {
    expect(bitmapBytes(size)).toBe(bytes)
    const all = Array.from({ length: size }, (_, at) => index(at))
    expect(bitmapIndices(bitmapOf(all, size), size)).toHaveLength(size)
  })

  test('an index outside the set is a bug of ours, not of a peer', () => {
    expect(() => bitmapOf([index(4)], 4)).toThrow(InvariantError)
  })
})
