// Whom to ask next for blocks. One request at a time to a peer and fewer a second than it serves, so that catching up is never
// taken for a flood; those who did not answer, or answered nothing of use, come last, so that one who withholds blocks holds
// nobody up for longer than one answer's time. Bound: the connected peers. Sends nothing.

import type { ValidatorIndex } from '../consensus/types.ts'
import type { Peer } from './ports.ts'

interface Asked {
  /** A request is under way. */
  isBusy: boolean
  /** Requests in a row that led to nothing. */
  failures: number
  /** Counts all requests to anybody: lower was asked longer ago. */
  turn: number
  tokens: number
  updatedMs: number
}

export class AskedPeers {
  readonly #perSecondMax: number
  readonly #peers = new Map<string, Asked>()
  #turn = 0

  /** @param perSecondMax requests to one peer, and how many of them may come at once */
  constructor(perSecondMax: number) {
    this.#perSecondMax = perSecondMax
  }

  get size(): number {
    return this.#peers.size
  }

  /** The best first: least in vain, then those known to have the block, then the one asked longest ago. */
  order(peers: readonly Peer[], preferred: readonly ValidatorIndex[]): Peer[] {
    const rank = (peer: Peer): readonly [number, number, number] => {
      const asked = this.#peers.get(peer.id)
      const isPreferred = peer.validator !== undefined && preferred.includes(peer.validator)
      return [asked?.failures ?? 0, isPreferred ? 0 : 1, asked?.turn ?? 0]
    }
    return peers
      .map((peer) => ({ peer, rank: rank(peer) }))
      .sort((a, b) => a.rank[0] - b.rank[0] || a.rank[1] - b.rank[1] || a.rank[2] - b.rank[2])
      .map(({ peer }) => peer)
  }

  /** Takes the first of the round who may be asked now; undefined when nobody may. */
  take(round: Peer[], nowMs: number): Peer | undefined {
    for (const [at, peer] of round.entries()) {
      const asked = this.#at(peer.id, nowMs)
      // Clocks step back, too.
      const refilled = (Math.max(0, nowMs - asked.updatedMs) * this.#perSecondMax) / 1_000
      asked.tokens = Math.min(this.#perSecondMax, asked.tokens + refilled)
      asked.updatedMs = nowMs
      if (asked.isBusy || asked.tokens < 1) continue
      asked.tokens -= 1
      asked.isBusy = true
      asked.turn = ++this.#turn
      round.splice(at, 1)
      return peer
    }
    return undefined
  }

  done(peerId: string, wasUseful: boolean): void {
    const asked = this.#peers.get(peerId)
    if (asked === undefined) return
    asked.isBusy = false
    asked.failures = wasUseful ? 0 : asked.failures + 1
  }

  forget(peerId: string): void {
    this.#peers.delete(peerId)
  }

  #at(peerId: string, nowMs: number): Asked {
    let asked = this.#peers.get(peerId)
    if (asked === undefined) {
      asked = { isBusy: false, failures: 0, turn: 0, tokens: this.#perSecondMax, updatedMs: nowMs }
      this.#peers.set(peerId, asked)
    }
    return asked
  }
}
