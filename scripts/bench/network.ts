// The network under load as a client sees it: where to post, what the chain says was committed.
// Commits are read from the chain, never inferred: a section ends when its transactions are in committed blocks.

import { createClient } from '../../api/client.ts'
import type { Hash } from '../../crypto/bytes.ts'
import type { Blocks } from './figures.ts'
import type { Account, Sender } from './load.ts'
import { createPoster, type Poster } from './post.ts'

/** The API's bound on waiting requests of one client address (docs/API.md), so also on connections. */
export const WAITING_PER_NODE_MAX = 64
const COMMIT_WAIT_MS = 30_000
const PAGE_BLOCKS = 100
const POLL_MS = 20

export interface Place {
  readonly height: number
  readonly view: number
}

export class Network {
  readonly posters: readonly Poster[]
  readonly pids: readonly number[]
  readonly genesisHash: Hash
  readonly senders: readonly Sender[]
  readonly #urls: readonly string[]

  private constructor(urls: readonly string[], pids: readonly number[], genesisHash: Hash, senders: readonly Sender[]) {
    this.#urls = urls
    this.pids = pids
    this.genesisHash = genesisHash
    this.senders = senders
    this.posters = urls.map((url) => createPoster(url, WAITING_PER_NODE_MAX))
  }

  static async connect(
    urls: readonly string[],
    pids: readonly number[],
    accounts: readonly Account[],
  ): Promise<Network> {
    const client = createClient(urls[0] ?? '')
    const info = await client.info()
    if (!info.ok) throw new Error(`${urls[0]}: ${info.problem.title}`)
    const senders: Sender[] = []
    for (const account of accounts) {
      const found = await client.nonce(`0x${account.address}`)
      if (!found.ok) throw new Error(`account ${account.address}: ${found.problem.title}`)
      senders.push({ account, nonce: BigInt(found.value.next) })
    }
    return new Network(urls, pids, info.value.genesisHash.slice(2) as Hash, senders)
  }

  poster(index: number): Poster {
    const poster = this.posters[index % this.posters.length]
    if (poster === undefined) throw new Error('a network has nodes')
    return poster
  }

  async place(): Promise<Place> {
    const { height, view } = await this.#block('latest')
    return { height: Number(height), view: Number(view) }
  }

  /** Resolves when the transaction is committed at the node of this index. */
  async committed(index: number, id: Hash): Promise<void> {
    const { status } = await this.poster(index).get(
      `/v1/transactions/0x${id}?wait=committed&timeout=${COMMIT_WAIT_MS}ms`,
    )
    if (status !== 200) throw new Error(`a transaction was not committed in ${COMMIT_WAIT_MS} ms: status ${status}`)
  }

  /** Posts one transaction and resolves when it is committed. */
  async postAndWait(index: number, bytes: Uint8Array): Promise<void> {
    const path = `/v1/transactions?wait=committed&timeout=${COMMIT_WAIT_MS}ms`
    const { status, body } = await this.poster(index).post(path, 'application/octet-stream', bytes)
    if (status !== 200) throw new Error(`a transaction was not committed: status ${status} ${body.slice(0, 300)}`)
  }

  /** Resolves when the blocks after `from` hold that many transactions. */
  async untilCommitted(from: Place, transactions: number): Promise<Blocks> {
    const deadlineMs = Date.now() + COMMIT_WAIT_MS
    const counted: Counted = { height: from.height, blocks: 0, blocksWithTransactions: 0, transactions: 0 }
    for (;;) {
      const view = await this.#count(counted)
      if (counted.transactions >= transactions) {
        const { blocks, blocksWithTransactions } = counted
        return { blocks, blocksWithTransactions, transactions: counted.transactions, views: view - from.view }
      }
      if (Date.now() > deadlineMs) throw new Error(`only ${counted.transactions} of ${transactions} committed`)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  close(): void {
    for (const poster of this.posters) poster.close()
  }

  /** Adds the blocks above those counted; answers the view of the newest. */
  async #count(counted: Counted): Promise<number> {
    const { height: head, view } = await this.place()
    while (counted.height < head) {
      const client = createClient(this.#urls[0] ?? '')
      const page = await client.blocks({ from: counted.height + 1, to: head, order: 'asc', limit: PAGE_BLOCKS })
      if (!page.ok) throw new Error(page.problem.title)
      for (const block of page.value.items) {
        counted.height = Number(block.height)
        counted.blocks += 1
        counted.transactions += block.transactionCount
        if (block.transactionCount > 0) counted.blocksWithTransactions += 1
      }
    }
    return view
  }

  async #block(at: 'latest'): Promise<{ readonly height: string; readonly view: string }> {
    const found = await createClient(this.#urls[0] ?? '').block(at)
    if (!found.ok) throw new Error(found.problem.title)
    return found.value
  }
}

interface Counted {
  height: number
  blocks: number
  blocksWithTransactions: number
  transactions: number
}
