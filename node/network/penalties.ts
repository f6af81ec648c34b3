// What peers have done: a score per offence that decays with time, and bans past the budget (TESTING.md, hardening:
// P2P). Validators are banned for a moment only, so that liveness returns by itself. Owns no connection.

import type { Offence } from '../ports.ts'

/** A score at which a peer is disconnected and banned. */
export const PENALTY_BUDGET = 100
/** Score forgiven per second. */
export const PENALTY_DECAY_PER_SECOND = 1
/** What a peer starts from when its ban ends: the next offences count sooner. */
export const PENALTY_AFTER_BAN = 50
export const BAN_MS = 60_000
export const VALIDATOR_BAN_MS = 5_000
/** Peers remembered at most, connected or not; the one with the lowest score goes first. */
export const PEERS_TRACKED_MAX = 1024

/**
 * By what the offence cost us and how surely it was meant: one of 100 bans at once, a second of 60, a third of 40, a
 * fifth of 24 when they come within some 20 s. Only 100 fills the budget exactly: elsewhere a millisecond's decay would
 * decide.
 */
export const OFFENCE_COST: Readonly<Record<Offence, number>> = {
  'wrong-chain': 100,
  'false-proof': 100,
  malformed: 60,
  flood: 40,
  'invalid-signature': 24,
  'invalid-content': 24,
  unsolicited: 6,
}

interface Mark {
  score: number
  updatedMs: number
  bannedUntilMs: number
}

export class Penalties {
  readonly #isValidator: (peerId: string) => boolean
  readonly #marks = new Map<string, Mark>()

  constructor(isValidator: (peerId: string) => boolean) {
    this.#isValidator = isValidator
  }

  get size(): number {
    return this.#marks.size
  }

  /** Adds `times` offences; answers whether this one got the peer banned. While banned nothing is added. */
  add(peerId: string, offence: Offence, nowMs: number, times = 1): boolean {
    const mark = this.#markOf(peerId, nowMs)
    if (mark.bannedUntilMs > nowMs) return false
    mark.score = this.#decayed(mark, nowMs) + times * OFFENCE_COST[offence]
    mark.updatedMs = nowMs
    if (mark.score < PENALTY_BUDGET) return false
    mark.bannedUntilMs = nowMs + (this.#isValidator(peerId) ? VALIDATOR_BAN_MS : BAN_MS)
    mark.updatedMs = mark.bannedUntilMs
    mark.score = PENALTY_AFTER_BAN
    return true
  }

  isBanned(peerId: string, nowMs: number): boolean {
    return (this.#marks.get(peerId)?.bannedUntilMs ?? 0) > nowMs
  }

  score(peerId: string, nowMs: number): number {
    const mark = this.#marks.get(peerId)
    return mark === undefined ? 0 : this.#decayed(mark, nowMs)
  }

  #decayed(mark: Mark, nowMs: number): number {
    const elapsedMs = Math.max(0, nowMs - mark.updatedMs)
    return Math.max(0, mark.score - (elapsedMs * PENALTY_DECAY_PER_SECOND) / 1000)
  }

  #markOf(peerId: string, nowMs: number): Mark {
    let mark = this.#marks.get(peerId)
    if (mark === undefined) {
      if (this.#marks.size >= PEERS_TRACKED_MAX) this.#forgetOne(nowMs)
      mark = { score: 0, updatedMs: nowMs, bannedUntilMs: 0 }
      this.#marks.set(peerId, mark)
    }
    return mark
  }

  // Those who are banned count above every score: a flood of fresh identities must not wash a ban away.
  #forgetOne(nowMs: number): void {
    let lowest: string | undefined
    let lowestWeight = Number.POSITIVE_INFINITY
    for (const [peerId, mark] of this.#marks) {
      const weight = mark.bannedUntilMs > nowMs ? PENALTY_BUDGET + mark.bannedUntilMs : this.#decayed(mark, nowMs)
      if (weight < lowestWeight) {
        lowest = peerId
        lowestWeight = weight
      }
    }
    if (lowest !== undefined) this.#marks.delete(lowest)
  }
}
