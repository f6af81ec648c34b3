// The signer bitmap of certificates: bit i = byte i>>3, mask 1<<(i&7); exactly ceil(n/8) bytes, padding zero (FORMATS.md, 3).
// One set of signers has one bitmap, or a certificate could be re-encoded and change a block's hash (PITFALLS.md, row 24).

import { assert } from '../crypto/assert.ts'
import type { ValidatorIndex } from './types.ts'

export function bitmapBytes(size: number): number {
  return (size + 7) >> 3
}

/** Whether `bitmap` is the one encoding of a set of signers out of `size` validators. */
export function isCanonicalBitmap(bitmap: Uint8Array, size: number): boolean {
  if (bitmap.length !== bitmapBytes(size)) return false
  const used = size & 7
  return used === 0 || (bitmap[bitmap.length - 1] ?? 0) >> used === 0
}

/** Any order, duplicates allowed; every index below `size`. */
export function bitmapOf(indices: Iterable<ValidatorIndex>, size: number): Uint8Array {
  const bitmap = new Uint8Array(bitmapBytes(size))
  for (const index of indices) {
    assert(index >= 0 && index < size, 'a signer index is outside the validator set')
    bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7))
  }
  return bitmap
}

/** The signers in ascending order; undefined when the bitmap is not canonical for `size` validators. */
export function bitmapIndices(bitmap: Uint8Array, size: number): ValidatorIndex[] | undefined {
  if (!isCanonicalBitmap(bitmap, size)) return undefined
  const indices: ValidatorIndex[] = []
  for (let index = 0; index < size; index++) {
    if (((bitmap[index >> 3] ?? 0) & (1 << (index & 7))) !== 0) indices.push(index as ValidatorIndex)
  }
  return indices
}
