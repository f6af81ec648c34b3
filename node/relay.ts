// Gossip of transactions: batches out, batches in. A batch is judged malformed or not at once and never forwarded by gossipsub;
// what proved valid and new is passed on by this node's own batches, unless everybody who matters has heard it already.
// So an unverified transaction travels one hop at most, and in a full mesh nothing is sent twice (docs/adr/0004).

import type { Hash } from '../crypto/bytes.ts'
import { decodeBatch, encodeBatch } from '../mempool/batch.ts'
import { type Batcher, createBatcher } from '../mempool/batcher.ts'
import type { Clock, Network } from './ports.ts'
import type { Submissions } from './submissions.ts'

/** Batches being verified; beyond, they are ignored: their senders' own leaders will propose them. */
export const BATCHES_IN_FLIGHT_MAX = 64

export interface RelayDeps {
  readonly clock: Clock
  readonly network: () => Network
  readonly submissions: () => Submissions
  /** How many validators there are beside this node. */
  readonly otherValidators: number
  readonly onFatal: (error: unknown) => void
}

export class Relay {
  readonly #deps: RelayDeps
  readonly #batcher: Batcher
  #inFlight = 0
  #ignored = 0

  constructor(deps: RelayDeps) {
    this.#deps = deps
    this.#batcher = createBatcher(deps.clock, (items) => deps.network().gossip(encodeBatch(items)))
  }

  get ignored(): number {
    return this.#ignored
  }

  /** Transactions this node accepted, at least one. */
  publish(transactions: readonly Uint8Array[]): void {
    this.#batcher.add(...transactions)
  }

  onGossip(peerId: string, body: Uint8Array): 'ignore' | 'reject' {
    const batch = decodeBatch(body)
    if (!batch.ok) return 'reject'
    if (this.#inFlight >= BATCHES_IN_FLIGHT_MAX) {
      this.#ignored += 1
      return 'ignore'
    }
    this.#inFlight += 1
    this.#receive(peerId, batch.value).then(
      () => {
        this.#inFlight -= 1
      },
      (error: unknown) => this.#deps.onFatal(error),
    )
    return 'ignore'
  }

  stop(): void {
    this.#batcher.stop()
  }

  async #receive(peerId: string, items: readonly Uint8Array[]): Promise<void> {
    const received = await this.#deps.submissions().receive(items)
    if (received.fault !== undefined) this.#deps.network().penalise(peerId, 'invalid-content', received.fault)
    if (this.#everybodyHeard(peerId)) return
    const fresh = new Set<Hash>(received.fresh)
    this.#batcher.add(
      ...items.filter((_, at) => {
        const id = received.ids[at]
        return id !== undefined && fresh.delete(id)
      }),
    )
  }

  /** A validator publishes to all validators it is connected to; in a full mesh that is all of them. */
  #everybodyHeard(peerId: string): boolean {
    const peers = this.#deps.network().peers()
    const fromValidator = peers.some((peer) => peer.id === peerId && peer.validator !== undefined)
    return fromValidator && peers.filter((peer) => peer.validator !== undefined).length >= this.#deps.otherValidators
  }
}
