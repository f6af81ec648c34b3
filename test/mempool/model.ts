// The mempool once more, without any index: every question is answered by sorting or filtering all entries.
// Slow and obvious on purpose; the property test compares the real one with it.

import type { Hash } from '../../crypto/bytes.ts'
import type { DecodedTransaction } from '../../ledger/application.ts'
import type { MempoolLimits } from '../../mempool/mempool.ts'

interface Held {
  readonly transaction: DecodedTransaction
  readonly arrival: number
}

export class Model {
  readonly limits: MempoolLimits
  readonly next = new Map<string, bigint>()
  /** Uncommitted blocks on the current chain, oldest first. */
  readonly blocks: DecodedTransaction[][] = []
  height = 0
  held: Held[] = []
  #arrivals = 0

  constructor(limits: MempoolLimits) {
    this.limits = limits
  }

  nextOf(lane: string): bigint {
    return this.next.get(lane) ?? 0n
  }

  get bytes(): number {
    return this.held.reduce((sum, { transaction }) => sum + transaction.bytes.length, 0)
  }

  isIncluded(id: Hash): boolean {
    return this.blocks.some((block) => block.some((transaction) => transaction.id === id))
  }

  lane(name: string, held = this.held): Held[] {
    const inLane = held.filter(({ transaction }) => transaction.lane === name)
    return inLane.sort((a, b) => (a.transaction.sequence < b.transaction.sequence ? -1 : 1))
  }

  isReady({ lane, sequence }: DecodedTransaction, held = this.held): boolean {
    const sequences = new Set(this.lane(lane, held).map(({ transaction }) => transaction.sequence))
    for (let at = this.nextOf(lane); at < sequence; at++) if (!sequences.has(at)) return false
    return true
  }

  ready(): DecodedTransaction[] {
    return this.held.map(({ transaction }) => transaction).filter((transaction) => this.isReady(transaction))
  }

  #floor({ lane, sequence, priority }: DecodedTransaction, held: Held[]): bigint {
    let floor = priority
    for (const { transaction } of this.lane(lane, held)) {
      if (transaction.sequence < sequence && transaction.priority < floor) floor = transaction.priority
    }
    return floor
  }

  /** The tail that is worth least, of those that may leave for the newcomer. */
  #victim(newcomer: DecodedTransaction, held: Held[]): Held | undefined {
    const tails = [...new Set(held.map(({ transaction }) => transaction.lane))].flatMap((name) => {
      const lane = this.lane(name, held)
      const tail = lane[lane.length - 1]
      if (tail === undefined || this.isIncluded(tail.transaction.id)) return []
      return name === newcomer.lane && tail.transaction.sequence <= newcomer.sequence ? [] : [tail]
    })
    const rank = (each: Held) => ({
      ready: this.isReady(each.transaction, this.held) ? 1 : 0,
      floor: this.#floor(each.transaction, this.held),
    })
    return tails.sort((a, b) => {
      const [first, second] = [rank(a), rank(b)]
      if (first.ready !== second.ready) return first.ready - second.ready
      if (first.floor !== second.floor) return first.floor < second.floor ? -1 : 1
      return b.arrival - a.arrival
    })[0]
  }

  /** The kind of refusal, or the ids that leave for it in any order. */
  add(newcomer: DecodedTransaction): string | ReadonlySet<Hash> {
    const { limits } = this
    if (this.held.some(({ transaction }) => transaction.id === newcomer.id)) return new Set()
    if (newcomer.bytes.length > limits.transactionBytesMax) return 'transaction-too-large'
    if (newcomer.validUntil <= this.height) return 'expired'
    const next = this.nextOf(newcomer.lane)
    if (newcomer.sequence < next) return 'nonce-too-low'
    if (newcomer.sequence > next + BigInt(limits.nonceGapMax)) return 'nonce-too-high'
    const lane = this.lane(newcomer.lane)
    const leaving = new Set<Held>()
    const taken = lane.find(({ transaction }) => transaction.sequence === newcomer.sequence)
    if (taken !== undefined) {
      const { id, priority } = taken.transaction
      const isEnough = newcomer.priority > priority && 10n * newcomer.priority >= 11n * priority
      if (this.isIncluded(id) || !isEnough) return 'nonce-taken'
      leaving.add(taken)
    } else if (lane.length >= limits.perLaneMax) {
      const tail = lane[lane.length - 1]
      if (tail === undefined || tail.transaction.sequence < newcomer.sequence) return 'account-limit'
      leaving.add(tail)
    }
    const entry = { transaction: newcomer, arrival: this.#arrivals }
    const isFull = (held: readonly Held[]) =>
      held.length > limits.countMax ||
      held.reduce((sum, { transaction }) => sum + transaction.bytes.length, 0) > limits.bytesMax
    const others = this.held.filter((each) => each !== taken)
    const isReady = this.isReady(newcomer)
    const floor = this.#floor(newcomer, [...others, entry])
    let left = this.held.filter((each) => !leaving.has(each))
    while (isFull([...left, entry])) {
      const victim = this.#victim(newcomer, left)
      if (victim === undefined) return 'mempool-full'
      const victimIsReady = this.isReady(victim.transaction)
      const isWorthMore = victimIsReady === isReady ? floor > this.#floor(victim.transaction, this.held) : isReady
      if (!isWorthMore) return 'mempool-full'
      leaving.add(victim)
      left = left.filter((each) => each !== victim)
    }
    this.#arrivals++
    this.held = [...left, entry]
    return new Set([...leaving].map(({ transaction }) => transaction.id))
  }

  remove(ids: ReadonlySet<Hash>): void {
    this.held = this.held.filter(({ transaction }) => !ids.has(transaction.id))
  }

  /** What the next block on the current chain may take, in order. */
  candidates(): DecodedTransaction[] {
    const starts = new Map(this.next)
    for (const transaction of this.blocks.flat()) starts.set(transaction.lane, transaction.sequence + 1n)
    const chosen: DecodedTransaction[] = []
    for (;;) {
      const heads = this.held.filter(({ transaction }) => transaction.sequence === (starts.get(transaction.lane) ?? 0n))
      const [best] = heads.sort((a, b) => {
        const [first, second] = [a.transaction.priority, b.transaction.priority]
        return first === second ? a.arrival - b.arrival : first > second ? -1 : 1
      })
      if (best === undefined) return chosen
      chosen.push(best.transaction)
      starts.set(best.transaction.lane, best.transaction.sequence + 1n)
    }
  }
}
