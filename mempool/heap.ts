// A binary heap that tells its items where they are, so that one can be moved or taken out in logarithmic time.
// Owns the order of an array; never decides what comes first.

import { assert } from '../crypto/assert.ts'

export class Heap<T> {
  readonly #items: T[] = []
  readonly #before: (a: T, b: T) => boolean
  readonly #moved: (item: T, at: number) => void

  /** @param moved called with every new position of an item, and with -1 when it leaves */
  constructor(before: (a: T, b: T) => boolean, moved: (item: T, at: number) => void = () => {}) {
    this.#before = before
    this.#moved = moved
  }

  get size(): number {
    return this.#items.length
  }

  /** The item at a position: 0 is the first of all, the children of `at` are `2 * at + 1` and `2 * at + 2`. */
  at(at: number): T | undefined {
    return this.#items[at]
  }

  push(item: T): void {
    this.#items.push(item)
    this.#rise(item, this.#items.length - 1)
  }

  pop(): T | undefined {
    const first = this.#items[0]
    if (first !== undefined) this.removeAt(0)
    return first
  }

  removeAt(at: number): void {
    const item = this.#items[at]
    const last = this.#items.pop()
    assert(item !== undefined && last !== undefined, 'a heap position that is taken')
    if (at < this.#items.length) {
      this.#items[at] = last
      this.fix(at)
    }
    this.#moved(item, -1)
  }

  /** Call after what the order depends on changed for the item at this position. */
  fix(at: number): void {
    const item = this.#items[at]
    assert(item !== undefined, 'a heap position that is taken')
    if (!this.#rise(item, at)) this.#sink(item, at)
  }

  #rise(item: T, from: number): boolean {
    let at = from
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = this.#items[above]
      if (parent === undefined || !this.#before(item, parent)) break
      this.#place(parent, at)
      at = above
    }
    this.#place(item, at)
    return at !== from
  }

  #sink(item: T, from: number): void {
    let at = from
    for (;;) {
      let below = 2 * at + 1
      let child = this.#items[below]
      if (child === undefined) break
      const right = this.#items[below + 1]
      if (right !== undefined && this.#before(right, child)) {
        child = right
        below++
      }
      if (!this.#before(child, item)) break
      this.#place(child, at)
      at = below
    }
    this.#place(item, at)
  }

  #place(item: T, at: number): void {
    this.#items[at] = item
    this.#moved(item, at)
  }
}
