// When waiting transactions are sent as one gossip batch: a lone one at once, a stream of them at most once per linger time.
// Owns the waiting items; never encodes or sends. The clock is a port, so that a simulation can drive it.

import { assert } from '../crypto/assert.ts'
import { BATCH_BYTES_MAX, batchItemBytes } from './batch.ts'

export interface BatcherClock {
  nowMs(): number
  /** Calls back once; the returned function cancels. */
  after(delayMs: number, callback: () => void): () => void
}

export interface BatcherLimits {
  readonly lingerMs: number
  /** Encoded length of what waits; reaching it sends at once. Nothing waits beyond either bound. */
  readonly waitingBytesMax: number
  readonly waitingItemsMax: number
}

export const BATCHER_DEFAULTS: BatcherLimits = { lingerMs: 10, waitingBytesMax: 64 * 1024, waitingItemsMax: 512 }

export interface Batcher {
  /** Items that come together leave together, as far as one batch holds them. */
  add(...items: readonly Uint8Array[]): void
  /** Sends what waits and takes nothing more. */
  stop(): void
}

/** @param flush gets 1 to `waitingItemsMax` items which fit one batch, in the order of `add` */
export function createBatcher(
  clock: BatcherClock,
  flush: (items: readonly Uint8Array[]) => void,
  limits: BatcherLimits = BATCHER_DEFAULTS,
): Batcher {
  const { lingerMs, waitingBytesMax, waitingItemsMax } = limits
  assert(waitingBytesMax < BATCH_BYTES_MAX, 'what waits fits a batch')
  let waiting: Uint8Array[] = []
  let waitingBytes = 0
  let flushedAtMs = Number.NEGATIVE_INFINITY
  let cancel: (() => void) | undefined
  let isStopped = false

  function flushNow(): void {
    cancel?.()
    cancel = undefined
    if (waiting.length === 0) return
    const items = waiting
    waiting = []
    waitingBytes = 0
    flushedAtMs = clock.nowMs()
    flush(items)
  }

  function wait(item: Uint8Array): void {
    const bytes = batchItemBytes(item)
    if (waitingBytes + bytes > waitingBytesMax) flushNow()
    waiting.push(item)
    waitingBytes += bytes
    if (waitingBytes >= waitingBytesMax || waiting.length >= waitingItemsMax) flushNow()
  }

  function add(...items: readonly Uint8Array[]): void {
    if (isStopped) return
    for (const item of items) wait(item)
    if (waiting.length === 0) return
    const sinceFlushMs = clock.nowMs() - flushedAtMs
    if (sinceFlushMs >= lingerMs) flushNow()
    // Wall time may step back: never wait longer than the linger time.
    else cancel ??= clock.after(Math.min(lingerMs, lingerMs - sinceFlushMs), flushNow)
  }

  return {
    add,
    stop() {
      isStopped = true
      flushNow()
    },
  }
}
