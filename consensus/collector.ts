// Votes on their way to a QC and timeouts on their way to a TC, keyed by view (PITFALLS 13) and, for votes, by block.
// The first message of a signer stands; a signer whose signature proved bad is muted for the view (PITFALLS 23).
// Never verifies anything: signatures are checked once, as the aggregate (DESIGN.md section 3, "Votes").

import type { BlockId, Checked, Timeout, ValidatorIndex, View, Vote } from './types.ts'

/** What became of a vote or timeout that was handed in. */
export type Collected<T> =
  | { readonly kind: 'stored' }
  | { readonly kind: 'ignored' }
  | { readonly kind: 'conflict'; readonly first: T }

interface Tally<T> {
  readonly messages: Map<ValidatorIndex, T>
  power: number
  /** Aggregation under way, or done: more messages change nothing until it is refuted. */
  settled: boolean
}

type PowerOf = (signer: ValidatorIndex) => number

/** Votes for one block that differ in what they say of its parent sign different messages: they never aggregate. */
function ballotOf(vote: Vote): string {
  return `${vote.blockId}/${vote.parentView}/${vote.parentId}`
}

interface VotesOfView {
  readonly first: Map<ValidatorIndex, Vote>
  readonly ballots: Map<string, Tally<Checked<Vote>>>
  readonly muted: Set<ValidatorIndex>
  /** Whose conflict was reported: one a view is proof enough, and each one costs whoever verifies it two pairings. */
  readonly accused: Set<ValidatorIndex>
}

/** Bound: one vote per validator and view; the core keeps views within its window. */
export class VoteCollector {
  readonly #views = new Map<View, VotesOfView>()
  readonly #quorum: number
  readonly #powerOf: PowerOf

  constructor(quorum: number, powerOf: PowerOf) {
    this.#quorum = quorum
    this.#powerOf = powerOf
  }

  add(vote: Checked<Vote>): Collected<Vote> {
    const votes = this.#at(vote.view)
    if (votes.muted.has(vote.signer)) return { kind: 'ignored' }
    const first = votes.first.get(vote.signer)
    if (first !== undefined) {
      if (ballotOf(first) === ballotOf(vote) || votes.accused.has(vote.signer)) return { kind: 'ignored' }
      votes.accused.add(vote.signer)
      return { kind: 'conflict', first }
    }
    votes.first.set(vote.signer, vote)
    const ballot = ballotOf(vote)
    const tally = votes.ballots.get(ballot) ?? { messages: new Map(), power: 0, settled: false }
    votes.ballots.set(ballot, tally)
    tally.messages.set(vote.signer, vote)
    tally.power += this.#powerOf(vote.signer)
    return { kind: 'stored' }
  }

  /** The votes of the first block that has a quorum and is not settled; settles it. */
  takeQuorum(view: View): { readonly blockId: BlockId; readonly votes: readonly Checked<Vote>[] } | undefined {
    for (const tally of this.#views.get(view)?.ballots.values() ?? []) {
      if (tally.settled || tally.power < this.#quorum) continue
      const votes = [...tally.messages.values()]
      const [vote] = votes
      if (vote === undefined) continue
      tally.settled = true
      return { blockId: vote.blockId, votes }
    }
    return undefined
  }

  /** Whether some block of the view has a quorum of unrefuted votes. */
  hasQuorum(view: View): boolean {
    for (const tally of this.#views.get(view)?.ballots.values() ?? []) if (tally.power >= this.#quorum) return true
    return false
  }

  /** Drops and mutes the culprits; what is valid stays and may still reach a quorum. */
  refute(view: View, blockId: BlockId, culprits: readonly ValidatorIndex[]): void {
    const votes = this.#views.get(view)
    if (votes === undefined) return
    for (const tally of votes.ballots.values()) {
      const [vote] = tally.messages.values()
      if (vote?.blockId !== blockId) continue
      tally.settled = false
      for (const culprit of culprits) if (tally.messages.delete(culprit)) tally.power -= this.#powerOf(culprit)
    }
    for (const culprit of culprits) {
      votes.first.delete(culprit)
      votes.muted.add(culprit)
    }
  }

  dropBelow(view: View): void {
    for (const old of this.#views.keys()) if (old < view) this.#views.delete(old)
  }

  /** How many views hold votes: bounded by the core's window. */
  get views(): number {
    return this.#views.size
  }

  #at(view: View): VotesOfView {
    let votes = this.#views.get(view)
    if (votes === undefined) {
      votes = { first: new Map(), ballots: new Map(), muted: new Set(), accused: new Set() }
      this.#views.set(view, votes)
    }
    return votes
  }
}

interface TimeoutsOfView extends Tally<Checked<Timeout>> {
  readonly muted: Set<ValidatorIndex>
}

/** Bound: one timeout per validator and view. */
export class TimeoutCollector {
  readonly #views = new Map<View, TimeoutsOfView>()
  readonly #quorum: number
  readonly #powerOf: PowerOf

  constructor(quorum: number, powerOf: PowerOf) {
    this.#quorum = quorum
    this.#powerOf = powerOf
  }

  add(timeout: Checked<Timeout>): Collected<Timeout> {
    let view = this.#views.get(timeout.view)
    if (view === undefined) {
      view = { messages: new Map(), power: 0, settled: false, muted: new Set() }
      this.#views.set(timeout.view, view)
    }
    if (view.muted.has(timeout.signer) || view.messages.has(timeout.signer)) return { kind: 'ignored' }
    view.messages.set(timeout.signer, timeout)
    view.power += this.#powerOf(timeout.signer)
    return { kind: 'stored' }
  }

  powerAt(view: View): number {
    return this.#views.get(view)?.power ?? 0
  }

  timeoutsAt(view: View): readonly Checked<Timeout>[] {
    return [...(this.#views.get(view)?.messages.values() ?? [])]
  }

  /** All timeouts of the view once they are a quorum and not settled; settles them. */
  takeQuorum(view: View): readonly Checked<Timeout>[] | undefined {
    const timeouts = this.#views.get(view)
    if (timeouts === undefined || timeouts.settled || timeouts.power < this.#quorum) return undefined
    timeouts.settled = true
    return [...timeouts.messages.values()]
  }

  refute(view: View, culprits: readonly ValidatorIndex[]): void {
    const timeouts = this.#views.get(view)
    if (timeouts === undefined) return
    timeouts.settled = false
    for (const culprit of culprits) {
      if (timeouts.messages.delete(culprit)) timeouts.power -= this.#powerOf(culprit)
      timeouts.muted.add(culprit)
    }
  }

  dropBelow(view: View): void {
    for (const old of this.#views.keys()) if (old < view) this.#views.delete(old)
  }

  get views(): number {
    return this.#views.size
  }
}
