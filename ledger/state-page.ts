// How the state tree is stored: pages of four levels, so that a block writes a fifth of the records single nodes would take.
// A page is the pre-order encoding of a node and what is below it, down to the next boundary, where an inner node stands as
// its hash alone and its own page begins. Leaves are embedded; a page's path is the hex digits that lead to it.
// Owns that encoding only; the tree's hashes do not depend on it.

import { assert } from '../crypto/assert.ts'
import { type Hash, ZERO_HASH } from '../crypto/bytes.ts'

const PAGE_LEVELS = 4
const TAG_EMPTY = 0
const TAG_LEAF = 1
const TAG_INNER = 2
/** 15 inner nodes with their hash, 16 leaves with key and hash. */
const PAGE_BYTES_MAX = 15 * 33 + 16 * 65

export interface Leaf {
  readonly tag: 'leaf'
  readonly key: Hash
  readonly hash: Hash
}

/** Children are absent where the page ends. An inner node has at least two leaves below it. */
export type Inner =
  | { readonly tag: 'inner'; readonly hash: Hash; readonly left: Node; readonly right: Node }
  | { readonly tag: 'inner'; readonly hash: Hash; readonly left?: undefined; readonly right?: undefined }

export type Node = { readonly tag: 'empty' } | Leaf | Inner

export const EMPTY: Node = { tag: 'empty' }

export function hashOfNode(node: Node): Hash {
  return node.tag === 'empty' ? ZERO_HASH : node.hash
}

export function isPageRoot(depth: number): boolean {
  return depth % PAGE_LEVELS === 0
}

/** Path of the page that begins at `depth` on the way to `key`. */
export function pagePath(key: string, depth: number): string {
  return key.slice(0, depth / PAGE_LEVELS)
}

const scratch = Buffer.alloc(PAGE_BYTES_MAX)

/** The page whose root is `node`, which stands at a boundary. */
export function encodePage(node: Node): Uint8Array {
  return new Uint8Array(scratch.subarray(0, writeNode(node, 0, 0)))
}

/** Inverse of `encodePage`; `depth` is the page's. @throws InvariantError: pages are this node's own bytes. */
export function decodePage(page: Uint8Array, depth: number): Node {
  assert(isPageRoot(depth), 'a page begins at a boundary')
  const cursor = { bytes: Buffer.from(page.buffer, page.byteOffset, page.byteLength), at: 0 }
  const node = readNode(cursor, 0)
  assert(cursor.at === page.length, 'a page has nothing behind it')
  return node
}

function writeNode(node: Node, level: number, at: number): number {
  switch (node.tag) {
    case 'empty':
      scratch[at] = TAG_EMPTY
      return at + 1
    case 'leaf':
      scratch[at] = TAG_LEAF
      scratch.write(node.key, at + 1, 32, 'hex')
      scratch.write(node.hash, at + 33, 32, 'hex')
      return at + 65
    case 'inner': {
      scratch[at] = TAG_INNER
      scratch.write(node.hash, at + 1, 32, 'hex')
      if (level === PAGE_LEVELS) return at + 33
      assert(node.left !== undefined, 'inside a page an inner node has its children')
      return writeNode(node.right, level + 1, writeNode(node.left, level + 1, at + 33))
    }
  }
}

interface Cursor {
  readonly bytes: Buffer
  at: number
}

function readNode(cursor: Cursor, level: number): Node {
  const tag = cursor.bytes[cursor.at]
  cursor.at += 1
  if (tag === TAG_EMPTY) return EMPTY
  if (tag === TAG_LEAF) return { tag: 'leaf', key: readHash(cursor), hash: readHash(cursor) }
  assert(tag === TAG_INNER, 'a page holds three kinds of node')
  const hash = readHash(cursor)
  if (level === PAGE_LEVELS) return { tag: 'inner', hash }
  return { tag: 'inner', hash, left: readNode(cursor, level + 1), right: readNode(cursor, level + 1) }
}

function readHash(cursor: Cursor): Hash {
  const at = cursor.at
  cursor.at += 32
  assert(cursor.at <= cursor.bytes.length, 'a page ends with a node')
  return cursor.bytes.toString('hex', at, at + 32) as Hash
}
