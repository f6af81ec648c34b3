import { describe, expect, it } from 'vitest'
import { encodeBatch } from '../../mempool/batch.ts'
import { BATCHER_DEFAULTS, type BatcherClock, createBatcher } from '../../mempool/batcher.ts'

/** Moves only when told to; a timer due at the new time fires at its own time. */
class VirtualClock implements BatcherClock {
  #nowMs = 1_000
  readonly #timers = new Set<{ readonly atMs: number; readonly callback: () => void }>()

  get timers(): number {
    return this.#timers.size
  }

  nowMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (const timer of [...this.#timers].sort((a, b) => a.atMs - b.atMs)) {
      if (timer.atMs > untilMs || !this.#timers.delete(timer)) continue
      this.#nowMs = Math.max(this.#nowMs, timer.atMs)
      timer.callback()
    }
    this.#nowMs = untilMs
  }

  /** Wall time is set back; running timers do not notice. */
  stepBack(ms: number): void {
    this.#nowMs -= ms
  }
}

function setUp() {
  const clock = new VirtualClock()
  const sent: { readonly atMs: number; readonly count: number }[] = []
  const batcher = createBatcher(clock, (items) => {
    encodeBatch(items)
    sent.push({ atMs: clock.nowMs() - 1_000, count: items.length })
  })
  return { clock, sent, batcher }
}

const item = new Uint8Array(100)

describe('batcher', () => {
  it('sends what came together together, the first time too, and never more than a batch holds', () => {
    const { sent, clock, batcher } = setUp()
    batcher.add(...Array.from({ length: 256 }, () => item))
    expect(sent).toEqual([{ atMs: 0, count: 256 }])
    clock.advance(BATCHER_DEFAULTS.lingerMs)
    batcher.add(...Array.from({ length: BATCHER_DEFAULTS.waitingItemsMax + 1 }, () => item))
    expect(sent.slice(1).map(({ count }) => count)).toEqual([BATCHER_DEFAULTS.waitingItemsMax])
    clock.advance(BATCHER_DEFAULTS.lingerMs)
    expect(sent.slice(2).map(({ count }) => count)).toEqual([1])
  })

  it('adding nothing sends nothing and starts no timer', () => {
    const { sent, clock, batcher } = setUp()
    batcher.add()
    expect([sent.length, clock.timers]).toEqual([0, 0])
  })

  it('sends a lone transaction at once', () => {
    const { clock, sent, batcher } = setUp()
    batcher.add(item)
    expect(sent).toEqual([{ atMs: 0, count: 1 }])
    clock.advance(10)
    batcher.add(item)
    expect(sent).toEqual([
      { atMs: 0, count: 1 },
      { atMs: 10, count: 1 },
    ])
    expect(clock.timers).toBe(0)
  })

  it('sends a stream once per linger time, nothing waiting longer than that', () => {
    const { clock, sent, batcher } = setUp()
    for (let ms = 0; ms < 30; ms++) {
      batcher.add(item)
      clock.advance(1)
    }
    expect(sent).toEqual([
      { atMs: 0, count: 1 },
      { atMs: 10, count: 9 },
      { atMs: 20, count: 10 },
      { atMs: 30, count: 10 },
    ])
  })

  it('sends at once when the items or the bytes that may wait are reached', () => {
    const { clock, sent, batcher } = setUp()
    for (let i = 0; i < 1 + BATCHER_DEFAULTS.waitingItemsMax + 1; i++) batcher.add(item)
    expect(sent.map(({ count }) => count)).toEqual([1, 512])
    expect(clock.timers, 'one for the last item, none left over').toBe(1)
    const large = new Uint8Array(20_000)
    for (let i = 0; i < 4; i++) batcher.add(large)
    expect(sent.map(({ count }) => count)).toEqual([1, 512, 4])
    batcher.add(new Uint8Array(70_000))
    expect(sent.map(({ count }) => count)).toEqual([1, 512, 4, 1, 1])
    clock.advance(20)
    expect(sent.length).toBe(5)
    expect(clock.timers).toBe(0)
  })

  it('never waits longer than the linger time, even when wall time steps back', () => {
    const { clock, sent, batcher } = setUp()
    batcher.add(item)
    clock.stepBack(60_000)
    batcher.add(item)
    clock.advance(10)
    expect(sent.map(({ count }) => count)).toEqual([1, 1])
  })

  it('sends what waits when it stops, and nothing after', () => {
    const { clock, sent, batcher } = setUp()
    batcher.add(item)
    batcher.add(item)
    batcher.stop()
    batcher.add(item)
    clock.advance(100)
    expect(sent.map(({ count }) => count)).toEqual([1, 1])
    expect(clock.timers).toBe(0)
  })
})
