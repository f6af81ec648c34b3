// The links between simulated replicas: delay, reordering, loss, duplication and partitions, all drawn from one stream.
// Carries messages as values, never as bytes, and never changes one. A replica's message to itself does not come here.

import type { Block, BlockId, Checked, Height, QC, TC, Timeout, Verified, Vote } from '../../consensus/types.ts'
import type { EventQueue } from './event-queue.ts'
import type { Random } from './random.ts'

/** What replicas say to each other: a Message (consensus/types.ts) after decoding and its checks. */
export type Packet =
  | { readonly kind: 'proposal'; readonly block: Verified<Block> }
  | { readonly kind: 'vote'; readonly vote: Checked<Vote> }
  | { readonly kind: 'timeout'; readonly timeout: Checked<Timeout> }
  | { readonly kind: 'certificate'; readonly qc: Verified<QC>; readonly tc?: Verified<TC> }
  | { readonly kind: 'block-request'; readonly blockId: BlockId; readonly above: Height }
  | {
      readonly kind: 'block-response'
      readonly blockId: BlockId
      readonly blocks: readonly Verified<Block>[]
      readonly certificate?: Verified<QC>
    }

export interface LinkFaults {
  readonly lossPerMille: number
  readonly duplicatePerMille: number
  /** Every message takes a whole number of milliseconds in this range, which is what reorders them. */
  readonly delayMs: readonly [least: number, most: number]
  /** Some take longer by up to this. */
  readonly slowPerMille: number
  readonly slowMsMax: number
}

export const CALM: LinkFaults = {
  lossPerMille: 0,
  duplicatePerMille: 0,
  delayMs: [5, 15],
  slowPerMille: 0,
  slowMsMax: 0,
}

/** Places of replicas: a validator's index, or behind the last one of a second life (simulation.ts). */
export type Receive = (to: number, from: number, packet: Packet) => void

export class SimulatedNetwork {
  readonly #queue: EventQueue
  readonly #random: Random
  readonly #receive: Receive
  faults: LinkFaults = CALM
  /** Group of each replica: only members of one group hear each other. Undefined: no partition. */
  groups: readonly number[] | undefined
  /** For scenarios and villains: false drops the message. */
  passes: (from: number, to: number, packet: Packet) => boolean = () => true
  /** What a sender adds to the delay of its messages: slow validators. */
  lateMs: (from: number) => number = () => 0
  readonly sent = { proposal: 0, vote: 0, timeout: 0, certificate: 0, 'block-request': 0, 'block-response': 0 }

  constructor(queue: EventQueue, random: Random, receive: Receive) {
    this.#queue = queue
    this.#random = random
    this.#receive = receive
  }

  send(from: number, to: number, packet: Packet): void {
    this.sent[packet.kind] += 1
    if (!this.passes(from, to, packet)) return
    const { lossPerMille, duplicatePerMille } = this.faults
    if (this.#random.chance(lossPerMille)) return
    const copies = this.#random.chance(duplicatePerMille) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      // A partition cuts what is under way too.
      this.#queue.after(this.#delayMs() + this.lateMs(from), () => {
        if (this.#hears(to, from)) this.#receive(to, from, packet)
      })
    }
  }

  #hears(to: number, from: number): boolean {
    return this.groups === undefined || this.groups[to] === this.groups[from]
  }

  #delayMs(): number {
    const { delayMs, slowPerMille, slowMsMax } = this.faults
    const slow = slowMsMax > 0 && this.#random.chance(slowPerMille) ? this.#random.between(0, slowMsMax) : 0
    return this.#random.between(...delayMs) + slow
  }
}
