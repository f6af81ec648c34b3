// Commits in order, beside the consensus queue: what is decided need not be on disk for the next vote, whose own safety record
// is. After each batch it tells the node, which is when clients may see it. A crash in between commits again from the saved blocks.

import type { Block, BlockId, QC } from '../consensus/types.ts'
import type { Executor } from './executor.ts'
import type { ChainStore, CommitRecord } from './ports.ts'

/** Batches decided and not yet written; one more makes the core wait for the disk. */
export const COMMITS_PENDING_MAX = 8

export interface CommitterDeps {
  readonly executor: Executor
  readonly store: Pick<ChainStore, 'deleteBlocks'>
  readonly onCommitting: (blocks: readonly Block[]) => void
  /** The blocks are durable and readable. `lanes`: next sequence of the lanes they moved. */
  readonly onCommitted: (records: readonly CommitRecord[], lanes: ReadonlyMap<string, bigint>) => void
  readonly onFatal: (error: unknown) => void
}

export class Committer {
  readonly #deps: CommitterDeps
  #tail: Promise<void> = Promise.resolve()
  #pending = 0
  readonly #blocks = new Set<BlockId>()

  constructor(deps: CommitterDeps) {
    this.#deps = deps
  }

  /** These are about to be committed: the core holds them no longer, and what waits before them may take a while. */
  announce(blocks: readonly Block[]): void {
    for (const { id } of blocks) this.#blocks.add(id)
  }

  isPending(id: BlockId): boolean {
    return this.#blocks.has(id)
  }

  /** Returns a promise only when too much is waiting for the disk. */
  commit(blocks: readonly Block[], certificate: QC): Promise<void> | undefined {
    this.announce(blocks)
    this.#deps.onCommitting(blocks)
    const done = this.#after(async () => {
      const { executor, onCommitted } = this.#deps
      const lanes = new Map(blocks.flatMap((block) => [...executor.lanesOf(block)]))
      const records = await executor.commit(blocks, certificate)
      for (const { id } of blocks) this.#blocks.delete(id)
      onCommitted(records, lanes)
    })
    return this.#pending > COMMITS_PENDING_MAX ? done : undefined
  }

  /** Stored copies of blocks that can no longer commit. */
  prune(ids: readonly BlockId[]): void {
    if (ids.length > 0) void this.#after(() => this.#deps.store.deleteBlocks(ids))
  }

  /** Everything decided so far is on disk. */
  drained(): Promise<void> {
    return this.#tail
  }

  #after(work: () => Promise<void>): Promise<void> {
    this.#pending += 1
    this.#tail = this.#tail.then(work).then(
      () => {
        this.#pending -= 1
      },
      (error: unknown) => {
        // A failed write: nothing later may be written over the hole.
        this.#deps.onFatal(error)
        return new Promise<void>(() => {})
      },
    )
    return this.#tail
  }
}
