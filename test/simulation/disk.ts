// One replica's disk: what is durable and what was written but not synced yet. A crash keeps or loses the latter, each part by
// itself, as a page cache does. The committed chain is written in atomic batches, in order.

import type { Block, BlockId, QC, SafetyState, Verified } from '../../consensus/types.ts'
import type { Random } from './random.ts'

export interface CommittedBatch {
  readonly blocks: readonly Verified<Block>[]
  readonly certificate: QC
}

export class Disk {
  safety: SafetyState
  /** Blocks voted for or proposed, not committed yet. */
  readonly blocks = new Map<BlockId, Verified<Block>>()
  /** From the genesis block up. */
  readonly chain: Verified<Block>[]
  certificate: QC | undefined
  #unsyncedSafety: SafetyState | undefined
  #unsyncedBlocks: readonly Verified<Block>[] = []

  constructor(genesis: Verified<Block>, safety: SafetyState) {
    this.chain = [genesis]
    this.safety = safety
  }

  get tip(): Verified<Block> {
    const tip = this.chain.at(-1)
    if (tip === undefined) throw new RangeError('a chain begins with the genesis block')
    return tip
  }

  write(safety: SafetyState | undefined, blocks: readonly Verified<Block>[]): void {
    this.#unsyncedSafety = safety
    this.#unsyncedBlocks = blocks
  }

  sync(): void {
    if (this.#unsyncedSafety !== undefined) this.safety = this.#unsyncedSafety
    for (const block of this.#unsyncedBlocks) this.blocks.set(block.id, block)
    this.write(undefined, [])
  }

  crash(random: Random): void {
    const safety = random.chance(500) ? this.#unsyncedSafety : undefined
    const blocks = random.chance(500) ? this.#unsyncedBlocks : []
    this.write(safety, blocks)
    this.sync()
  }

  commit({ blocks, certificate }: CommittedBatch): void {
    for (const block of blocks) {
      if (block.proposal.header.height <= this.tip.proposal.header.height) continue
      this.chain.push(block)
      this.blocks.delete(block.id)
    }
    this.certificate = certificate
  }

  block(id: BlockId): Verified<Block> | undefined {
    return this.blocks.get(id) ?? this.chain.findLast((block) => block.id === id)
  }
}
