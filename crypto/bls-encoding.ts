// The encodings both BLS backends accept, decided before any curve arithmetic: compressed points of the ZCash/IETF
// format (draft-irtf-cfrg-bls-signature-05, section 2.1; its appendix A), canonical, and never infinity.
// Stated here so that the rule is the network's: the portable library alone reduces x modulo p and ignores flags.

import { toHex } from './bytes.ts'

export const BLS_SECRET_KEY_BYTES = 32
export const BLS_PUBLIC_KEY_BYTES = 48
export const BLS_SIGNATURE_BYTES = 96
/** IETF KeyGen refuses less. */
export const BLS_SEED_BYTES_MIN = 32

const FIELD_BYTES = 48
const COMPRESSED = 0x80
const INFINITY = 0x40
/** What the three flags (compressed, infinity, sign) leave of the first byte. */
const FIRST_BYTE_MASK = 0x1f

/** The prime p of the base field, big-endian. */
const FIELD_PRIME = Buffer.from(
  '1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab',
  'hex',
)

function isBelowPrime(bytes: Uint8Array, from: number, firstByteMask: number): boolean {
  for (let i = 0; i < FIELD_BYTES; i++) {
    const byte = (bytes[from + i] ?? 0) & (i === 0 ? firstByteMask : 0xff)
    const limit = FIELD_PRIME[i] ?? 0
    if (byte !== limit) return byte < limit
  }
  return false
}

function isCompressedFinite(bytes: Uint8Array): boolean {
  return ((bytes[0] ?? 0) & (COMPRESSED | INFINITY)) === COMPRESSED && isBelowPrime(bytes, 0, FIRST_BYTE_MASK)
}

/** 48 bytes: flags and x, below p. Whether x is on the curve and the point in the subgroup is the backend's to say. */
export function isPublicKeyEncoding(bytes: Uint8Array): boolean {
  return bytes.length === BLS_PUBLIC_KEY_BYTES && isCompressedFinite(bytes)
}

/** 96 bytes: flags and both parts of x, each below p. */
export function isSignatureEncoding(bytes: Uint8Array): boolean {
  return bytes.length === BLS_SIGNATURE_BYTES && isCompressedFinite(bytes) && isBelowPrime(bytes, FIELD_BYTES, 0xff)
}

/** Whether no two messages are the same: a group is a message with all of its signers, so the encoding stays unique. */
export function areDistinct(messages: readonly Uint8Array[]): boolean {
  return new Set(messages.map(toHex)).size === messages.length
}

/** @throws RangeError when the seed is shorter than KeyGen allows. */
export function checkSeed(seed: Uint8Array): void {
  if (seed.length < BLS_SEED_BYTES_MIN) throw new RangeError(`a BLS seed has at least 32 bytes, not ${seed.length}`)
}

/** What both backends say of a secret key that is not 32 bytes of a number from 1 to r - 1. */
export function badSecretKey(): RangeError {
  return new RangeError('a BLS secret key is 32 bytes, above zero and below the group order')
}
