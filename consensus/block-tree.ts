// The uncommitted blocks: a tree rooted in the last committed block, plus the few whose ancestors are still missing.
// Owns ancestry and what is known of each block's execution; never decides what to vote for or commit.
// Invariant: a node is connected iff every ancestor down to the root is held.

import { assert } from '../crypto/assert.ts'
import type { Block, BlockId, Height, Verified, View } from './types.ts'

/** Named bound: views that pass without a commit would have to exceed it before a block is refused. */
export const TREE_BLOCKS_MAX = 1_024

/** none: not asked for yet; running: the driver executes it; then its verdict. */
export type Execution = 'none' | 'running' | 'valid' | 'invalid'

export interface TreeNode {
  readonly block: Verified<Block>
  connected: boolean
  execution: Execution
}

export class BlockTree {
  #root: Verified<Block>
  readonly #nodes = new Map<BlockId, TreeNode>()
  readonly #children = new Map<BlockId, BlockId[]>()

  constructor(root: Verified<Block>) {
    this.#root = root
  }

  get root(): Verified<Block> {
    return this.#root
  }

  get rootHeight(): Height {
    return this.#root.proposal.header.height
  }

  get rootView(): View {
    return this.#root.proposal.header.view
  }

  get size(): number {
    return this.#nodes.size
  }

  /** How many blocks wait for a verdict: what a node that catches up has to work off. */
  get unexecuted(): number {
    let count = 0
    for (const { execution } of this.#nodes.values()) if (execution === 'none' || execution === 'running') count += 1
    return count
  }

  node(id: BlockId): TreeNode | undefined {
    return this.#nodes.get(id)
  }

  /** The block, the root included. */
  block(id: BlockId): Verified<Block> | undefined {
    return id === this.#root.id ? this.#root : this.#nodes.get(id)?.block
  }

  isConnected(id: BlockId): boolean {
    return id === this.#root.id || this.#nodes.get(id)?.connected === true
  }

  /** Whether the block's payload was found valid; the root was when it committed. */
  isValid(id: BlockId): boolean {
    return id === this.#root.id || this.#nodes.get(id)?.execution === 'valid'
  }

  /**
   * Adds a block. `known`: held already; `stale`: not above the root; `full`: the bound is reached.
   * A connected block whose height is not its parent's + 1 is held as invalid (vote rule 3).
   */
  insert(block: Verified<Block>): 'inserted' | 'known' | 'stale' | 'full' {
    const { header } = block.proposal
    if (block.id === this.#root.id || this.#nodes.has(block.id)) return 'known'
    if (header.view <= this.rootView || header.height <= this.rootHeight) return 'stale'
    if (this.#nodes.size >= TREE_BLOCKS_MAX) return 'full'
    this.#nodes.set(block.id, { block, connected: false, execution: 'none' })
    const siblings = this.#children.get(header.parentId)
    if (siblings === undefined) this.#children.set(header.parentId, [block.id])
    else siblings.push(block.id)
    if (this.isConnected(header.parentId)) this.#connect(block.id)
    return 'inserted'
  }

  #connect(first: BlockId): void {
    const pending = [first]
    for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
      const node = this.#nodes.get(id)
      assert(node !== undefined, 'a child in the index is held')
      node.connected = true
      const { header } = node.block.proposal
      const parent = this.block(header.parentId)
      assert(parent !== undefined, 'the parent of a connected block is held')
      const fits = header.height === parent.proposal.header.height + 1 && header.view > parent.proposal.header.view
      if (!fits || this.#nodes.get(header.parentId)?.execution === 'invalid') node.execution = 'invalid'
      pending.push(...(this.#children.get(id) ?? []))
    }
  }

  /** Connected blocks that can be executed now: their parent is the root or valid. Marks them running. */
  takeExecutable(): Verified<Block>[] {
    const ready: Verified<Block>[] = []
    for (const node of this.#nodes.values()) {
      if (!node.connected || node.execution !== 'none') continue
      if (!this.isValid(node.block.proposal.header.parentId)) continue
      node.execution = 'running'
      ready.push(node.block)
    }
    return ready
  }

  /** Records a verdict; what descends from an invalid block is invalid. Unknown blocks (pruned meanwhile) are ignored. */
  executed(id: BlockId, valid: boolean): void {
    const node = this.#nodes.get(id)
    if (node === undefined) return
    if (valid) {
      node.execution = 'valid'
      return
    }
    const pending = [id]
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const invalid = this.#nodes.get(next)
      if (invalid !== undefined) invalid.execution = 'invalid'
      pending.push(...(this.#children.get(next) ?? []))
    }
  }

  /**
   * The blocks from just above the root up to `id`, oldest first, walking by id (PITFALLS 10); undefined when `id` is not
   * connected. Empty for the root itself.
   */
  chainTo(id: BlockId): Verified<Block>[] | undefined {
    const chain: Verified<Block>[] = []
    for (let at = id; at !== this.#root.id; ) {
      const node = this.#nodes.get(at)
      if (node === undefined || !node.connected) return undefined
      chain.push(node.block)
      at = node.block.proposal.header.parentId
    }
    return chain.reverse()
  }

  /** Makes a held, connected block the root and returns the ids that can no longer commit (the new root's chain left out). */
  commit(id: BlockId): BlockId[] {
    const root = this.#nodes.get(id)
    assert(root?.connected === true, 'only a connected block commits')
    const committed = new Set((this.chainTo(id) ?? []).map((block) => block.id))
    this.#root = root.block
    const keep = this.#descendants(id)
    const gone: BlockId[] = []
    for (const [other, node] of this.#nodes) {
      const orphan = !node.connected && node.block.proposal.header.view > this.rootView
      if (keep.has(other) || (orphan && node.block.proposal.header.height > this.rootHeight + 1)) continue
      if (!committed.has(other)) gone.push(other)
      this.#remove(other, node)
    }
    return gone
  }

  /** Drops everything that is not an ancestor of `id`: room for the chain that is certified. Returns what went. */
  dropAllBut(id: BlockId): BlockId[] {
    const keep = new Set((this.chainTo(id) ?? []).map((block) => block.id))
    const gone: BlockId[] = []
    for (const [other, node] of this.#nodes) {
      if (keep.has(other)) continue
      gone.push(other)
      this.#remove(other, node)
    }
    return gone
  }

  #descendants(id: BlockId): Set<BlockId> {
    const found = new Set<BlockId>()
    const pending = [...(this.#children.get(id) ?? [])]
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      found.add(next)
      pending.push(...(this.#children.get(next) ?? []))
    }
    return found
  }

  #remove(id: BlockId, node: TreeNode): void {
    this.#nodes.delete(id)
    const { parentId } = node.block.proposal.header
    const siblings = this.#children.get(parentId)?.filter((sibling) => sibling !== id) ?? []
    if (siblings.length === 0) this.#children.delete(parentId)
    else this.#children.set(parentId, siblings)
  }
}
