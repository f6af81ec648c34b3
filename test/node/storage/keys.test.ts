import fc from 'fast-check'
import { expect, it } from 'vitest'
import { InvariantError } from '../../../crypto/assert.ts'
import { compareBytes } from '../../../crypto/bytes.ts'
import {
  blockHeightKey,
  blockKey,
  blocksFrom,
  HEAD_KEY,
  META_KEY,
  nodeKey,
  SAFETY_MIRROR_KEY,
  transactionKey,
  UNCOMMITTED_RANGE,
  uncommittedKey,
  valueKey,
  WHOLE_RANGE,
} from '../../../node/storage/keys.ts'
import { GENESIS_BLOCK, hashOfText } from './fixture.ts'

const HEIGHT = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })

it('byte order of block keys is chain order, and a range begins at its height', () => {
  fc.assert(
    fc.property(HEIGHT, HEIGHT, (a, b) => {
      expect(Math.sign(compareBytes(blockKey(a), blockKey(b)))).toBe(Math.sign(a - b))
      const { from, to } = blocksFrom(a)
      expect(compareBytes(blockKey(b), from) >= 0).toBe(b >= a)
      expect(compareBytes(blockKey(b), to)).toBeLessThan(0)
    }),
  )
})

it('no key of one table is a key of another, or in its range', () => {
  const id = hashOfText('one id')
  const keys = {
    meta: META_KEY,
    head: HEAD_KEY,
    mirror: SAFETY_MIRROR_KEY,
    block: blockKey(7),
    blockHeight: blockHeightKey(GENESIS_BLOCK.id),
    transaction: transactionKey(id),
    value: valueKey(id),
    node: nodeKey('0a'),
    root: nodeKey(''),
  }
  const seen = new Set(Object.values(keys).map((key) => Buffer.from(key).toString('hex')))
  expect(seen.size).toBe(Object.keys(keys).length)
  for (const [name, key] of Object.entries(keys)) {
    const isIn = ({ from, to }: { from: Uint8Array; to: Uint8Array }) =>
      compareBytes(key, from) >= 0 && compareBytes(key, to) < 0
    expect(isIn(UNCOMMITTED_RANGE), name).toBe(false)
    expect(isIn(blocksFrom(0)), name).toBe(name === 'block')
    expect(isIn(WHOLE_RANGE), name).toBe(true)
  }
  expect(compareBytes(uncommittedKey(GENESIS_BLOCK.id), UNCOMMITTED_RANGE.from)).toBeGreaterThan(0)
})

it.each(['', 'ab', 'AB'.repeat(32), 'zz'.repeat(32)])('a state key %j that is not 64 hex digits is a bug', (key) => {
  expect(() => valueKey(key)).toThrow(InvariantError)
})
