import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Hash, ZERO_HASH } from '../../crypto/bytes.ts'
import { createOverlay, EMPTY_STATE } from '../../ledger/overlay.ts'
import { bitAt, type Change, leafHash, nodeHash, stateRoot, updateTree } from '../../ledger/state-tree.ts'
import { createStore, hashOfNumber } from './fixture.ts'

/** The tree by its definition, without pages, batches or history: what every update has to agree with. */
function naiveRoot(leaves: ReadonlyMap<Hash, Hash>, depth = 0): Hash {
  const [only] = leaves
  if (only === undefined) return ZERO_HASH
  if (leaves.size === 1) return leafHash(...only)
  const side = (bit: number): Map<Hash, Hash> => new Map([...leaves].filter(([key]) => bitAt(key, depth) === bit))
  return nodeHash(naiveRoot(side(0), depth + 1), naiveRoot(side(1), depth + 1))
}

/** Keys that share long prefixes, so that deep pages, page boundaries and collapses are met all the time. */
const key = fc
  .tuple(fc.constantFrom(0, 1, 3, 4, 5, 7, 8, 9, 40), fc.nat(15), fc.nat(1))
  .map(([zeros, digit, last]) => `${'0'.repeat(zeros)}${digit.toString(16)}`.padEnd(63, 'a').concat(`${last}`) as Hash)
const change = fc.tuple(key, fc.option(fc.nat(3), { nil: undefined }))
const batches = fc.array(fc.array(change, { maxLength: 20 }), { maxLength: 8 })

function changesOf(batch: readonly (readonly [Hash, number | undefined])[]): Change[] {
  const last = new Map(batch)
  return [...last].map(([at, seed]) => ({ key: at, valueHash: seed === undefined ? undefined : hashOfNumber(seed) }))
}

test('root and pages depend on the contents only: any order, any batches, deletions included', () => {
  fc.assert(
    fc.property(batches, (history) => {
      const store = createStore()
      const model = new Map<Hash, Hash>()
      for (const batch of history) {
        const changes = changesOf(batch)
        for (const { key: at, valueHash } of changes) {
          if (valueHash === undefined) model.delete(at)
          else model.set(at, valueHash)
        }
        const { root, nodes } = updateTree(store.state, changes)
        store.apply({ values: new Map(), nodes })
        expect(root).toBe(naiveRoot(model))
        expect(stateRoot(store.state)).toBe(root)
      }
      const fresh = createStore()
      const all = [...model].map(([at, valueHash]) => ({ key: at, valueHash }))
      fresh.apply({ values: new Map(), nodes: updateTree(fresh.state, all).nodes })
      expect(new Map([...store.pages].sort())).toEqual(new Map([...fresh.pages].sort()))
    }),
    { numRuns: 150 },
  )
})

test('a thousand random keys in random batches agree with the naive tree', () => {
  const store = createStore()
  const model = new Map<Hash, Hash>()
  for (let block = 0; block < 10; block++) {
    const changes: Change[] = []
    for (let i = 0; i < 100; i++) changes.push({ key: hashOfNumber(100 * block + i), valueHash: hashOfNumber(i) })
    for (const { key: at, valueHash } of changes) if (valueHash !== undefined) model.set(at, valueHash)
    store.apply({ values: new Map(), nodes: updateTree(store.state, changes).nodes })
  }
  expect(stateRoot(store.state)).toBe(naiveRoot(model))
})

describe('what is written', () => {
  const filled = createStore()
  const changes = Array.from({ length: 500 }, (_, i) => ({ key: hashOfNumber(i), valueHash: hashOfNumber(i) }))
  filled.apply({ values: new Map(), nodes: updateTree(filled.state, changes).nodes })

  test('nothing, when nothing changes', () => {
    expect(updateTree(filled.state, []).nodes.size).toBe(0)
    expect(updateTree(filled.state, changes.slice(0, 50)).nodes.size).toBe(0)
    const absent = { key: hashOfNumber(9_999), valueHash: undefined }
    expect(updateTree(filled.state, [absent])).toEqual({ root: stateRoot(filled.state), nodes: new Map() })
  })

  test('one page every four levels of the path, for one key', () => {
    const { nodes } = updateTree(filled.state, [{ key: hashOfNumber(7), valueHash: hashOfNumber(8) }])
    // 500 keys fill two hex digits and begin to share a third.
    expect([2, 3]).toContain(nodes.size)
    expect([...nodes.keys()].sort()).toEqual(Array.from({ length: nodes.size }, (_, i) => hashOfNumber(7).slice(0, i)))
  })

  test('no page, once everything is deleted', () => {
    const { root, nodes } = updateTree(
      filled.state,
      changes.map(({ key: at }) => ({ key: at, valueHash: undefined })),
    )
    expect(root).toBe(ZERO_HASH)
    expect(new Set(nodes.keys())).toEqual(new Set(filled.pages.keys()))
    expect([...nodes.values()].every((page) => page === undefined)).toBe(true)
  })
})

test('the same key twice in a batch is a bug', () => {
  const twice = { key: hashOfNumber(1), valueHash: hashOfNumber(1) }
  expect(() => updateTree(EMPTY_STATE, [twice, twice])).toThrow(/once per block/)
})

test('a page missing or not what its parent committed to stops the process (PITFALLS row 35)', () => {
  const store = createStore()
  const changes = Array.from({ length: 100 }, (_, i) => ({ key: hashOfNumber(i), valueHash: hashOfNumber(i) }))
  store.apply({ values: new Map(), nodes: updateTree(store.state, changes).nodes })
  const path = hashOfNumber(0).slice(0, 1)
  const touch = [{ key: hashOfNumber(0), valueHash: hashOfNumber(1) }]
  const other = [...store.pages].find(([at]) => at.length === 1 && at !== path)?.[1]
  const damaged = (page: Uint8Array | undefined): ReturnType<typeof createOverlay> =>
    createOverlay(store.state, { values: new Map(), nodes: new Map([[path, page]]) })
  expect(() => updateTree(damaged(undefined), touch)).toThrow(/missing/)
  expect(() => updateTree(damaged(other), touch)).toThrow(/committed to/)
})
