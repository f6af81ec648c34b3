// Which snapshots there are and who holds them, as peers said last; and which of them to fetch.
// Every anchor in it was checked. Bound: ANCHORS_MAX a peer, and the one that is being fetched.

import type { BlockId } from '../../consensus/types.ts'
import { type Anchor, type Place, placeOf } from './anchor.ts'

/** Snapshots that stalled and are chosen last; the oldest go first. */
const AVOIDED_MAX = 64

export interface Offer {
  readonly anchor: Anchor
  readonly place: Place
  /** Peers, by id. */
  readonly holders: Set<string>
}

export class Offers {
  readonly #offers = new Map<BlockId, Offer>()
  readonly #avoided = new Set<BlockId>()

  get(blockId: BlockId): Offer | undefined {
    return this.#offers.get(blockId)
  }

  /** One that an earlier life chose: who holds it is not known yet. */
  add(anchor: Anchor): Offer {
    const place = placeOf(anchor)
    const offer = this.#offers.get(place.blockId) ?? { anchor, place, holders: new Set() }
    this.#offers.set(place.blockId, offer)
    return offer
  }

  /** A peer holds these now, and nothing else. `kept` stays though nobody holds it. */
  replace(peerId: string, anchors: readonly Anchor[], kept: Offer | undefined): void {
    this.forget(peerId)
    for (const anchor of anchors) this.add(anchor).holders.add(peerId)
    for (const [id, offer] of this.#offers) if (offer.holders.size === 0 && offer !== kept) this.#offers.delete(id)
  }

  forget(peerId: string): void {
    for (const { holders } of this.#offers.values()) holders.delete(peerId)
  }

  /** Chosen again only when there is nothing else. */
  avoid(blockId: BlockId): void {
    const [oldest] = this.#avoided
    if (this.#avoided.size >= AVOIDED_MAX && oldest !== undefined) this.#avoided.delete(oldest)
    this.#avoided.add(blockId)
  }

  /** The highest that several peers hold, else the highest, one that stalled last; undefined when none is so high. */
  best(heightMin: number): Offer | undefined {
    const rank = ({ holders, place }: Offer) =>
      (this.#avoided.has(place.blockId) ? -(2 ** 52) : 0) + (holders.size > 1 ? 2 ** 51 : 0) + place.height
    return [...this.#offers.values()]
      .filter(({ holders, place }) => holders.size > 0 && place.height >= heightMin)
      .sort((a, b) => rank(b) - rank(a))[0]
  }
}
