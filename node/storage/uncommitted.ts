// The blocks voted for or proposed and not committed yet, in memory and in the database; they survive a restart.
// Owns their bound and their order; which of them can still commit is for the chain store to say.

import type { Block, BlockId } from '../../consensus/types.ts'
import { NodeError } from '../fault.ts'
import { encodeUncommitted } from './block-record.ts'
import { UNCOMMITTED_MAX } from './chain-check.ts'
import type { Database, WriteOp } from './database.ts'
import { uncommittedKey } from './keys.ts'

export class UncommittedBlocks {
  readonly #database: Database
  readonly #blocks: Map<BlockId, Block>
  #saving = 0

  constructor(database: Database, blocks: readonly Block[]) {
    this.#database = database
    this.#blocks = new Map(blocks.map((block) => [block.id, block]))
  }

  get size(): number {
    return this.#blocks.size
  }

  /** Synced. @throws NodeError storage-full */
  async save(block: Block): Promise<void> {
    const isNew = !this.#blocks.has(block.id)
    if (isNew && this.#blocks.size + this.#saving >= UNCOMMITTED_MAX) {
      throw new NodeError('storage-full', `${UNCOMMITTED_MAX} blocks are kept uncommitted already`)
    }
    this.#saving += 1
    try {
      await this.#database.write(
        [{ type: 'put', key: uncommittedKey(block.id), value: encodeUncommitted(block) }],
        true,
      )
      this.#blocks.set(block.id, block)
    } finally {
      this.#saving -= 1
    }
  }

  /** Not synced: a deletion that is lost leaves a block that is dropped at the next opening. */
  async delete(ids: readonly BlockId[]): Promise<void> {
    const known = ids.filter((id) => this.#blocks.delete(id))
    if (known.length > 0) await this.#database.write(known.map(deletionOf), false)
  }

  /** Those whose height is taken can never be committed any more. */
  upTo(height: number): BlockId[] {
    return [...this.#blocks.values()].filter((block) => block.proposal.header.height <= height).map((block) => block.id)
  }

  /** Their deletions are in a batch of the caller's, which is written. */
  forget(ids: readonly BlockId[]): void {
    for (const id of ids) this.#blocks.delete(id)
  }

  /** Ascending by height, then view. */
  list(): readonly Block[] {
    return [...this.#blocks.values()].sort((a, b) => {
      const [left, right] = [a.proposal.header, b.proposal.header]
      return left.height - right.height || left.view - right.view
    })
  }
}

export function deletionOf(id: BlockId): WriteOp {
  return { type: 'del', key: uncommittedKey(id) }
}
