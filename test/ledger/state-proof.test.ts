import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Hash, ZERO_HASH } from '../../crypto/bytes.ts'
import type { StateReader } from '../../ledger/application.ts'
import { EMPTY_STATE } from '../../ledger/overlay.ts'
import {
  decodeStateProof,
  encodeStateProof,
  proveState,
  valueHashOf,
  verifyStateProof,
} from '../../ledger/state-proof.ts'
import { DEPTH_MAX, leafHash, nodeHash, stateRoot, updateTree } from '../../ledger/state-tree.ts'
import { createStore, hashOfNumber } from './fixture.ts'

function stateOf(count: number): { readonly state: StateReader; readonly root: Hash } {
  const store = createStore()
  const entries = Array.from({ length: count }, (_, i) => [hashOfNumber(i), Uint8Array.of(i % 256, 1)] as const)
  const changes = entries.map(([key, value]) => ({ key, valueHash: valueHashOf(value) }))
  store.apply({ values: new Map(entries), nodes: updateTree(EMPTY_STATE, changes).nodes })
  return { state: store.state, root: stateRoot(store.state) }
}

const { state, root } = stateOf(200)
const PRESENT = hashOfNumber(5)
const VALUE = Uint8Array.of(5, 1)

describe.each([0, 1, 2, 200])('in a state of %i keys', (count) => {
  const { state: some, root: top } = stateOf(count)

  test('every key is proved present with its value, and every other absent', () => {
    for (let i = 0; i < 300; i++) {
      const key = hashOfNumber(i)
      const value = some.get(key)
      expect(value === undefined).toBe(i >= count)
      expect(verifyStateProof(top, key, value, proveState(some, key))).toBe(true)
    }
  })

  test('presence is no proof of absence, nor absence of presence', () => {
    for (let i = 0; i < 300; i++) {
      const key = hashOfNumber(i)
      const claim = some.get(key) === undefined ? Uint8Array.of(1) : undefined
      expect(verifyStateProof(top, key, claim, proveState(some, key))).toBe(false)
    }
  })
})

test('both ways of being absent occur here: an empty place and another leaf', () => {
  const absent = Array.from({ length: 100 }, (_, i) => proveState(state, hashOfNumber(1_000 + i)))
  expect(new Set(absent.map(({ other }) => other === undefined)).size).toBe(2)
})

test('a proof holds for its root, key and value alone', () => {
  const proof = proveState(state, PRESENT)
  expect(verifyStateProof(root, PRESENT, VALUE, proof)).toBe(true)
  expect(verifyStateProof(hashOfNumber(1), PRESENT, VALUE, proof)).toBe(false)
  expect(verifyStateProof(root, hashOfNumber(6), VALUE, proof)).toBe(false)
  expect(verifyStateProof(root, PRESENT, Uint8Array.of(5, 2), proof)).toBe(false)
  expect(verifyStateProof(root, PRESENT, undefined, proof)).toBe(false)
})

test('every mutation of the bytes is refused, of all three kinds of proof', () => {
  const missing = Array.from({ length: 100 }, (_, i) => hashOfNumber(1_000 + i))
  const byOther = missing.find((key) => proveState(state, key).other !== undefined)
  const byEmpty = missing.find((key) => proveState(state, key).other === undefined)
  for (const [key, value] of [
    [PRESENT, VALUE],
    [byOther, undefined],
    [byEmpty, undefined],
  ] as const) {
    if (key === undefined) throw new Error('the state offers all three kinds')
    const bytes = encodeStateProof(proveState(state, key))
    for (let position = 0; position < bytes.length; position++) {
      for (const flip of [1, 128, 255]) {
        const mutant = Buffer.from(bytes)
        mutant[position] = (mutant[position] ?? 0) ^ flip
        const decoded = decodeStateProof(mutant)
        expect(decoded.ok && verifyStateProof(root, key, value, decoded.value)).toBe(false)
      }
    }
  }
})

test('siblings dropped, added or swapped are refused', () => {
  const { siblings } = proveState(state, PRESENT)
  const [first = ZERO_HASH, second = ZERO_HASH, ...rest] = siblings
  for (const wrong of [
    siblings.slice(1),
    siblings.slice(0, -1),
    [...siblings, ZERO_HASH],
    [second, first, ...rest],
    [],
  ]) {
    expect(verifyStateProof(root, PRESENT, VALUE, { siblings: wrong })).toBe(false)
    expect(verifyStateProof(root, PRESENT, undefined, { siblings: wrong })).toBe(false)
  }
})

test('another leaf excludes only keys whose path it stands on', () => {
  const key = `1${'0'.repeat(63)}` as Hash
  const other = { key: `2${'0'.repeat(63)}` as Hash, valueHash: hashOfNumber(1) }
  const beside = hashOfNumber(2)
  // Roots made up so that the hashes fit at depth 2, where the two paths are one, and at depth 3, where they are not.
  const leaf = leafHash(other.key, other.valueHash)
  const two = nodeHash(nodeHash(leaf, beside), beside)
  const three = nodeHash(nodeHash(nodeHash(leaf, beside), beside), beside)
  expect(verifyStateProof(two, key, undefined, { siblings: [beside, beside], other })).toBe(true)
  expect(verifyStateProof(three, key, undefined, { siblings: [beside, beside, beside], other })).toBe(false)
})

test('a key’s own leaf does not exclude it, and presence carries no other leaf', () => {
  const { state: one, root: lone } = stateOf(1)
  const key = hashOfNumber(0)
  const own = { key, valueHash: valueHashOf(Uint8Array.of(0, 1)) }
  expect(lone).toBe(leafHash(own.key, own.valueHash))
  expect(verifyStateProof(lone, key, undefined, { siblings: [], other: own })).toBe(false)
  expect(verifyStateProof(lone, key, one.get(key), { siblings: [], other: own })).toBe(false)
})

test('a sibling that is no hash is refused, also right after the hash it would stand for', () => {
  const key = '0'.repeat(64) as Hash
  const forged = nodeHash(leafHash(key, valueHashOf(VALUE)), hashOfNumber(1))
  expect(verifyStateProof(forged, key, VALUE, { siblings: [hashOfNumber(1)] })).toBe(true)
  expect(verifyStateProof(forged, key, VALUE, { siblings: ['' as Hash] })).toBe(false)
})

test('more siblings than a path can have are refused before anything is hashed', () => {
  const siblings: Hash[] = Array(DEPTH_MAX + 1).fill(ZERO_HASH)
  // A root made up so that only the bound refuses: there is no bit 256, so the last one counts as a left turn.
  const key = '0'.repeat(64) as Hash
  const top = (count: number): Hash =>
    siblings.slice(0, count).reduce((hash, sibling) => nodeHash(hash, sibling), leafHash(key, valueHashOf(VALUE)))
  expect(verifyStateProof(top(DEPTH_MAX), key, VALUE, { siblings: siblings.slice(1) })).toBe(true)
  expect(verifyStateProof(top(DEPTH_MAX + 1), key, VALUE, { siblings })).toBe(false)
  expect(decodeStateProof(encodeStateProof({ siblings })).ok).toBe(false)
  expect(decodeStateProof(encodeStateProof({ siblings: siblings.slice(1) })).ok).toBe(true)
})

test('decode inverts encode; another format and any stray byte are refused', () => {
  const hash = fc.nat().map(hashOfNumber)
  const other = fc.option(fc.record({ key: hash, valueHash: hash }), { nil: undefined })
  fc.assert(
    fc.property(fc.array(hash, { maxLength: 40 }), other, (siblings, leaf) => {
      const proof = leaf === undefined ? { siblings } : { siblings, other: leaf }
      const bytes = encodeStateProof(proof)
      expect(decodeStateProof(bytes)).toEqual({ ok: true, value: proof })
      expect(decodeStateProof(Buffer.concat([bytes, new Uint8Array(1)])).ok).toBe(false)
      expect(decodeStateProof(Buffer.concat([Uint8Array.of(2), bytes.subarray(1)])).ok).toBe(false)
    }),
  )
})

test('a tree and a state that do not match stop the process', () => {
  const absent = Array.from({ length: 100 }, (_, i) => hashOfNumber(1_000 + i)).find(
    (key) => proveState(state, key).other,
  )
  if (absent === undefined) throw new Error('the state offers another leaf')
  expect(() => proveState({ get: () => undefined, node: state.node }, absent)).toThrow(/no value/)
})
