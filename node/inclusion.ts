// Which pending transactions are in uncommitted blocks of the current chain, so that the mempool knows what is still work.
// A block that leaves the chain gives its transactions back (VIEWCHANGE.md, section 4, point 7); one that commits does not.

import type { BlockId } from '../consensus/types.ts'
import type { Hash } from '../crypto/bytes.ts'
import type { Mempool } from '../mempool/mempool.ts'

export class Inclusion {
  readonly #mempool: Pick<Mempool, 'markIncluded' | 'unmarkIncluded'>
  /** Bound: the uncommitted blocks of one chain, and those whose commit is being written. */
  readonly #marked = new Map<BlockId, readonly Hash[]>()
  readonly #committing = new Set<BlockId>()

  constructor(mempool: Pick<Mempool, 'markIncluded' | 'unmarkIncluded'>) {
    this.#mempool = mempool
  }

  /** @param chain the current chain above the committed block, with the transactions of those that were executed */
  follow(chain: readonly { readonly id: BlockId; readonly transactions: readonly Hash[] | undefined }[]): void {
    const current = new Set(chain.map(({ id }) => id))
    for (const [id, transactions] of this.#marked) {
      if (current.has(id) || this.#committing.has(id)) continue
      this.#marked.delete(id)
      this.#mempool.unmarkIncluded(transactions)
    }
    for (const { id, transactions } of chain) {
      if (transactions === undefined || this.#marked.has(id)) continue
      this.#marked.set(id, transactions)
      this.#mempool.markIncluded(transactions)
    }
  }

  /** The core committed the block; its transactions stay marked until the mempool has forgotten them. */
  committing(id: BlockId): void {
    this.#committing.add(id)
  }

  committed(id: BlockId): void {
    this.#committing.delete(id)
    const transactions = this.#marked.get(id)
    if (transactions === undefined) return
    this.#marked.delete(id)
    this.#mempool.unmarkIncluded(transactions)
  }
}
