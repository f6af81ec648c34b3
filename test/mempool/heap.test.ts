import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Heap } from '../../mempool/heap.ts'

interface Item {
  key: number
  at: number
}

describe('heap', () => {
  it('keeps order and positions through any sequence of push, change and removal', () => {
    const step = fc.record({ act: fc.constantFrom('push', 'change', 'remove', 'pop'), pick: fc.nat(), key: fc.nat(20) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const heap = new Heap<Item>(
          (a, b) => a.key < b.key,
          (item, at) => {
            item.at = at
          },
        )
        const items: Item[] = []
        for (const { act, pick, key } of steps) {
          const index = items.length === 0 ? -1 : pick % items.length
          const item = items[index]
          if (act === 'push' || item === undefined) {
            const pushed = { key, at: -1 }
            items.push(pushed)
            heap.push(pushed)
          } else if (act === 'change') {
            item.key = key
            heap.fix(item.at)
          } else if (act === 'remove') {
            heap.removeAt(item.at)
            items.splice(index, 1)
            expect(item.at).toBe(-1)
          } else {
            const popped = heap.pop()
            expect(popped?.key).toBe(Math.min(...items.map((held) => held.key)))
            items.splice(popped === undefined ? -1 : items.indexOf(popped), 1)
          }
          expect(heap.size).toBe(items.length)
          for (const held of items) {
            expect(heap.at(held.at)).toBe(held)
            const parent = held.at === 0 ? undefined : heap.at((held.at - 1) >> 1)
            if (parent) expect(parent.key).toBeLessThanOrEqual(held.key)
          }
        }
      }),
    )
  })

  it('is empty-handed when empty, and refuses a position that is free', () => {
    const heap = new Heap<number>((a, b) => a < b)
    expect(heap.pop()).toBeUndefined()
    expect(() => heap.removeAt(0)).toThrow('position')
    expect(() => heap.fix(0)).toThrow('position')
  })
})
