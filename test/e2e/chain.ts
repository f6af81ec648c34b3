// The committed chain as a client reads it, and what has to hold of it on all nodes together (DESIGN.md section 1).

import type { PageOf, Result } from '../../api/client.ts'
import type { BlockView, TransactionView } from '../../api/view.ts'
import type { Cluster } from './cluster.ts'

const PAGE = 100

/** @throws Error when the node answers with a problem */
export function answerOf<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.status} ${result.problem.code}: ${result.problem.detail}`)
  return result.value
}

async function pages<T>(read: (cursor: string | undefined) => Promise<Result<PageOf<T>>>): Promise<T[]> {
  const items: T[] = []
  let cursor: string | undefined
  do {
    const page = answerOf(await read(cursor))
    items.push(...page.items)
    cursor = page.next ?? undefined
  } while (cursor !== undefined)
  return items
}

/** Heights 0 to `to`, ascending. */
export async function blocksOf(cluster: Cluster, index: number, to: number): Promise<BlockView[]> {
  const client = cluster.client(index)
  return pages((cursor) =>
    client.blocks({ from: 0, to, order: 'asc', limit: PAGE, ...(cursor === undefined ? {} : { cursor }) }),
  )
}

/** Every transaction of those blocks, in chain order. */
export async function transactionsOf(
  cluster: Cluster,
  index: number,
  blocks: readonly BlockView[],
): Promise<TransactionView[]> {
  const client = cluster.client(index)
  const found: TransactionView[] = []
  for (const { height, transactionCount } of blocks) {
    if (transactionCount === 0) continue
    const items = await pages((cursor) => client.blockTransactions(height, cursor))
    if (items.length !== transactionCount) throw new Error(`block ${height} lists ${items.length} transactions`)
    found.push(...items)
  }
  return found
}

/** Waits until every given node has committed this height. @throws Error that says how far each came */
export async function reach(
  cluster: Cluster,
  nodes: readonly number[],
  height: number,
  deadlineMs = 60_000,
): Promise<void> {
  let at: readonly number[] = []
  const everybody = async () => {
    at = await Promise.all(nodes.map((index) => cluster.height(index)))
    return at.every((own) => own >= height)
  }
  await cluster.until(`nodes ${nodes} reach height ${height}`, everybody, deadlineMs).catch((error: unknown) => {
    throw new Error(`nodes ${nodes} are at heights ${at}, not at ${height}`, { cause: error })
  })
}

/**
 * The chain that all given nodes agree on, up to the highest of their heights; they are awaited there.
 * @throws Error at the first height where two of them differ
 */
export async function agreedChain(cluster: Cluster, nodes: readonly number[]): Promise<BlockView[]> {
  const top = Math.max(...(await Promise.all(nodes.map((index) => cluster.height(index)))))
  // One more: a header carries the state root of its parent, so the top block's own state is compared too.
  await reach(cluster, nodes, top + 1)
  const [first, ...others] = await Promise.all(nodes.map((index) => blocksOf(cluster, index, top + 1)))
  if (first === undefined || first.length !== top + 2) throw new Error('blocks are missing')
  for (const [at, other] of others.entries()) {
    for (const [height, block] of first.entries()) {
      const same = JSON.stringify(other[height]) === JSON.stringify(block)
      if (!same) throw new Error(`height ${height} differs between nodes ${nodes[0]} and ${nodes[at + 1]}`)
    }
  }
  for (const [height, block] of first.entries()) {
    const parent = first[height - 1]
    if (parent !== undefined && block.parentHash !== parent.hash) throw new Error(`height ${height} is not linked`)
  }
  return first
}

/** Ids that occur more than once: there must be none (exactly once). */
export function repeated(transactions: readonly { readonly hash: string }[]): string[] {
  const seen = new Set<string>()
  return transactions.map(({ hash }) => hash).filter((hash) => seen.size === seen.add(hash).size)
}
