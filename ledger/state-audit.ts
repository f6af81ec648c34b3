// Whether a stored state is the one its root commits to: every page hashed from its leaves up, every leaf against its value.
// Walks page by page, so that the caller decides how much, how fast and when to stop. Repairs nothing and throws nothing.

import type { Hash } from '../crypto/bytes.ts'
import { ZERO_HASH } from '../crypto/bytes.ts'
import type { StateReader } from './application.ts'
import { decodePage, hashOfNode, type Leaf, type Node } from './state-page.ts'
import { valueHashOf } from './state-proof.ts'
import { leafHash, nodeHash } from './state-tree.ts'

/** Faults that are named; more are counted only. */
export const FAULTS_NAMED_MAX = 16
const PAGE_BITS = 4

export interface StateAudit {
  readonly values: number
  readonly pages: number
  /** Each names the keys it concerns; the first FAULTS_NAMED_MAX. */
  readonly faults: readonly string[]
  readonly faultCount: number
  /** False when it stopped at `valuesMax` before the end. */
  readonly isWhole: boolean
}

export interface AuditBounds {
  /** Stops once this many values were checked. */
  readonly valuesMax: number
  /** Which half of a page's children is walked first: chosen at random, bounded audits cover another part each time. */
  readonly isRightFirst: () => boolean
}

export const WHOLE_STATE: AuditBounds = { valuesMax: Number.POSITIVE_INFINITY, isRightFirst: () => false }

interface Walk {
  readonly state: StateReader
  readonly bounds: AuditBounds
  values: number
  pages: number
  faultCount: number
  readonly faults: string[]
  isWhole: boolean
}

/** Yields after each page the number of values checked so far. Keys that no leaf leads to are not seen: count them. */
export function* auditState(state: StateReader, root: Hash, bounds: AuditBounds): Generator<number, StateAudit> {
  const walk: Walk = { state, bounds, values: 0, pages: 0, faultCount: 0, faults: [], isWhole: true }
  if (root !== ZERO_HASH) yield* auditPage(walk, '', root)
  else if (reading(() => state.node('')) !== undefined) fault(walk, 'the state is empty, yet it has a root page')
  const { values, pages, faults, faultCount, isWhole } = walk
  return { values, pages, faults, faultCount, isWhole }
}

function* auditPage(walk: Walk, path: string, hash: Hash): Generator<number, void> {
  if (walk.values >= walk.bounds.valuesMax) {
    walk.isWhole = false
    return
  }
  const page = reading(() => walk.state.node(path))
  const keys = `keys ${path}… (page "${path}")`
  if (page === undefined) return fault(walk, `the state tree page of ${keys} is missing`)
  if (typeof page === 'string') return fault(walk, `the state tree page of ${keys} cannot be read: ${page}`)
  const node = reading(() => decodePage(page, PAGE_BITS * path.length))
  if (node === undefined || typeof node === 'string')
    return fault(walk, `the state tree page of ${keys} does not decode`)
  walk.pages += 1
  const below: Below = { leaves: [], pages: [] }
  if (hashOfNode(node) !== hash || !isConsistent(node, path, 0, below)) {
    return fault(walk, `the state tree page of ${keys} is not the one its parent commits to`)
  }
  for (const leaf of below.leaves) auditLeaf(walk, path, leaf)
  yield walk.values
  if (walk.bounds.isRightFirst()) below.pages.reverse()
  for (const child of below.pages) yield* auditPage(walk, child.path, child.hash)
}

interface Below {
  readonly leaves: Leaf[]
  readonly pages: { readonly path: string; readonly hash: Hash }[]
}

/** Whether every inner node of the page is the hash of its children; gathers what hangs below. `nibble`: the bits so far. */
function isConsistent(node: Node, path: string, nibble: number, below: Below, level = 0): boolean {
  if (node.tag === 'empty') return true
  if (node.tag === 'leaf') {
    below.leaves.push(node)
    return node.key.startsWith(path)
  }
  if (node.left === undefined) {
    below.pages.push({ path: path + nibble.toString(16), hash: node.hash })
    return level === PAGE_BITS
  }
  return (
    nodeHash(hashOfNode(node.left), hashOfNode(node.right)) === node.hash &&
    isConsistent(node.left, path, 2 * nibble, below, level + 1) &&
    isConsistent(node.right, path, 2 * nibble + 1, below, level + 1)
  )
}

function auditLeaf(walk: Walk, path: string, { key, hash }: Leaf): void {
  walk.values += 1
  const value = reading(() => walk.state.get(key))
  if (value === undefined) fault(walk, `the state value ${key} is missing (page "${path}")`)
  else if (typeof value === 'string') fault(walk, `the state value ${key} cannot be read: ${value}`)
  else if (leafHash(key, valueHashOf(value)) !== hash) {
    fault(walk, `the state value ${key} is not the one its leaf commits to (page "${path}")`)
  }
}

function fault(walk: Walk, text: string): void {
  walk.faultCount += 1
  if (walk.faults.length < FAULTS_NAMED_MAX) walk.faults.push(text)
}

/** What is read, or why it cannot be: a store that finds damage throws. */
function reading<T extends object>(read: () => T | undefined): T | string | undefined {
  try {
    return read()
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
