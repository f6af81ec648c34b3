// Keeps connections to the peers we want: every other validator, and the extra peers of the configuration. Dials again
// with backoff, for ever. Knows addresses and times; never judges peers.

import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../ports.ts'
import { backoffMs } from './backoff.ts'

/** A link that was up this long was a good one: the next dial starts from the shortest wait. */
export const STABLE_MS = 10_000
/** The higher index gives the lower this much of a start, so that two nodes seldom dial one another at once. */
export const HIGHER_INDEX_DELAY_MS = 1_000

/** How long the peers of the configuration have, at the start and between looks, before others are dialled in their place. */
export const FALLBACK_DELAY_MS = 5_000

export interface DialTarget {
  readonly addresses: readonly Multiaddr[]
  /** Undefined when the address does not name a peer: learned by dialling. */
  readonly peerId: string | undefined
  /** Added to every wait. */
  readonly delayMs: number
  /** Dialled only while no other target is linked. */
  readonly isFallback?: boolean
}

export interface DialerDeps {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly dial: (addresses: readonly Multiaddr[]) => Promise<Connection>
  readonly isLinked: (peerId: string) => boolean
  readonly onDial: (outcome: 'begun' | 'failed', error?: unknown) => void
}

interface Target extends DialTarget {
  peerId: string | undefined
  failures: number
  linkedAtMs: number | undefined
  dialling: boolean
  cancel: (() => void) | undefined
}

export class Dialer {
  readonly #deps: DialerDeps
  readonly #targets: readonly Target[]
  #running = false

  constructor(targets: readonly DialTarget[], deps: DialerDeps) {
    this.#deps = deps
    this.#targets = targets.map((target) => ({
      ...target,
      failures: 0,
      linkedAtMs: undefined,
      dialling: false,
      cancel: undefined,
    }))
  }

  start(): void {
    this.#running = true
    for (const target of this.#targets) this.#schedule(target, target.delayMs)
  }

  stop(): void {
    this.#running = false
    for (const target of this.#targets) target.cancel?.()
  }

  /** A connection to the peer is open, whoever dialled. */
  onLinked(peerId: string): void {
    const target = this.#find(peerId)
    if (target === undefined) return
    target.cancel?.()
    target.cancel = undefined
    target.linkedAtMs ??= this.#deps.clock.nowMs()
  }

  /** The last connection to the peer is gone. */
  onUnlinked(peerId: string): void {
    const target = this.#find(peerId)
    if (target === undefined || target.linkedAtMs === undefined) return
    const upMs = this.#deps.clock.nowMs() - target.linkedAtMs
    target.linkedAtMs = undefined
    // A peer that closes on us at once must not be dialled in a tight loop.
    target.failures = upMs >= STABLE_MS ? 0 : target.failures + 1
    this.#retry(target)
  }

  #find(peerId: string): Target | undefined {
    return this.#targets.find((target) => target.peerId === peerId)
  }

  #retry(target: Target): void {
    this.#schedule(target, backoffMs(target.failures, this.#deps.random()) + target.delayMs)
  }

  #schedule(target: Target, delayMs: number): void {
    if (!this.#running || target.dialling) return
    target.cancel?.()
    target.cancel = this.#deps.clock.after(delayMs, () => {
      target.cancel = undefined
      void this.#dial(target)
    })
  }

  // Never rejects: every end of it either is linked or has scheduled the next dial.
  async #dial(target: Target): Promise<void> {
    if (!this.#running || target.dialling || this.#isLinked(target)) return
    if (target.isFallback === true && this.#hasOthers()) return this.#schedule(target, FALLBACK_DELAY_MS)
    target.dialling = true
    this.#deps.onDial('begun')
    try {
      const connection = await this.#deps.dial(target.addresses)
      target.peerId ??= connection.remotePeer.toString()
    } catch (error) {
      this.#deps.onDial('failed', error)
    } finally {
      target.dialling = false
    }
    if (this.#isLinked(target)) {
      target.linkedAtMs ??= this.#deps.clock.nowMs()
      return
    }
    target.failures += 1
    this.#retry(target)
  }

  #hasOthers(): boolean {
    return this.#targets.some((target) => target.isFallback !== true && this.#isLinked(target))
  }

  #isLinked(target: Target): boolean {
    return target.peerId !== undefined && this.#deps.isLinked(target.peerId)
  }
}
