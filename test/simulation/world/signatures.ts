// Two schemes for the same interfaces: a fast one that cannot be forged inside the simulation, and the real one.
// The fast one is a keyed hash per secret; aggregates are sums, as points are, and only the notary, which knows every secret,
// can verify. A villain holds secrets of its own and signs through `sign` like anybody else.

import { hash } from 'node:crypto'
import type { Bls } from '../../../crypto/bls.ts'
import { loadBls } from '../../../crypto/bls-backend.ts'
import { equalBytes } from '../../../crypto/bytes.ts'
import { keyPairFromSeed, signEd25519, verifyEd25519 } from '../../../crypto/ed25519.ts'
import type { ValidatorKeys } from '../../../genesis/keys.ts'

export interface Scheme {
  readonly name: 'fast' | 'real'
  readonly bls: Bls
  signProposal(keys: ValidatorKeys, preimage: Uint8Array): Uint8Array
  verifySignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  /** Before a network is made of these keys. */
  register(keys: ValidatorKeys): void
}

const TAG_BYTES = 32
const SIGNATURE_BYTES = 96
/** What is no tag in a signature: a byte changed here is an encoding that does not decode. */
const MARK = new Uint8Array(SIGNATURE_BYTES - TAG_BYTES).fill(0xa5)

function keyedHash(secret: Uint8Array, message: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([secret, message]), 'buffer')
}

function encodeTag(tag: Uint8Array): Uint8Array {
  const signature = new Uint8Array(SIGNATURE_BYTES)
  signature.set(tag)
  signature.set(MARK, TAG_BYTES)
  return signature
}

function tagOf(signature: Uint8Array): Uint8Array | undefined {
  if (signature.length !== SIGNATURE_BYTES) return undefined
  for (let at = TAG_BYTES; at < SIGNATURE_BYTES; at++) if (signature[at] !== 0xa5) return undefined
  return signature.subarray(0, TAG_BYTES)
}

/** Adds in eight lanes of 32 bits: commutative, without collisions by cancelling, and one can subtract, as with points. */
function addTag(sum: Uint32Array, tag: Uint8Array): void {
  const lanes = new DataView(tag.buffer, tag.byteOffset, TAG_BYTES)
  for (let lane = 0; lane < 8; lane++) sum[lane] = ((sum[lane] ?? 0) + lanes.getUint32(4 * lane)) >>> 0
}

function tagFrom(sum: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(TAG_BYTES)
  const lanes = new DataView(bytes.buffer)
  for (let lane = 0; lane < 8; lane++) lanes.setUint32(4 * lane, sum[lane] ?? 0)
  return bytes
}

export function createFastScheme(): Scheme {
  const blsSecrets = new Map<string, Uint8Array>()
  const nodeSecrets = new Map<string, Uint8Array>()
  const known = new WeakMap<Uint8Array, Uint8Array>()
  const textOf = (key: Uint8Array) => Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')

  function secretOf(publicKey: Uint8Array): Uint8Array | undefined {
    const cached = known.get(publicKey)
    if (cached !== undefined) return cached
    const secret = blsSecrets.get(textOf(publicKey))
    if (secret !== undefined) known.set(publicKey, secret)
    return secret
  }

  function publicKeyOf(secret: Uint8Array): Uint8Array {
    const key = new Uint8Array(48)
    key.set(keyedHash(secret, Buffer.from('public key')))
    return key
  }

  function verifySum(
    groups: readonly { readonly publicKeys: readonly Uint8Array[]; readonly message: Uint8Array }[],
    signature: Uint8Array,
  ): boolean {
    const tag = tagOf(signature)
    if (tag === undefined || groups.length === 0) return false
    const sum = new Uint32Array(8)
    for (const { publicKeys, message } of groups) {
      if (publicKeys.length === 0) return false
      for (const key of publicKeys) {
        const secret = secretOf(key)
        if (secret === undefined) return false
        addTag(sum, keyedHash(secret, message))
      }
    }
    return equalBytes(tagFrom(sum), tag)
  }

  const bls: Bls = {
    name: 'noble',
    secretKey: async (seed) => new Uint8Array(keyedHash(seed, Buffer.from('secret key'))),
    async publicKey(secret) {
      const key = publicKeyOf(secret)
      blsSecrets.set(textOf(key), secret)
      return key
    },
    sign: async (secret, message) => encodeTag(keyedHash(secret, message)),
    verify: async (publicKey, message, signature) => verifySum([{ publicKeys: [publicKey], message }], signature),
    async aggregate(signatures) {
      const sum = new Uint32Array(8)
      for (const signature of signatures) {
        const tag = tagOf(signature)
        if (tag === undefined) return undefined
        addTag(sum, tag)
      }
      return signatures.length === 0 ? undefined : encodeTag(tagFrom(sum))
    },
    verifyAggregate: async (publicKeys, message, signature) => verifySum([{ publicKeys, message }], signature),
    verifyAggregateGroups: async (groups, signature) => verifySum(groups, signature),
  }
  const proposalTag = (secret: Uint8Array, message: Uint8Array) => {
    const tag = keyedHash(secret, message)
    return Buffer.concat([tag, tag])
  }
  return {
    name: 'fast',
    bls,
    signProposal: ({ nodeSeed }, preimage) => proposalTag(nodeSeed, preimage),
    verifySignature(publicKey, message, signature) {
      const secret = nodeSecrets.get(textOf(publicKey))
      return secret !== undefined && equalBytes(proposalTag(secret, message), signature)
    },
    register({ nodeKey, nodeSeed }) {
      nodeSecrets.set(textOf(nodeKey), nodeSeed)
    },
  }
}

export async function createRealScheme(): Promise<Scheme> {
  return {
    name: 'real',
    bls: await loadBls('blst'),
    signProposal: ({ nodeSeed }, preimage) => signEd25519(keyPairFromSeed(nodeSeed).secretKey, preimage),
    verifySignature: verifyEd25519,
    register: () => {},
  }
}
