// The pending transactions of one lane, in sequence order: which are ready, and what each is worth behind those before it.
// Owns the order within a lane; never looks at other lanes, bounds or blocks.

import { assert } from '../crypto/assert.ts'
import type { DecodedTransaction } from '../ledger/application.ts'

export interface Entry {
  readonly transaction: DecodedTransaction
  /** Counts up over the life of the mempool: the tie-break between equal fees. */
  readonly arrival: number
  /** Lowest priority of this entry and those before it in its lane, for it cannot execute before them. */
  floor: bigint
  /** In an uncommitted block of the current chain. */
  included: boolean
}

/**
 * Invariants: (1) entries ascend strictly by sequence, none below `next`; (2) the first `readyCount` have the sequences
 * next, next + 1, ... and no further one continues them; (3) the first `openAt` are ready and included, and the one at
 * `openAt`, if ready, is not included; (4) `floor` never rises along the lane.
 */
export class Lane {
  readonly name: string
  /** The first ready entry in no uncommitted block; if all are in one, the first ready entry; undefined if none is ready. */
  head: Entry | undefined
  /** Copied from the head: a heap of many lanes compares little else, and every step on the way to it is a cache miss. */
  headPriority = 0n
  headArrival = 0
  isOpen = false
  /** Positions in the two heaps of the mempool; -1: not in it. */
  selectionAt = -1
  evictionAt = -1
  readonly #entries: Entry[] = []
  #next: bigint
  #readyCount = 0
  #openAt = 0

  constructor(name: string, next: bigint) {
    this.name = name
    this.#next = next
  }

  /** The sequence that committed state expects. */
  get next(): bigint {
    return this.#next
  }

  get size(): number {
    return this.#entries.length
  }

  get readyCount(): number {
    return this.#readyCount
  }

  /** Position of the first ready entry that is in no uncommitted block; readyCount when there is none. */
  get openAt(): number {
    return this.#openAt
  }

  at(position: number): Entry | undefined {
    return this.#entries[position]
  }

  get tail(): Entry | undefined {
    return this.#entries[this.#entries.length - 1]
  }

  /** Position of the first entry whose sequence is not below this one. */
  position(sequence: bigint): number {
    const entries = this.#entries
    const tail = this.tail
    if (tail === undefined || sequence > tail.transaction.sequence) return entries.length
    if (sequence <= this.#next) return 0
    const offset = Number(sequence - this.#next)
    if (offset <= this.#readyCount) return offset
    let low = this.#readyCount
    let high = entries.length
    while (low < high) {
      const middle = (low + high) >> 1
      const entry = entries[middle]
      if (entry !== undefined && entry.transaction.sequence < sequence) low = middle + 1
      else high = middle
    }
    return low
  }

  find(sequence: bigint): Entry | undefined {
    const entry = this.#entries[this.position(sequence)]
    return entry?.transaction.sequence === sequence ? entry : undefined
  }

  isReady(sequence: bigint): boolean {
    return sequence >= this.#next && sequence < this.#next + BigInt(this.#readyCount)
  }

  /** Adds an entry, or puts it in the place of the one with its sequence. */
  put(entry: Entry): void {
    const { sequence } = entry.transaction
    const at = this.position(sequence)
    const taken = this.#entries[at]?.transaction.sequence === sequence
    if (at === this.#entries.length) this.#entries.push(entry)
    else this.#entries.splice(at, taken ? 1 : 0, entry)
    this.#refloor(at)
    if (at < this.#openAt) this.#openAt = at
    this.#settle()
  }

  remove(entry: Entry): void {
    const at = this.position(entry.transaction.sequence)
    assert(this.#entries[at] === entry, 'the entry is in its lane')
    this.#entries.splice(at, 1)
    this.#refloor(at)
    this.#readyCount = Math.min(this.#readyCount, at)
    this.#openAt = Math.min(this.#openAt, this.#readyCount)
    this.#settle()
  }

  /** Committed state expects `next` from now on; returns the entries below it, which left. */
  advance(next: bigint): Entry[] {
    assert(next > this.#next, 'the next sequence of a lane only rises')
    const gone = this.#entries.splice(0, this.position(next))
    this.#next = next
    this.#readyCount = Math.max(0, this.#readyCount - gone.length)
    this.#openAt = Math.max(0, this.#openAt - gone.length)
    this.#refloor(0)
    this.#settle()
    return gone
  }

  setIncluded(entry: Entry, included: boolean): void {
    entry.included = included
    const at = this.position(entry.transaction.sequence)
    if (!included && at < this.#openAt) this.#openAt = at
    this.#settle()
  }

  /** Stops at the first floor that is right already: later ones depend on nothing else. */
  #refloor(from: number): void {
    const entries = this.#entries
    let above = entries[from - 1]?.floor
    for (let at = from; at < entries.length; at++) {
      const entry = entries[at]
      if (entry === undefined) return
      const { priority } = entry.transaction
      const floor: bigint = above === undefined || priority < above ? priority : above
      if (floor === entry.floor && at > from) return
      entry.floor = floor
      above = floor
    }
  }

  /** Ends every change: restores invariants 2 and 3 from what still holds of them. */
  #settle(): void {
    const entries = this.#entries
    let expected = this.#next + BigInt(this.#readyCount)
    while (entries[this.#readyCount]?.transaction.sequence === expected) {
      this.#readyCount++
      expected++
    }
    while (this.#openAt < this.#readyCount && entries[this.#openAt]?.included === true) this.#openAt++
    this.isOpen = this.#openAt < this.#readyCount
    this.head = this.#readyCount > 0 ? entries[this.isOpen ? this.#openAt : 0] : undefined
    this.headPriority = this.head?.transaction.priority ?? 0n
    this.headArrival = this.head?.arrival ?? 0
  }
}
