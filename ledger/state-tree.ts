// The compact sparse Merkle tree over the state: a subtree with one leaf is that leaf, an empty one is the zero hash, so
// the root depends on the contents alone. Updated once per block in one recursive pass over the sorted keys.
// It is stored latest version only, in pages of four levels (state-page.ts); values live outside it, under their keys.
// Never reads or writes anything but through the StateReader it is given and the writes it returns.

import { assert } from '../crypto/assert.ts'
import type { Hash } from '../crypto/bytes.ts'
import { Preimage } from '../crypto/preimage.ts'
import type { StateReader } from './application.ts'
import { decodePage, EMPTY, encodePage, hashOfNode, isPageRoot, type Leaf, type Node, pagePath } from './state-page.ts'

/** A state key is a hash, so a path has at most this many bits. */
export const DEPTH_MAX = 256

const leafPreimage = new Preimage('scoville/state-leaf/1', 64)
const nodePreimage = new Preimage('scoville/state-node/1', 64)

/** H("scoville/state-leaf/1" ‖ key ‖ value hash). */
export function leafHash(key: Hash, valueHash: Hash): Hash {
  return hashPair(leafPreimage, key, valueHash)
}

/** H("scoville/state-node/1" ‖ left ‖ right); an empty child is the zero hash. */
export function nodeHash(left: Hash, right: Hash): Hash {
  return hashPair(nodePreimage, left, right)
}

/** Bit `depth` of a key, most significant first: 0 goes left. */
export function bitAt(key: string, depth: number): number {
  const code = key.charCodeAt(depth >> 2)
  const nibble = code < 58 ? code - 48 : code - 87
  return (nibble >> (3 - (depth & 3))) & 1
}

/** A new value's hash under a key; undefined deletes the key. */
export interface Change {
  readonly key: Hash
  readonly valueHash: Hash | undefined
}

export interface TreeUpdate {
  readonly root: Hash
  readonly nodes: ReadonlyMap<string, Uint8Array | undefined>
}

/** Root of the tree as stored; the zero hash when it is empty. */
export function stateRoot(state: StateReader): Hash {
  return hashOfNode(rootNode(state))
}

/** The node at the root, with its page. */
export function rootNode(state: StateReader): Node {
  const page = state.node('')
  return page === undefined ? EMPTY : decodePage(page, 0)
}

/** The page below an inner node that stands at a page boundary. */
export function loadPage(state: StateReader, path: string, hash: Hash): Node {
  const page = state.node(path)
  assert(page !== undefined, `state tree page ${path} is missing`)
  const node = decodePage(page, 4 * path.length)
  assert(hashOfNode(node) === hash, `state tree page ${path} is not what its parent committed to`)
  return node
}

/** Applies the changes, in any order, at most one per key. About two hashes a key plus the paths they share. */
export function updateTree(state: StateReader, changes: readonly Change[]): TreeUpdate {
  const nodes = new Map<string, Uint8Array | undefined>()
  const before = rootNode(state)
  const sorted = changes
    .map(({ key, valueHash }): Step => ({ key, leaf: valueHash === undefined ? undefined : leafOf(key, valueHash) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
  for (let i = 1; i < sorted.length; i++)
    assert(sorted[i - 1]?.key !== sorted[i]?.key, 'a state key changes once per block')
  const after = update({ state, nodes, steps: sorted }, before, 0, 0, sorted.length)
  // The root's page is written whatever the node: an inner root wrote itself, a lone leaf has no parent to sit in.
  if (after !== before && after.tag !== 'inner') nodes.set('', after.tag === 'empty' ? undefined : encodePage(after))
  return { root: hashOfNode(after), nodes }
}

interface Step {
  readonly key: Hash
  readonly leaf: Leaf | undefined
}

interface Pass {
  readonly state: StateReader
  readonly nodes: Map<string, Uint8Array | undefined>
  readonly steps: readonly Step[]
}

/** The subtree at `depth` after steps[from, to), all of which share its path; the same object when nothing changed. */
function update(pass: Pass, node: Node, depth: number, from: number, to: number): Node {
  if (from === to) return node
  if (node.tag !== 'inner') {
    const leaves = mergeLeaves(pass.steps, from, to, node.tag === 'leaf' ? node : undefined)
    if (node.tag === 'leaf' && leaves.length === 1 && leaves[0]?.hash === node.hash) return node
    return grow(pass, leaves, depth, 0, leaves.length)
  }
  const key = keyAt(pass.steps, from)
  const loaded = node.left === undefined ? loadPage(pass.state, pagePath(key, depth), node.hash) : node
  assert(loaded.tag === 'inner' && loaded.left !== undefined, 'a page below an inner node begins with it')
  const middle = firstRight(pass.steps, depth, from, to)
  const left = update(pass, loaded.left, depth + 1, from, middle)
  const right = update(pass, loaded.right, depth + 1, middle, to)
  if (left === loaded.left && right === loaded.right) return node
  const after = join(left, right)
  if (isPageRoot(depth)) pass.nodes.set(pagePath(key, depth), after.tag === 'inner' ? encodePage(after) : undefined)
  return after
}

/** A subtree from leaves alone, where there was at most one leaf before. */
function grow(pass: Pass, leaves: readonly Leaf[], depth: number, from: number, to: number): Node {
  const first = leaves[from]
  if (from >= to || first === undefined) return EMPTY
  if (to - from === 1) return first
  const middle = firstRight(leaves, depth, from, to)
  const after = join(grow(pass, leaves, depth + 1, from, middle), grow(pass, leaves, depth + 1, middle, to))
  if (isPageRoot(depth)) pass.nodes.set(pagePath(first.key, depth), encodePage(after))
  return after
}

/** Two leaves or more make an inner node; fewer collapse, or the root would remember what was deleted. */
function join(left: Node, right: Node): Node {
  if (left.tag === 'empty' && right.tag !== 'inner') return right
  if (right.tag === 'empty' && left.tag !== 'inner') return left
  return { tag: 'inner', hash: nodeHash(hashOfNode(left), hashOfNode(right)), left, right }
}

function mergeLeaves(steps: readonly Step[], from: number, to: number, existing: Leaf | undefined): Leaf[] {
  const leaves: Leaf[] = []
  let pending = existing
  for (let i = from; i < to; i++) {
    const step = steps[i]
    assert(step !== undefined, 'steps are dense')
    if (pending !== undefined && pending.key <= step.key) {
      if (pending.key < step.key) leaves.push(pending)
      pending = undefined
    }
    if (step.leaf !== undefined) leaves.push(step.leaf)
  }
  if (pending !== undefined) leaves.push(pending)
  return leaves
}

/** Index of the first entry of [from, to), ascending by key and alike in their first `depth` bits, that goes right at `depth`. */
export function firstRight(
  entries: readonly { readonly key: Hash }[],
  depth: number,
  from: number,
  to: number,
): number {
  let low = from
  let high = to
  while (low < high) {
    const middle = (low + high) >> 1
    if (bitAt(keyAt(entries, middle), depth) === 0) low = middle + 1
    else high = middle
  }
  return low
}

function keyAt(entries: readonly { readonly key: Hash }[], index: number): Hash {
  const entry = entries[index]
  assert(entry !== undefined, 'index within the entries')
  return entry.key
}

function leafOf(key: Hash, valueHash: Hash): Leaf {
  return { tag: 'leaf', key, hash: leafHash(key, valueHash) }
}

function hashPair(preimage: Preimage, first: Hash, second: Hash): Hash {
  preimage.bytes.write(first, preimage.start, 32, 'hex')
  preimage.bytes.write(second, preimage.start + 32, 32, 'hex')
  return preimage.digest()
}
