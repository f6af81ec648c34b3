// The committed chain as the nodes show it when everything is over: one list for all, or the heights where they differ.

import type { BlockView } from '../../api/view.ts'
import { answerOf } from '../e2e/chain.ts'
import type { Cluster } from '../e2e/cluster.ts'
import type { ChainBlock } from './model.ts'

const PAGE = 100

export interface FinalChain {
  readonly blocks: readonly ChainBlock[]
  /** What nodes disagree on: there must be nothing. */
  readonly differences: readonly string[]
}

/** From genesis to `top`, which all nodes have reached: the first node's, and where the others have something else. */
export async function finalChain(cluster: Cluster, top: number): Promise<FinalChain> {
  const blocks: ChainBlock[] = []
  const client = cluster.client(0)
  for await (const { height, hash, parentHash, proposer, transactionCount } of headers(cluster, 0, top)) {
    const transactions: { id: string; failed: boolean }[] = []
    for (let cursor: string | null | undefined; transactionCount > 0 && cursor !== null; ) {
      const page = answerOf(await client.blockTransactions(height, cursor))
      transactions.push(...page.items.map((item) => ({ id: item.hash.slice(2), failed: item.status === 'failed' })))
      cursor = page.next
    }
    if (transactions.length !== transactionCount) throw new Error(`block ${height} lists ${transactions.length}`)
    blocks.push({
      height: Number(height),
      hash: hash.slice(2),
      parent: parentHash.slice(2),
      proposer: proposer?.addressHex.slice(2),
      transactions,
    })
  }
  const differences: string[] = []
  for (let node = 1; node < cluster.size; node++) {
    for await (const { height, hash } of headers(cluster, node, top)) {
      const own = blocks[Number(height)]?.hash
      if (own !== hash.slice(2)) differences.push(`node ${node} has ${hash} at ${height}, node 0 has 0x${own}`)
    }
  }
  return { blocks, differences }
}

async function* headers(cluster: Cluster, node: number, top: number): AsyncGenerator<BlockView> {
  const client = cluster.client(node)
  for (let from = 0; from <= top; from += PAGE) {
    const to = Math.min(top, from + PAGE - 1)
    yield* answerOf(await client.blocks({ from, to, order: 'asc', limit: PAGE })).items
  }
}
