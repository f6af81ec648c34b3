// Proofs that a key has a value, or has none, in the state under a root: what a client checks that trusts only headers.
// Owns making, encoding and checking them. The verifier trusts nothing but the root it is given.
// Source: DESIGN.md section 4, guarantee 5.

import { assert } from '../crypto/assert.ts'
import { type Hash, isHash, ZERO_HASH } from '../crypto/bytes.ts'
import { type Decoded, decode, Writer } from '../crypto/codec.ts'
import { hashOf } from '../crypto/hash.ts'
import type { StateReader } from './application.ts'
import { hashOfNode, isPageRoot, pagePath } from './state-page.ts'
import { bitAt, DEPTH_MAX, leafHash, loadPage, nodeHash, rootNode } from './state-tree.ts'

const PROOF_FORMAT = 1

export interface StateProof {
  /** Hashes beside the path, from the root down; at most DEPTH_MAX. */
  readonly siblings: readonly Hash[]
  /** Absence only: the leaf that stands where the key would be. Without it the place is empty. */
  readonly other?: { readonly key: Hash; readonly valueHash: Hash }
}

/** H("scoville/state-value/1" ‖ value): what a leaf commits to. */
export function valueHashOf(value: Uint8Array): Hash {
  return hashOf('scoville/state-value/1', value)
}

/** The proof of what `state.get(key)` answers. @throws InvariantError when state and tree do not match. */
export function proveState(state: StateReader, key: Hash): StateProof {
  assert(isHash(key), 'a state key is 64 hex digits')
  const siblings: Hash[] = []
  let node = rootNode(state)
  for (let depth = 0; node.tag === 'inner'; depth++) {
    if (node.left === undefined) {
      assert(isPageRoot(depth), 'a page ends at a boundary')
      node = loadPage(state, pagePath(key, depth), node.hash)
      assert(node.tag === 'inner' && node.left !== undefined, 'a page below an inner node begins with it')
    }
    const goesRight = bitAt(key, depth) === 1
    siblings.push(hashOfNode(goesRight ? node.left : node.right))
    node = goesRight ? node.right : node.left
  }
  if (node.tag === 'empty' || node.key === key) return { siblings }
  const value = state.get(node.key)
  assert(value !== undefined, `the tree has a leaf for ${node.key} and the state no value`)
  return { siblings, other: { key: node.key, valueHash: valueHashOf(value) } }
}

/** Whether under `root` the key has exactly this value, or none when `value` is undefined. Takes a stranger's proof. */
export function verifyStateProof(root: Hash, key: Hash, value: Uint8Array | undefined, proof: StateProof): boolean {
  const { siblings, other } = proof
  if (siblings.length > DEPTH_MAX || !isHash(key) || !siblings.every(isHash)) return false
  let hash: Hash = ZERO_HASH
  if (value !== undefined) {
    if (other !== undefined) return false
    hash = leafHash(key, valueHashOf(value))
  } else if (other !== undefined) {
    if (other.key === key || !sharesPath(other.key, key, siblings.length)) return false
    hash = leafHash(other.key, other.valueHash)
  }
  for (let depth = siblings.length - 1; depth >= 0; depth--) {
    const sibling = siblings[depth]
    if (sibling === undefined) return false
    hash = bitAt(key, depth) === 0 ? nodeHash(hash, sibling) : nodeHash(sibling, hash)
  }
  return hash === root
}

export function encodeStateProof(proof: StateProof): Uint8Array {
  return new Writer(1 + 4 + 32 * proof.siblings.length + 1 + 64)
    .u8(PROOF_FORMAT)
    .list(proof.siblings, (writer, sibling) => writer.hash(sibling))
    .optional(proof.other, (writer, other) => writer.hash(other.key).hash(other.valueHash))
    .finish()
}

export function decodeStateProof(bytes: Uint8Array): Decoded<StateProof> {
  const decoded = decode(bytes, (reader) => ({
    format: reader.u8(),
    siblings: reader.list(DEPTH_MAX, (list) => list.hash()),
    other: reader.optional((found) => ({ key: found.hash(), valueHash: found.hash() })),
  }))
  if (!decoded.ok) return decoded
  const { format, siblings, other } = decoded.value
  if (format !== PROOF_FORMAT) return { ok: false, detail: `state proof format ${format} is not known` }
  return { ok: true, value: other === undefined ? { siblings } : { siblings, other } }
}

function sharesPath(a: string, b: string, bits: number): boolean {
  for (let depth = 0; depth < bits; depth++) if (bitAt(a, depth) !== bitAt(b, depth)) return false
  return true
}
