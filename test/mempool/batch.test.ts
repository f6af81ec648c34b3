// `GOLDEN=write vitest run test/mempool/batch.test.ts` rewrites the vector: changing it is changing a format.

import { readFileSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../crypto/bytes.ts'
import { BATCH_BYTES_MAX, BATCH_ITEMS_MAX, batchItemBytes, decodeBatch, encodeBatch } from '../../mempool/batch.ts'

const GOLDEN = new URL('../golden/gossip-batch.json', import.meta.url)
const items = ['00', 'c0ffee', '00'.repeat(5)].map((hex) => fromHex(hex) ?? new Uint8Array())

function bytesOf(hex: string): Uint8Array {
  return fromHex(hex.replaceAll(' ', '')) ?? new Uint8Array()
}

describe('gossip batch', () => {
  it('has the golden encoding', () => {
    const vector = { value: items.map(toHex), bytes: toHex(encodeBatch(items)) }
    if (process.env.GOLDEN === 'write') writeFileSync(GOLDEN, `${JSON.stringify(vector, null, 2)}\n`)
    expect(vector).toEqual(JSON.parse(readFileSync(GOLDEN, 'utf8')))
  })

  it('decodes what it encodes, and one encoding only', () => {
    const item = fc.uint8Array({ minLength: 1, maxLength: 300 })
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 20 }), fc.nat(), fc.nat(255), (list, at, byte) => {
        const encoded = encodeBatch(list)
        expect(decodeBatch(encoded)).toEqual({ ok: true, value: list })
        const mutant = Uint8Array.from(encoded)
        mutant[at % mutant.length] = byte
        const decoded = decodeBatch(mutant)
        if (decoded.ok) expect(toHex(encodeBatch(decoded.value))).toBe(toHex(mutant))
      }),
    )
  })

  it('refuses what is not canonical or out of bounds', () => {
    const rows: readonly (readonly [string, Uint8Array, string])[] = [
      ['no bytes', new Uint8Array(), 'wanted'],
      ['no items', bytesOf('00000000'), 'empty'],
      ['an empty item', bytesOf('00000001 00000000'), 'empty'],
      ['fewer items than it says', bytesOf('00000002 00000001 aa'), 'wanted'],
      ['trailing bytes', bytesOf('00000001 00000001 aa bb'), 'trailing'],
      ['an item longer than the rest', bytesOf('00000001 00000002 aa'), 'wanted'],
      ['a length above the bound, refused before allocation', bytesOf('00000001 ffffffff aa'), 'bound'],
      ['a count above the bound', bytesOf('00000401 00000001 aa'), 'bound'],
      ['longer than a batch may be', new Uint8Array(BATCH_BYTES_MAX + 1), 'too long'],
    ]
    for (const [why, bytes, detail] of rows) {
      expect(decodeBatch(bytes), why).toMatchObject({ ok: false, detail: expect.stringContaining(detail) })
    }
  })

  it('reaches both bounds and keeps to them', () => {
    const one = new Uint8Array([1])
    const most = Array.from({ length: BATCH_ITEMS_MAX }, () => one)
    expect(decodeBatch(encodeBatch(most))).toMatchObject({ ok: true })
    expect(() => encodeBatch([...most, one])).toThrow('no batch')
    expect(() => encodeBatch([])).toThrow('no batch')
    expect(() => encodeBatch([new Uint8Array()])).toThrow('empty')
    const longest = new Uint8Array(BATCH_BYTES_MAX - 8)
    expect(4 + batchItemBytes(longest)).toBe(BATCH_BYTES_MAX)
    expect(decodeBatch(encodeBatch([longest]))).toMatchObject({ ok: true })
    expect(() => encodeBatch([longest, one])).toThrow('too long')
  })

  it('does not keep a batch in memory for the sake of one item', () => {
    const decoded = decodeBatch(encodeBatch(items))
    expect(decoded.ok && decoded.value.map((item) => item.buffer.byteLength)).toEqual([1, 3, 5])
  })
})
