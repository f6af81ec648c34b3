import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Cursor, decodeCursor, encodeCursor, pageKeys } from '../../api/cursor.ts'

const FILTER = ['chain', 'blocks', '', '', 'desc']

const ranges = fc
  .tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: -1, max: 60 }))
  .map(([low, size]) => ({ low, high: low + size }))
const orders = fc.constantFrom('asc' as const, 'desc' as const)
const limits = fc.integer({ min: 1, max: 20 })

function expected(range: { low: number; high: number }, order: 'asc' | 'desc'): number[] {
  const keys = Array.from({ length: Math.max(0, range.high - range.low + 1) }, (_, at) => range.low + at)
  return order === 'asc' ? keys : keys.reverse()
}

describe('cursors', () => {
  it('come back as they went', () => {
    const cursors = fc.record({ direction: fc.constantFrom('after' as const, 'before' as const), key: fc.maxSafeNat() })
    fc.assert(
      fc.property(cursors, (cursor) => {
        expect(decodeCursor(encodeCursor(cursor, FILTER), FILTER)).toEqual({ ok: true, cursor })
      }),
    )
  })

  it('are refused for another filter, in another version, and when they are no cursor (API.md, Pagination)', () => {
    const text = encodeCursor({ direction: 'after', key: 7 }, FILTER)
    const other = Buffer.from(text, 'base64url')
    other[0] = 2
    for (const [bad, filter] of [
      [text, ['chain', 'blocks', '5', '', 'desc']],
      [text, ['another chain', 'blocks', '', '', 'desc']],
      [text, ['chain', 'blocks', '', '', 'asc']],
      [other.toString('base64url'), FILTER],
      ['', FILTER],
      ['x'.repeat(24), FILTER],
      [`${text}A`, FILTER],
      [text.slice(0, -1), FILTER],
    ] as const) {
      expect(decodeCursor(bad, filter).ok, bad).toBe(false)
    }
  })
})

describe('pages', () => {
  it('walked forward show every key once and in order, and walked back show the same', () => {
    fc.assert(
      fc.property(ranges, orders, limits, (range, order, limit) => {
        const forward: number[][] = []
        let page = pageKeys(range, order, limit, undefined)
        for (;;) {
          forward.push([...page.keys])
          expect(page.keys.length).toBeLessThanOrEqual(limit)
          // Pages that repeat a key might never end.
          expect(forward.flat().length).toBeLessThanOrEqual(range.high - range.low + 1)
          if (page.next === undefined) break
          page = pageKeys(range, order, limit, page.next)
        }
        expect(forward.flat()).toEqual(expected(range, order))
        const back: number[][] = [[...page.keys]]
        while (page.prev !== undefined) {
          page = pageKeys(range, order, limit, page.prev)
          back.unshift([...page.keys])
        }
        expect(back.flat()).toEqual(forward.flat())
      }),
    )
  })

  it('neither repeat nor skip while the chain grows between them (acceptance: stable under growth)', () => {
    const growths = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 80 })
    fc.assert(
      fc.property(ranges, orders, limits, growths, (first, order, limit, growth) => {
        let range = first
        const seen: number[] = []
        let cursor: Cursor | undefined
        for (let turn = 0; turn < 500; turn++) {
          const page = pageKeys(range, order, limit, cursor)
          seen.push(...page.keys)
          cursor = page.next
          if (cursor === undefined) break
          range = { ...range, high: range.high + (growth[turn] ?? 0) }
        }
        expect(seen).toEqual(expected(order === 'asc' ? range : first, order))
      }),
    )
  })
})
