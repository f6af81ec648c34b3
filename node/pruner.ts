// Deletes what is older than the configured window, a batch at a time, beside the commits. Never touches the state, the head or
// anything uncommitted, and never runs twice at once.

import type { Height } from '../consensus/types.ts'
import type { OpenedChainStore } from './storage/chain-store.ts'

/** Blocks of one batch: it waits in the same queue as the commits, which must not wait long. */
export const PRUNED_AT_ONCE = 32
/** After so many LevelDB is told to give their room back. */
const COMPACTED_EVERY = 1_024

export interface PrunerDeps {
  readonly store: Pick<OpenedChainStore, 'head' | 'oldestHeight' | 'prune' | 'compactPruned'>
  /** Blocks kept, the head among them; 0 keeps all. */
  readonly keepBlocks: number
  readonly onFatal: (error: unknown) => void
}

export class Pruner {
  readonly #deps: PrunerDeps
  #running: Promise<void> | undefined
  #isStopped = false
  #sinceCompaction = 0

  constructor(deps: PrunerDeps) {
    this.#deps = deps
  }

  /** The chain grew: prunes once a whole batch is too old. */
  onCommitted(): void {
    if (this.#deps.keepBlocks === 0 || this.#running !== undefined || this.#excess() < PRUNED_AT_ONCE) return
    this.#running = this.#run()
      .catch(this.#deps.onFatal)
      .finally(() => {
        this.#running = undefined
      })
  }

  /** Waits for the batch under way. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
  }

  async #run(): Promise<void> {
    const { store } = this.#deps
    while (!this.#isStopped && this.#excess() >= PRUNED_AT_ONCE) {
      await store.prune((store.oldestHeight() + PRUNED_AT_ONCE) as Height)
      this.#sinceCompaction += PRUNED_AT_ONCE
      if (this.#sinceCompaction < COMPACTED_EVERY) continue
      this.#sinceCompaction = 0
      await store.compactPruned()
    }
  }

  /** Blocks held beyond the window. */
  #excess(): number {
    const { keepBlocks, store } = this.#deps
    const head = store.head()
    return head === undefined ? 0 : head.height - store.oldestHeight() + 1 - keepBlocks
  }
}
