// Ed25519: transaction, proposal and node-key signatures. The only user of sodium-native.
// Owns the one verification rule of the network (see verifyEd25519): it is consensus-critical, so the encodings are
// checked here and not left to the library. Never reads randomness: keys come from seeds.

import sodium from 'sodium-native'

export const ED25519_SEED_BYTES = 32
export const ED25519_PUBLIC_KEY_BYTES = 32
/** Seed and public key, as libsodium keeps them. */
export const ED25519_SECRET_KEY_BYTES = 64
export const ED25519_SIGNATURE_BYTES = 64

export interface Ed25519KeyPair {
  readonly publicKey: Uint8Array
  readonly secretKey: Uint8Array
}

/** The group order L = 2^252 + 27742317777372353535851937790883648493, little-endian. */
const ORDER = Buffer.from('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010', 'hex')
/** The field prime p = 2^255 - 19, little-endian. */
const PRIME = Buffer.from('edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', 'hex')

/** The y of the eight points whose order divides the cofactor, little-endian, canonical: 0, 1, two of order 8, and -1. */
const SMALL_ORDER_YS = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map((hex) => Buffer.from(hex, 'hex'))

/** Drops the sign of x, which a point's encoding keeps in the top bit of its last byte. */
const Y_MASK = 0x7f

function isBelow(bytes: Uint8Array, from: number, bound: Uint8Array, lastMask: number): boolean {
  for (let i = 31; i >= 0; i--) {
    const byte = (bytes[from + i] ?? 0) & (i === 31 ? lastMask : 0xff)
    const limit = bound[i] ?? 0
    if (byte !== limit) return byte < limit
  }
  return false
}

function hasY(bytes: Uint8Array, y: Uint8Array): boolean {
  for (let i = 0; i < 31; i++) if (bytes[i] !== y[i]) return false
  return ((bytes[31] ?? 0) & Y_MASK) === y[31]
}

/** y < p and not of small order. The encodings with x = -0 have y = 1 or y = -1, so the list refuses them too. */
function isPointAccepted(bytes: Uint8Array): boolean {
  return isBelow(bytes, 0, PRIME, Y_MASK) && !SMALL_ORDER_YS.some((y) => hasY(bytes, y))
}

/**
 * The half of the rule that needs no curve arithmetic: lengths, canonical A and R that are not of small order, S < L.
 * Cheap (about a microsecond), so it can refuse a signature before it is queued.
 */
export function isStrictlyEncoded(publicKey: Uint8Array, signature: Uint8Array): boolean {
  return (
    publicKey.length === ED25519_PUBLIC_KEY_BYTES &&
    signature.length === ED25519_SIGNATURE_BYTES &&
    isBelow(signature, 32, ORDER, 0xff) &&
    isPointAccepted(publicKey) &&
    isPointAccepted(signature)
  )
}

/** @throws RangeError unless the seed has 32 bytes. */
export function keyPairFromSeed(seed: Uint8Array): Ed25519KeyPair {
  if (seed.length !== ED25519_SEED_BYTES) throw new RangeError(`an ed25519 seed has 32 bytes, not ${seed.length}`)
  const publicKey = new Uint8Array(ED25519_PUBLIC_KEY_BYTES)
  const secretKey = new Uint8Array(ED25519_SECRET_KEY_BYTES)
  sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed)
  return { publicKey, secretKey }
}

/**
 * Deterministic (RFC 8032, section 5.1.6): 64 bytes.
 * @throws RangeError unless the secret key has 64 bytes.
 */
export function signEd25519(secretKey: Uint8Array, message: Uint8Array): Uint8Array {
  if (secretKey.length !== ED25519_SECRET_KEY_BYTES) {
    throw new RangeError(`an ed25519 secret key has 64 bytes, not ${secretKey.length}`)
  }
  const signature = new Uint8Array(ED25519_SIGNATURE_BYTES)
  sodium.crypto_sign_detached(signature, message, secretKey)
  return signature
}

/**
 * The network's one rule (DESIGN.md, section 4): true iff
 *  1. the public key A has 32 bytes and the signature R | S has 64;
 *  2. A and R encode y < p, are points of the curve, and are not of small order;
 *  3. S < L;
 *  4. the equation without the cofactor holds: [S]B - [k]A encodes to exactly the bytes of R, with
 *     k = SHA-512(R | A | message) over the bytes as given.
 * A key with a torsion component is accepted if 1-4 hold. A library whose equation has the cofactor, as ZIP 215's has,
 * breaks rule 4: vectors 4 and 5 of "Taming the many EdDSAs" (ia.cr/2020/1244) tell the two apart.
 * Never throws.
 */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return isStrictlyEncoded(publicKey, signature) && sodium.crypto_sign_verify_detached(signature, message, publicKey)
}
