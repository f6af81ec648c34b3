import { describe, expect, it } from 'vitest'
import { BoundedCache } from '../../../node/storage/bounded-cache.ts'
import { nodeKey, valueKey } from '../../../node/storage/keys.ts'
import { StateCache } from '../../../node/storage/state-cache.ts'
import { hashOfText } from './fixture.ts'

describe('a bounded cache', () => {
  it('holds at most its entries and keeps what is used', () => {
    const cache = new BoundedCache<string>(100)
    cache.set('hot', 'value')
    for (let i = 0; i < 10_000; i++) {
      cache.set(`key ${i}`, 'value')
      expect(cache.size).toBeLessThanOrEqual(100)
      expect(cache.get('hot')).toBe('value')
    }
    expect(cache.get('key 9999')).toBe('value')
    expect(cache.get('key 0')).toBeUndefined()
  })

  it('answers with the last value set, from either generation', () => {
    const cache = new BoundedCache<string>(4)
    for (const value of ['1', '2', '3']) {
      cache.set('a', value)
      cache.set(`other ${value}`, value)
      expect(cache.get('a')).toBe(value)
    }
  })
})

describe('the state cache', () => {
  /** A database of one table that counts its reads. */
  function counted(entries: readonly (readonly [Uint8Array, number])[]) {
    const records = new Map(entries.map(([key, value]) => [Buffer.from(key).toString('hex'), Uint8Array.of(value)]))
    const source = {
      reads: 0,
      get(key: Uint8Array) {
        source.reads += 1
        return records.get(Buffer.from(key).toString('hex'))
      },
    }
    return source
  }
  const alice = hashOfText('alice')
  const bob = hashOfText('bob')

  it('reads a value, a node and an absence once each, then answers from memory', () => {
    const source = counted([
      [valueKey(alice), 1],
      [nodeKey(''), 2],
    ])
    const cache = new StateCache(source)
    for (let i = 0; i < 3; i++) {
      expect(cache.get(alice)).toEqual(Uint8Array.of(1))
      expect(cache.node('')).toEqual(Uint8Array.of(2))
      expect(cache.get(bob)).toBeUndefined()
    }
    expect(source.reads).toBe(3)
  })

  it('answers what a commit wrote and deleted without a read', () => {
    const source = counted([[valueKey(alice), 1]])
    const cache = new StateCache(source)
    cache.apply({
      values: new Map([
        [alice, undefined],
        [bob, Uint8Array.of(9)],
      ]),
      nodes: new Map([['ab', Uint8Array.of(3)]]),
    })
    expect(cache.get(alice)).toBeUndefined()
    expect(cache.get(bob)).toEqual(Uint8Array.of(9))
    expect(cache.node('ab')).toEqual(Uint8Array.of(3))
    expect(source.reads).toBe(0)
  })

  it('stays within its bounds, whatever is asked', () => {
    const source = counted([])
    const cache = new StateCache(source, 50, 20)
    for (let i = 0; i < 500; i++) {
      cache.get(hashOfText(`${i}`))
      cache.node(`${i}`)
      expect(cache.entries.values).toBeLessThanOrEqual(50)
      expect(cache.entries.nodes).toBeLessThanOrEqual(20)
    }
    expect(source.reads).toBe(1_000)
  })
})
