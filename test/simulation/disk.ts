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
  #unsyncedBlock: Verified<Block> | undefined

  constructor(genesis: Verified<Block>, safety: SafetyState) {
    this.chain = [genesis]
    this.safety = safety
  }

  get tip(): Verified<Block> {
    const tip = this.chain.at(-1)
    if (tip === undefined) throw new RangeError('a chain begins with the genesis block')
    return tip
  }

  write(safety: SafetyState | undefined, block: Verified<Block> | undefined): void {
    this.#unsyncedSafety = safety
    this.#unsyncedBlock = block
  }

  sync(): void {
    if (this.#unsyncedSafety !== undefined) this.safety = this.#unsyncedSafety
    if (this.#unsyncedBlock !== undefined) this.blocks.set(this.#unsyncedBlock.id, this.#unsyncedBlock)
    this.write(undefined, undefined)
  }

  crash(random: Random): void {
    const safety = random.chance(500) ? this.#unsyncedSafety : undefined
    const block = random.chance(500) ? this.#unsyncedBlock : undefined
    this.write(safety, block)
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
