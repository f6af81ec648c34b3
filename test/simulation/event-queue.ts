// Virtual time: a binary heap of what happens when. Nothing here or above it looks at the real clock.
// Events of one millisecond run in the order in which they were scheduled.

interface Event {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

export class EventQueue {
  readonly #heap: Event[] = []
  #order = 0
  #nowMs: number

  constructor(startMs: number) {
    this.#nowMs = startMs
  }

  get nowMs(): number {
    return this.#nowMs
  }

  get size(): number {
    return this.#heap.length
  }

  after(delayMs: number, run: () => void): void {
    const heap = this.#heap
    const event = { atMs: this.#nowMs + delayMs, order: this.#order++, run }
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || isBefore(parent, event)) break
      heap[at] = parent
      at = above
    }
    heap[at] = event
  }

  /** Runs the next event; false when nothing is left. */
  runNext(): boolean {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined) return false
    if (heap.length > 0) this.#sink(last)
    this.#nowMs = first.atMs
    first.run()
    return true
  }

  #sink(event: Event): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      const left = heap[below]
      const right = heap[below + 1]
      if (left === undefined) break
      let child = left
      if (right !== undefined && isBefore(right, left)) {
        child = right
        below += 1
      }
      if (isBefore(event, child)) break
      heap[at] = child
      at = below
    }
    heap[at] = event
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
