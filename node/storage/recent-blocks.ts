// The newest committed blocks, decoded: what peers catching up and the API ask for most.
// Owns its two bounds, in blocks and in bytes; never the only place where a block is.

import type { StoredBlock } from '../ports.ts'

export const RECENT_BLOCKS_MAX = 64
/** Of their transactions and receipts; decoded they take about three times as much. The newest two are kept whatever they hold. */
export const RECENT_BYTES_MAX = 4 * 1024 * 1024
const RECENT_BLOCKS_MIN = 2

export class RecentBlocks {
  readonly #blocks = new Map<number, StoredBlock>()
  #bytes = 0

  get size(): number {
    return this.#blocks.size
  }

  at(height: number): StoredBlock | undefined {
    return this.#blocks.get(height)
  }

  /** Blocks come in order of height, so the oldest is the first. */
  add(stored: StoredBlock): void {
    this.#blocks.set(stored.block.proposal.header.height, stored)
    this.#bytes += contentBytes(stored)
    for (const height of this.#blocks.keys()) {
      const { size } = this.#blocks
      const isTooMuch = size > RECENT_BLOCKS_MAX || (this.#bytes > RECENT_BYTES_MAX && size > RECENT_BLOCKS_MIN)
      if (!isTooMuch) break
      this.#forget(height)
    }
  }

  /** Those below a height are pruned. */
  forgetBelow(height: number): void {
    for (const held of [...this.#blocks.keys()]) if (held < height) this.#forget(held)
  }

  #forget(height: number): void {
    const stored = this.#blocks.get(height)
    if (stored === undefined) return
    this.#blocks.delete(height)
    this.#bytes -= contentBytes(stored)
  }
}

function contentBytes({ block, receipts }: StoredBlock): number {
  const items = block.proposal.payload.items
  return items.reduce((sum, item) => sum + item.length, 0) + receipts.reduce((sum, receipt) => sum + receipt.length, 0)
}
