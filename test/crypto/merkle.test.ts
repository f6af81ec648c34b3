// RFC 6962 trees: published vectors, and the accumulator and the proofs against the root of all leaves.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InvariantError } from '../../crypto/assert.ts'
import { fromHex, type Hash, ZERO_HASH } from '../../crypto/bytes.ts'
import {
  appendPeak,
  MERKLE_PATH_MAX,
  merkleLeafHash,
  merkleProof,
  merkleRoot,
  peaksRoot,
  verifyMerkleProof,
} from '../../crypto/merkle.ts'
import golden from '../golden/merkle.json' with { type: 'json' }

const published = golden.leaves.map((hex) => fromHex(hex) ?? new Uint8Array(0))

function numbered(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => Buffer.from(`leaf ${i}`))
}

const anyLeaves = fc.array(fc.uint8Array({ maxLength: 70 }), { minLength: 1, maxLength: 80 })

describe('RFC 6962 as published (certificate-transparency reference vectors)', () => {
  test.each(golden.roots.map((root, count) => ({ root, count })))('root of $count leaves', ({ root, count }) => {
    expect(merkleRoot(published.slice(0, count))).toBe(root)
  })

  test.each(golden.paths)('path of leaf $index of $count', ({ index, count, path }) => {
    expect(merkleProof(published.slice(0, count), index)).toEqual(path)
  })

  test('a leaf cannot pose as a node: the prefixes differ', () => {
    const [left, right] = [merkleLeafHash(Buffer.from('a')), merkleLeafHash(Buffer.from('b'))]
    const node = merkleRoot([Buffer.from('a'), Buffer.from('b')])
    expect(merkleLeafHash(Buffer.from(left + right, 'hex'))).not.toBe(node)
  })
})

describe('proofs', () => {
  test('every leaf of every tree up to 70 leaves proves its place, and no other', () => {
    for (let count = 1; count <= 70; count++) {
      const leaves = numbered(count)
      const root = merkleRoot(leaves)
      for (const [index, leaf] of leaves.entries()) {
        const path = merkleProof(leaves, index)
        expect(verifyMerkleProof({ leaf, index, count, path, root })).toBe(true)
        expect(verifyMerkleProof({ leaf, index: (index + 1) % count, count, path, root })).toBe(count === 1)
      }
    }
  })

  test('a changed leaf, root, sibling or path length is refused', () => {
    fc.assert(
      fc.property(anyLeaves, fc.nat(), fc.nat(), (leaves, pick, at) => {
        const [index, count, root] = [pick % leaves.length, leaves.length, merkleRoot(leaves)]
        const leaf = leaves[index] ?? new Uint8Array(0)
        const path = merkleProof(leaves, index)
        const claim = { leaf, index, count, path, root }
        expect(verifyMerkleProof(claim)).toBe(true)
        expect(verifyMerkleProof({ ...claim, leaf: Buffer.concat([leaf, Buffer.of(0)]) })).toBe(false)
        expect(verifyMerkleProof({ ...claim, root: ZERO_HASH })).toBe(false)
        expect(verifyMerkleProof({ ...claim, path: [...path, ZERO_HASH] })).toBe(false)
        if (path.length === 0) return
        expect(verifyMerkleProof({ ...claim, path: path.slice(1) })).toBe(false)
        const swapped = path.map((sibling, i) => (i === at % path.length ? ZERO_HASH : sibling))
        expect(verifyMerkleProof({ ...claim, path: swapped })).toBe(false)
      }),
      { numRuns: 200 },
    )
  })

  const leaf = Buffer.from('leaf 0')
  const root = merkleLeafHash(leaf)
  const refused: readonly (readonly [string, number, number, readonly Hash[]])[] = [
    ['an index equal to the count', 1, 1, []],
    ['a negative index', -1, 1, []],
    ['a fractional index', 0.5, 1, []],
    ['a count that is no number', 0, Number.NaN, []],
    ['a count above 2^53', 0, 2 ** 54, []],
    ['an empty tree', 0, 0, []],
    ['a path longer than any tree is deep', 0, 1, Array<Hash>(MERKLE_PATH_MAX + 1).fill(ZERO_HASH)],
  ]
  test.each(refused)('%s is refused', (_why, index, count, path) => {
    expect(verifyMerkleProof({ leaf, index, count, path, root })).toBe(false)
  })

  test('a sibling spelled otherwise is refused: one proof, one form', () => {
    const leaves = numbered(2)
    const path = merkleProof(leaves, 0)
    const claim = { leaf, index: 0, count: 2, root: merkleRoot(leaves) }
    expect(verifyMerkleProof({ ...claim, path })).toBe(true)
    expect(verifyMerkleProof({ ...claim, path: path.map((sibling) => sibling.toUpperCase() as Hash) })).toBe(false)
    expect(verifyMerkleProof({ ...claim, path: ['00' as Hash] })).toBe(false)
  })

  test('a true path in a tree of another size is refused: the count is proved too', () => {
    const leaves = numbered(2)
    const pair = merkleRoot(leaves)
    expect(verifyMerkleProof({ leaf, index: 0, count: 3, path: merkleProof(leaves, 0), root: pair })).toBe(false)
    const right = Buffer.from('leaf 1')
    expect(verifyMerkleProof({ leaf: right, index: 0, count: 1, path: merkleProof(leaves, 1), root: pair })).toBe(false)
  })

  test('indices above 2^32 are walked in full: the deepest path there is', () => {
    const count = 2 ** 53 - 1
    // The last leaf of 2^53 - 1: 52 left siblings, each the root of a smaller tree.
    const path = Array<Hash>(52).fill(ZERO_HASH)
    let top = merkleLeafHash(leaf)
    for (const sibling of path) top = merkleNode(sibling, top)
    expect(verifyMerkleProof({ leaf, index: count - 1, count, path, root: top })).toBe(true)
    expect(verifyMerkleProof({ leaf, index: count - 1, count, path: path.slice(1), root: top })).toBe(false)
  })

  test('asking for the path of a leaf that is not there is an error', () => {
    expect(() => merkleProof(numbered(3), 3)).toThrow(RangeError)
    expect(() => merkleProof([], 0)).toThrow(RangeError)
  })
})

/** A node over two hashes, through the public interface: two leaves' peaks merge into it. */
function merkleNode(left: Hash, right: Hash): Hash {
  return peaksRoot([left, right], 3)
}

describe('the accumulator (FORMATS 2: chainRoot is kept incrementally)', () => {
  test('its root equals the root of all leaves, for every prefix', () => {
    const leaves = numbered(300)
    let peaks: Hash[] = []
    expect(peaksRoot(peaks, 0)).toBe(merkleRoot([]))
    for (const [count, leaf] of leaves.entries()) {
      peaks = appendPeak(peaks, count, leaf)
      expect(peaksRoot(peaks, count + 1)).toBe(merkleRoot(leaves.slice(0, count + 1)))
    }
  })

  test('the same for leaves of any content', () => {
    fc.assert(
      fc.property(anyLeaves, (leaves) => {
        let peaks: Hash[] = []
        leaves.forEach((leaf, count) => {
          peaks = appendPeak(peaks, count, leaf)
        })
        expect(peaksRoot(peaks, leaves.length)).toBe(merkleRoot(leaves))
      }),
    )
  })

  test('appending leaves the peaks it was given as they were: forks share them', () => {
    const before = appendPeak([], 0, Buffer.from('genesis'))
    const copy = [...before]
    appendPeak(before, 1, Buffer.from('one side'))
    appendPeak(before, 1, Buffer.from('the other'))
    expect(before).toEqual(copy)
  })

  test('counts above 2^32 keep their digits', () => {
    const peaks = appendPeak([ZERO_HASH], 2 ** 40, Buffer.from('next'))
    expect(peaks).toEqual([ZERO_HASH, merkleLeafHash(Buffer.from('next'))])
  })

  test('peaks that cannot belong to the count are a broken invariant', () => {
    expect(() => peaksRoot([ZERO_HASH, ZERO_HASH], 2)).toThrow(InvariantError)
    expect(() => appendPeak([], 1, Buffer.from('x'))).toThrow(InvariantError)
    expect(() => appendPeak([ZERO_HASH, ZERO_HASH], 2, Buffer.from('x'))).toThrow(InvariantError)
    expect(() => peaksRoot([], -1)).toThrow(InvariantError)
  })
})
