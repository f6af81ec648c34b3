// Merkle trees of RFC 6962, section 2.1: leaf prefix 0x00, node prefix 0x01, plain SHA-256, empty root = SHA-256("").
// Owns roots, inclusion proofs and the incremental accumulator (a list of peaks) behind a header's chainRoot.
// Never decides what a leaf is; its own prefixes separate the domains, so no other tag is added.

import { hash } from 'node:crypto'
import { assert } from './assert.ts'
import { HASH_BYTES, type Hash, hashFromBytes, isHash } from './bytes.ts'
import { sha256 } from './hash.ts'

const LEAF_PREFIX = 0
const NODE_PREFIX = 1
/** A node's preimage: its prefix and both children. */
const NODE_BYTES = 1 + 2 * HASH_BYTES

/** Longest path a proof may have: counts are safe integers, so a tree has at most 2^53 leaves. */
export const MERKLE_PATH_MAX = 53

const EMPTY_ROOT = hashFromBytes(sha256(new Uint8Array(0)))

function nodePreimage(left: Hash, right: Hash): Buffer {
  const preimage = Buffer.allocUnsafe(NODE_BYTES)
  preimage[0] = NODE_PREFIX
  preimage.write(left, 1, 'hex')
  preimage.write(right, 1 + HASH_BYTES, 'hex')
  return preimage
}

function nodeHash(left: Hash, right: Hash): Hash {
  return hashFromBytes(hash('sha256', nodePreimage(left, right), 'buffer'))
}

/** SHA-256(0x00 | leaf). */
export function merkleLeafHash(leaf: Uint8Array): Hash {
  return hashFromBytes(sha256(Uint8Array.of(LEAF_PREFIX), leaf))
}

/** Where the i-th hash of a level lies when each pair of siblings is stored as its parent's preimage. */
function slot(i: number): number {
  return (i >> 1) * NODE_BYTES + 1 + (i & 1) * HASH_BYTES
}

/**
 * One level of the tree, each pair of siblings laid out as the preimage of its parent. A level is overwritten by the
 * one above it, so a whole tree needs one buffer: parent i is written at or before pair i, which has just been read.
 */
class Level {
  readonly #nodes: Buffer
  #count: number

  constructor(leaves: readonly Uint8Array[]) {
    this.#count = leaves.length
    this.#nodes = Buffer.allocUnsafe(Math.ceil(leaves.length / 2) * NODE_BYTES)
    for (let at = 0; at < this.#nodes.length; at += NODE_BYTES) this.#nodes[at] = NODE_PREFIX
    let longest = 0
    for (const leaf of leaves) longest = Math.max(longest, leaf.length)
    const preimage = Buffer.allocUnsafe(1 + longest)
    preimage[0] = LEAF_PREFIX
    leaves.forEach((leaf, i) => {
      preimage.set(leaf, 1)
      this.#put(i, preimage.subarray(0, 1 + leaf.length))
    })
  }

  #put(i: number, preimage: Uint8Array): void {
    // Through a hex string: Node makes a short string twice as fast as a Buffer.
    this.#nodes.write(hash('sha256', preimage, 'hex'), slot(i), 'hex')
  }

  get count(): number {
    return this.#count
  }

  at(i: number): Hash {
    return hashFromBytes(this.#nodes.subarray(slot(i), slot(i) + HASH_BYTES))
  }

  /** Replaces the level by its parents. The last node of an odd level moves up as it is (RFC 6962 splits at 2^k). */
  rise(): void {
    const pairs = this.#count >> 1
    for (let i = 0; i < pairs; i++) {
      const preimage = this.#nodes.subarray(i * NODE_BYTES, (i + 1) * NODE_BYTES)
      this.#put(i, preimage)
    }
    if (this.#count % 2 === 1) {
      const last = slot(this.#count - 1)
      this.#nodes.copyWithin(slot(pairs), last, last + HASH_BYTES)
    }
    this.#count = Math.ceil(this.#count / 2)
  }
}

/** The Merkle tree hash of the leaves in order. */
export function merkleRoot(leaves: readonly Uint8Array[]): Hash {
  if (leaves.length === 0) return EMPTY_ROOT
  const level = new Level(leaves)
  while (level.count > 1) level.rise()
  return level.at(0)
}

/**
 * The audit path of leaf `index`: the siblings from the leaf upwards (RFC 6962, section 2.1.1).
 * @throws RangeError unless 0 <= index < leaves.length.
 */
export function merkleProof(leaves: readonly Uint8Array[], index: number): Hash[] {
  if (!Number.isSafeInteger(index) || index < 0 || index >= leaves.length) {
    throw new RangeError(`no leaf ${index} among ${leaves.length}`)
  }
  const level = new Level(leaves)
  const path: Hash[] = []
  for (let at = index; level.count > 1; at >>= 1) {
    const sibling = at ^ 1
    if (sibling < level.count) path.push(level.at(sibling))
    level.rise()
  }
  return path
}

export interface MerkleClaim {
  readonly leaf: Uint8Array
  /** Position of the leaf, from 0. */
  readonly index: number
  /** How many leaves the tree has. */
  readonly count: number
  readonly path: readonly Hash[]
  readonly root: Hash
}

/**
 * Whether the leaf stands at that index in the tree of that many leaves under that root (RFC 9162, section 2.1.3.2).
 * False, never an error, for indices out of range and for paths of any other length than the shape of the tree asks.
 */
export function verifyMerkleProof({ leaf, index, count, path, root }: MerkleClaim): boolean {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(count) || index < 0 || index >= count) return false
  let node = merkleLeafHash(leaf)
  let at = index
  let last = count - 1
  // Ends after MERKLE_PATH_MAX siblings at the latest, since `last` halves. Divisions, as a shift would cut to 32 bits.
  for (const sibling of path) {
    if (last === 0 || !isHash(sibling)) return false
    if (at % 2 === 1 || at === last) {
      node = nodeHash(sibling, node)
      // The last node of an odd level has no sibling there and moves up as it is.
      while (at % 2 === 0 && at !== 0) {
        at = at / 2
        last = Math.floor(last / 2)
      }
    } else {
      node = nodeHash(node, sibling)
    }
    at = Math.floor(at / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && node === root
}

function countOnes(count: number): number {
  let ones = 0
  for (let rest = count; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2
  return ones
}

function assertPeaks(peaks: readonly Hash[], count: number): void {
  assert(Number.isSafeInteger(count) && count >= 0, `not a leaf count: ${count}`)
  assert(peaks.length === countOnes(count), `${peaks.length} peaks cannot hold ${count} leaves`)
}

/**
 * The peaks after one more leaf. Peaks are the roots of the perfect subtrees that the binary digits of `count` stand
 * for, largest first; `count` is the number of leaves before. The first leaf goes on no peaks and count 0.
 */
export function appendPeak(peaks: readonly Hash[], count: number, leaf: Uint8Array): Hash[] {
  assertPeaks(peaks, count)
  const grown = [...peaks]
  let node = merkleLeafHash(leaf)
  for (let rest = count; rest % 2 === 1; rest = Math.floor(rest / 2)) {
    const left = grown.pop()
    assert(left !== undefined, 'a peak for every binary digit')
    node = nodeHash(left, node)
  }
  grown.push(node)
  return grown
}

/** The root of the tree whose peaks these are: equal to `merkleRoot` of the same `count` leaves. */
export function peaksRoot(peaks: readonly Hash[], count: number): Hash {
  assertPeaks(peaks, count)
  return peaks.length === 0 ? EMPTY_ROOT : peaks.reduceRight((right, left) => nodeHash(left, right))
}
