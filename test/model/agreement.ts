// What must hold between the traces of several nodes: one certified block a view, one chain, one vote a view of each honest node.
// Takes what each node saw and did, in any order of nodes. Remembers everything: for judging afterwards, not for a node.

import type { StepRecord, TracedBlock, TracedQC, TracedTC, TracedTimeout, TracedVote } from '../../consensus/trace.ts'

interface SeenView {
  certified: string | undefined
  /** First vote seen of each validator, by index. */
  readonly votes: (string | undefined)[]
}

export class Agreement {
  readonly #views = new Map<number, SeenView>()
  readonly #committed = new Map<number, string>()
  /** Of all validators; only those whose traces are judged must not. */
  readonly #doubleVotes = new Map<number, string>()

  /** Heights some node committed. */
  get heights(): number {
    return this.#committed.size
  }

  /** Returns what is broken by the record, if anything is. */
  take(record: StepRecord): string | undefined {
    const { blocks = [], qcs = [], tcs = [], vote, timeout, found, effects } = record
    for (const qc of qcs) if (!this.#certifies(qc)) return this.#twoCertified(qc.view)
    const problem =
      first(blocks, (block) => this.#block(block)) ??
      first(tcs, (tc) => this.#tc(tc)) ??
      (vote && this.#vote(vote)) ??
      (timeout && this.#timeout(timeout)) ??
      (found && this.#commits(found.rootHeight, found.rootId))
    if (problem !== undefined) return problem
    return first(effects, (effect) => {
      switch (effect.kind) {
        case 'vote':
          return this.#vote(effect.vote)
        case 'timeout':
          return this.#timeout(effect.timeout)
        case 'proposal':
          return this.#block(effect.block)
        case 'commit':
          return this.#qc(effect.certificate) ?? first(effect.blocks, ({ height, id }) => this.#commits(height, id))
        default:
          return undefined
      }
    })
  }

  /** Whether a validator signed two votes in one view, as any node saw. */
  doubleVoteOf(validator: number): string | undefined {
    return this.#doubleVotes.get(validator)
  }

  #block({ justify, tc }: TracedBlock): string | undefined {
    return this.#qc(justify) ?? (tc && this.#tc(tc))
  }

  #tc({ highQC }: TracedTC): string | undefined {
    return this.#qc(highQC)
  }

  #timeout({ highQC, lastTC, vote }: TracedTimeout): string | undefined {
    return this.#qc(highQC) ?? (lastTC && this.#tc(lastTC)) ?? (vote && this.#vote(vote))
  }

  #qc(qc: TracedQC): string | undefined {
    return this.#certifies(qc) ? undefined : this.#twoCertified(qc.view)
  }

  #twoCertified(view: number): string {
    return `S2: two blocks certified in view ${view}`
  }

  #certifies({ view, blockId }: TracedQC): boolean {
    const seen = this.#seen(view)
    seen.certified ??= this.#named(seen, blockId)
    return seen.certified === blockId
  }

  #vote({ view, blockId, signer }: TracedVote): undefined {
    const seen = this.#seen(view)
    const before = seen.votes[signer]
    if (before === undefined) seen.votes[signer] = this.#named(seen, blockId)
    else if (before !== blockId && !this.#doubleVotes.has(signer))
      this.#doubleVotes.set(signer, `S3: validator ${signer} voted for two blocks in view ${view}`)
  }

  #commits(height: number, id: string): string | undefined {
    const before = this.#committed.get(height)
    if (before === undefined) this.#committed.set(height, id)
    return before === undefined || before === id ? undefined : `S1: two blocks committed at height ${height}`
  }

  #seen(view: number): SeenView {
    let seen = this.#views.get(view)
    if (seen === undefined) {
      seen = { certified: undefined, votes: [] }
      this.#views.set(view, seen)
    }
    return seen
  }

  /** One string for one block of a view, so that a long trace fits into memory. */
  #named({ certified, votes }: SeenView, blockId: string): string {
    return certified === blockId ? certified : (votes.find((known) => known === blockId) ?? blockId)
  }
}

function first<T>(items: readonly T[], problemOf: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const problem = problemOf(item)
    if (problem !== undefined) return problem
  }
  return undefined
}
