// A range of the state with the proof that it is all of it: what one chunk of a snapshot is, checked alone against a root.
// Owns cutting, proving, encoding and checking ranges. The verifier trusts nothing but the root it is given.
// The proof is the tree in pre-order along the two edges of the range: what is inside follows from the entries, what is
// outside stands as its hash. Source: docs/adr/0007, AHEAD.md section 7.

import { assert } from '../crypto/assert.ts'
import { type Hash, ZERO_HASH } from '../crypto/bytes.ts'
import { type Decoded, DecodeError, decode, type Reader, Writer } from '../crypto/codec.ts'
import type { StateReader } from './application.ts'
import { hashOfNode, isPageRoot, type Node, pagePath } from './state-page.ts'
import { valueHashOf } from './state-proof.ts'
import { bitAt, DEPTH_MAX, firstRight, leafHash, loadPage, nodeHash, rootNode } from './state-tree.ts'

/** Entries in one range, at most. */
export const RANGE_ENTRIES_MAX = 2_048
/** Of keys and values in one range, in bytes. */
export const RANGE_BYTES_MAX = 256 * 1024
/** No application may write a longer value: with two of them a range is more than half full. */
const VALUE_BYTES_MAX = 64 * 1024
/** Two edges of at most DEPTH_MAX inner nodes, each with one sibling. */
const STEPS_MAX = 4 * DEPTH_MAX + 2
/** Largest encoding of a range: entries with their lengths, and the steps. */
export const ENCODED_RANGE_BYTES_MAX = RANGE_BYTES_MAX + VALUE_BYTES_MAX + 4 * RANGE_ENTRIES_MAX + 65 * STEPS_MAX + 128

const RANGE_FORMAT = 1
export const FIRST_KEY = ZERO_HASH
export const LAST_KEY = 'f'.repeat(64) as Hash

export interface StateEntry {
  /** A state key: 64 hex digits. */
  readonly key: Hash
  readonly value: Uint8Array
}

/** One node on an edge of the range, or beside it. */
export type RangeStep =
  /** At most one leaf stands here, and the entries say which: one of theirs, or none. */
  | { readonly tag: 'entries' }
  | { readonly tag: 'inner' }
  /** A lone leaf outside the range. */
  | { readonly tag: 'other'; readonly key: Hash; readonly valueHash: Hash }
  /** A subtree outside the range. */
  | { readonly tag: 'outside'; readonly hash: Hash }

/** Everything the state holds from one key to another, both included. */
export interface StateRange {
  readonly from: Hash
  readonly to: Hash
  /** Ascending by key. */
  readonly entries: readonly StateEntry[]
  readonly steps: readonly RangeStep[]
}

/** Whether an edge of the range runs through a subtree. Neither: it is inside. */
interface Edges {
  readonly onFrom: boolean
  readonly onTo: boolean
}

/** The key after this one; undefined after the last. */
export function keyAfter(key: Hash): Hash | undefined {
  const next = BigInt(`0x${key}`) + 1n
  const hex = next.toString(16).padStart(64, '0')
  return hex.length > 64 ? undefined : (hex as Hash)
}

/**
 * How many of the entries one range takes: a range that does not reach its end is full, so that nobody can answer in crumbs.
 * @param entries ascending; more than RANGE_ENTRIES_MAX when there are more
 */
export function rangeLength(entries: readonly StateEntry[]): number {
  let bytes = 0
  let count = 0
  for (const entry of entries) {
    bytes += bytesOf(entry)
    if (count >= RANGE_ENTRIES_MAX || (count > 0 && bytes > RANGE_BYTES_MAX)) return count
    count += 1
  }
  return count
}

/** Whether nobody could fairly have put less into it. */
export function isFull(entries: readonly StateEntry[]): boolean {
  const bytes = entries.reduce((sum, entry) => sum + bytesOf(entry), 0)
  return entries.length === RANGE_ENTRIES_MAX || bytes > RANGE_BYTES_MAX - VALUE_BYTES_MAX - 32
}

/**
 * The steps that prove what the state holds from `from` to `to`, which is not below it.
 * @throws InvariantError when state and tree do not match
 */
export function proveRange(state: StateReader, from: Hash, to: Hash): RangeStep[] {
  const steps: RangeStep[] = []
  const walk = (at: Node, depth: number, edges: Edges): void => {
    if (isInside(edges)) return
    if (at.tag === 'empty') {
      steps.push({ tag: 'entries' })
      return
    }
    if (at.tag === 'leaf') {
      steps.push(at.key >= from && at.key <= to ? { tag: 'entries' } : otherLeaf(state, at.key))
      return
    }
    const inner = at.left === undefined ? opened(state, at.hash, from, to, edges, depth) : at
    steps.push({ tag: 'inner' })
    const { left, right } = sides(from, to, depth, edges)
    if (left === 'outside') steps.push({ tag: 'outside', hash: hashOfNode(inner.left) })
    else walk(inner.left, depth + 1, left)
    if (right === 'outside') steps.push({ tag: 'outside', hash: hashOfNode(inner.right) })
    else walk(inner.right, depth + 1, right)
  }
  walk(rootNode(state), 0, { onFrom: true, onTo: true })
  return steps
}

/** Whether under `root` the range holds exactly these entries. Takes a stranger's range of any shape. */
export function verifyRange(root: Hash, range: StateRange): boolean {
  const { from, to, entries, steps } = range
  if (from > to || steps.length > STEPS_MAX) return false
  const leaves = entries.map(({ key, value }) => ({ key, hash: leafHash(key, valueHashOf(value)) }))
  for (const [i, { key }] of leaves.entries()) {
    const before = leaves[i - 1]
    if (key < from || key > to || (before !== undefined && before.key >= key)) return false
  }
  let next = 0
  const rebuilt = (depth: number, first: number, end: number, edges: Edges): Hash | undefined => {
    if (isInside(edges)) return subtreeHash(leaves, depth, first, end)
    const step = steps[next]
    next += 1
    if (step?.tag === 'entries') return end - first > 1 ? undefined : subtreeHash(leaves, depth, first, end)
    if (step?.tag === 'other') {
      const isOutside = step.key < from || step.key > to
      return isOutside && end === first ? leafHash(step.key, step.valueHash) : undefined
    }
    if (step?.tag !== 'inner' || depth >= DEPTH_MAX) return undefined
    const middle = firstRight(leaves, depth, first, end)
    const { left, right } = sides(from, to, depth, edges)
    const leftHash = left === 'outside' ? outsideHash(steps[next++]) : rebuilt(depth + 1, first, middle, left)
    if (leftHash === undefined) return undefined
    const rightHash = right === 'outside' ? outsideHash(steps[next++]) : rebuilt(depth + 1, middle, end, right)
    return rightHash === undefined ? undefined : nodeHash(leftHash, rightHash)
  }
  const hash = rebuilt(0, 0, leaves.length, { onFrom: true, onTo: true })
  return hash === root && next === steps.length
}

export function encodeStateRange(range: StateRange): Uint8Array {
  const bytes = range.entries.reduce((sum, entry) => sum + 4 + bytesOf(entry), 73 + 65 * range.steps.length)
  const writer = new Writer(bytes).u8(RANGE_FORMAT).hash(range.from).hash(range.to)
  writer.list(range.entries, (w, { key, value }) => w.hash(key).bytes(value))
  return writer.list(range.steps, writeStep).finish()
}

export function decodeStateRange(bytes: Uint8Array): Decoded<StateRange> {
  return decode(bytes, (reader) => {
    const format = reader.u8()
    if (format !== RANGE_FORMAT) throw new DecodeError(`state range format ${format} is not known`)
    return {
      from: reader.hash(),
      to: reader.hash(),
      entries: reader.list(RANGE_ENTRIES_MAX, (r) => ({
        key: r.hash(),
        value: new Uint8Array(r.bytes(VALUE_BYTES_MAX)),
      })),
      steps: reader.list(STEPS_MAX, readStep),
    }
  })
}

const STEP_TAG = { entries: 0, inner: 1, other: 2, outside: 3 } as const

function writeStep(writer: Writer, step: RangeStep): void {
  writer.u8(STEP_TAG[step.tag])
  if (step.tag === 'other') writer.hash(step.key).hash(step.valueHash)
  if (step.tag === 'outside') writer.hash(step.hash)
}

function readStep(reader: Reader): RangeStep {
  const tag = reader.u8()
  switch (tag) {
    case STEP_TAG.entries:
      return { tag: 'entries' }
    case STEP_TAG.inner:
      return { tag: 'inner' }
    case STEP_TAG.other:
      return { tag: 'other', key: reader.hash(), valueHash: reader.hash() }
    case STEP_TAG.outside:
      return { tag: 'outside', hash: reader.hash() }
    default:
      throw new DecodeError(`step ${tag} is not known`)
  }
}

function bytesOf({ value }: StateEntry): number {
  return 32 + value.length
}

function isInside({ onFrom, onTo }: Edges): boolean {
  return !onFrom && !onTo
}

/** What the children of an inner node are to the range. The bits of `from` and `to` count only on their own edge. */
function sides(
  from: Hash,
  to: Hash,
  depth: number,
  { onFrom, onTo }: Edges,
): { readonly left: Edges | 'outside'; readonly right: Edges | 'outside' } {
  const fromGoesRight = onFrom && bitAt(from, depth) === 1
  const toGoesLeft = onTo && bitAt(to, depth) === 0
  return {
    left: fromGoesRight ? 'outside' : { onFrom, onTo: toGoesLeft },
    right: toGoesLeft ? 'outside' : { onFrom: fromGoesRight, onTo },
  }
}

function otherLeaf(state: StateReader, key: Hash): RangeStep {
  const value = state.get(key)
  assert(value !== undefined, `the tree has a leaf for ${key} and the state no value`)
  return { tag: 'other', key, valueHash: valueHashOf(value) }
}

function opened(state: StateReader, hash: Hash, from: Hash, to: Hash, { onFrom }: Edges, depth: number) {
  assert(isPageRoot(depth), 'a page ends at a boundary')
  const page = loadPage(state, pagePath(onFrom ? from : to, depth), hash)
  assert(page.tag === 'inner' && page.left !== undefined, 'a page below an inner node begins with it')
  return page
}

function outsideHash(step: RangeStep | undefined): Hash | undefined {
  return step?.tag === 'outside' ? step.hash : undefined
}

/** The compact tree over leaves[first, end), which share their first `depth` bits. */
function subtreeHash(
  leaves: readonly { readonly key: Hash; readonly hash: Hash }[],
  depth: number,
  first: number,
  end: number,
): Hash {
  const leaf = leaves[first]
  if (end <= first || leaf === undefined) return ZERO_HASH
  if (end - first === 1) return leaf.hash
  const middle = firstRight(leaves, depth, first, end)
  return nodeHash(subtreeHash(leaves, depth + 1, first, middle), subtreeHash(leaves, depth + 1, middle, end))
}
