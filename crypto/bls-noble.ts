// BLS over @noble/bls12-381, portable JavaScript: slow (40 to 70 ms a call), for machines without the native library.
// The only user of that package. Its arithmetic is not constant-time: prefer blst where a stranger can time signing.
// Owns KeyGen and the pairing equations, byte for byte those of bls-blst.ts. Never throws on bytes from a stranger.

import { hkdfSync } from 'node:crypto'
import * as noble from '@noble/bls12-381'
import { BLS_DST, type Bls } from './bls.ts'
import {
  areDistinct,
  BLS_SECRET_KEY_BYTES,
  badSecretKey,
  checkSeed,
  isPublicKeyEncoding,
  isSignatureEncoding,
} from './bls-encoding.ts'
import { BlsKeyCache } from './bls-key-cache.ts'
import { toHex } from './bytes.ts'
import { sha256 } from './hash.ts'

interface PairingInput {
  readonly g1: noble.PointG1
  readonly g2: noble.PointG2
}

/** Bytes of key material for a scalar with negligible bias: ceil(1.5 * ceil(log2(r)) / 8). */
const KEYGEN_BYTES = 48
const MINUS_G1 = noble.PointG1.BASE.negate()

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes)}`)
}

/** KeyGen of draft-irtf-cfrg-bls-signature-05, section 2.3, with the salt that EIP-2333 and blst use. */
function generateSecretKey(seed: Uint8Array): Uint8Array {
  const material = Buffer.concat([seed, Buffer.of(0)])
  const info = Buffer.of(0, KEYGEN_BYTES)
  let salt: Uint8Array = Buffer.from('BLS-SIG-KEYGEN-SALT-', 'ascii')
  for (;;) {
    salt = sha256(salt)
    const okm = new Uint8Array(hkdfSync('sha256', material, salt, info, KEYGEN_BYTES))
    const scalar = toNumber(okm) % noble.CURVE.r
    // Zero has probability 2^-255; the draft has the loop, so it is here.
    if (scalar !== 0n) return Buffer.from(scalar.toString(16).padStart(2 * BLS_SECRET_KEY_BYTES, '0'), 'hex')
  }
}

/** The library reduces modulo r; one number must have one encoding. */
function parseSecretKey(bytes: Uint8Array): bigint {
  const scalar = bytes.length === BLS_SECRET_KEY_BYTES ? toNumber(bytes) : 0n
  if (scalar === 0n || scalar >= noble.CURVE.r) throw badSecretKey()
  return scalar
}

function parsePublicKey(bytes: Uint8Array): noble.PointG1 | undefined {
  if (!isPublicKeyEncoding(bytes)) return undefined
  try {
    return noble.PointG1.fromHex(bytes)
  } catch {
    return undefined
  }
}

function parseSignature(bytes: Uint8Array): noble.PointG2 | undefined {
  if (!isSignatureEncoding(bytes)) return undefined
  try {
    return noble.PointG2.fromSignature(bytes)
  } catch {
    return undefined
  }
}

/** The tag goes with each call: the library's default is another one, and its setter is global. */
function hashToG2(message: Uint8Array): Promise<noble.PointG2> {
  return noble.PointG2.hashToCurve(message, { DST: BLS_DST })
}

function sumKeys(keys: readonly noble.PointG1[]): noble.PointG1 {
  return keys.reduce((sum, key) => sum.add(key), noble.PointG1.ZERO)
}

/** Whether e(-G, signature) * e(g1, g2) * ... is one: one final exponentiation, whatever the number of pairs. */
function isProductOne(signature: noble.PointG2, pairs: readonly PairingInput[]): boolean {
  let product = MINUS_G1.millerLoop(signature)
  for (const { g1, g2 } of pairs) {
    // Keys that cancel out would pair to one with anything.
    if (g1.isZero() || g2.isZero()) return false
    product = product.multiply(g1.millerLoop(g2))
  }
  return product.finalExponentiate().equals(noble.Fp12.ONE)
}

export function createNobleBls(): Bls {
  const cache = new BlsKeyCache(parsePublicKey)

  async function verifyGroups(
    groups: readonly { readonly publicKeys: readonly Uint8Array[]; readonly message: Uint8Array }[],
    signature: Uint8Array,
  ): Promise<boolean> {
    const point = parseSignature(signature)
    if (point === undefined || groups.length === 0 || !areDistinct(groups.map((group) => group.message))) return false
    const pairs: PairingInput[] = []
    for (const { publicKeys, message } of groups) {
      const keys = cache.getAll(publicKeys)
      if (keys === undefined) return false
      pairs.push({ g1: sumKeys(keys), g2: await hashToG2(message) })
    }
    return isProductOne(point, pairs)
  }

  return {
    name: 'noble',

    async secretKey(seed) {
      checkSeed(seed)
      return generateSecretKey(seed)
    },

    async publicKey(secretKey) {
      return noble.PointG1.fromPrivateKey(parseSecretKey(secretKey)).toRawBytes(true)
    },

    async sign(secretKey, message) {
      const scalar = parseSecretKey(secretKey)
      return (await hashToG2(message)).multiply(scalar).toSignature()
    },

    verify: (publicKey, message, signature) => verifyGroups([{ publicKeys: [publicKey], message }], signature),

    async aggregate(signatures) {
      let sum = noble.PointG2.ZERO
      for (const signature of signatures) {
        const point = parseSignature(signature)
        if (point === undefined) return undefined
        sum = sum.add(point)
      }
      // Nothing to add, or signatures that cancel out: infinity, which nobody would accept.
      return sum.isZero() ? undefined : sum.toSignature()
    },

    verifyAggregate: (publicKeys, message, signature) => verifyGroups([{ publicKeys, message }], signature),
    verifyAggregateGroups: verifyGroups,
  }
}
