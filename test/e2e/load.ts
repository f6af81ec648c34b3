// Clients that never stop: each pays from its own account, one transaction or one batch at a time, and goes on only when a
// node has said that it committed. What was said is remembered, for that is what must survive every crash.

import type { ApiClient, Result } from '../../api/client.ts'
import type { BatchItemView, TransactionView } from '../../api/view.ts'
import type { Cluster } from './cluster.ts'
import type { Signed, Wallet } from './wallet.ts'

const WAIT_MS = 5_000
const PAUSE_MS = 25
/** Refusals that another node, or the same one later, may not repeat: it is starting, catching up or full. */
const TRANSIENT = new Set([408, 412, 429, 503])

export interface Acknowledged {
  readonly hash: string
  readonly blockHash: string | undefined
  readonly height: number
}

export interface LoadOptions {
  /** Transactions of one request; 1 posts them one by one. */
  readonly batch?: number
}

/** A client's request failed to be answered or was refused for now. */
const AGAIN = Symbol('again')

export class Load {
  readonly #cluster: Cluster
  readonly #abort = new AbortController()
  readonly #workers: Promise<void>[] = []
  readonly #acknowledged = new Map<string, Acknowledged>()
  #submitted = 0

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** By hash, in the order in which clients learnt of them. */
  get acknowledged(): ReadonlyMap<string, Acknowledged> {
    return this.#acknowledged
  }

  get submitted(): number {
    return this.#submitted
  }

  /** Every wallet pays the next one, for ever. */
  start(wallets: readonly Wallet[], { batch = 1 }: LoadOptions = {}): void {
    for (const [at, wallet] of wallets.entries()) {
      const other = wallets[(at + 1) % wallets.length]
      if (other !== undefined) this.#workers.push(this.#work(wallet, other.address, batch))
    }
  }

  /** @throws Error when a client was refused for good, or told of a failure that cannot be */
  async stop(): Promise<void> {
    this.#abort.abort()
    await Promise.all(this.#workers)
  }

  async until(count: number, deadlineMs: number): Promise<void> {
    const wanted = this.#acknowledged.size + count
    const waited = this.#cluster.until(
      `${count} more transactions acknowledged`,
      () => this.#acknowledged.size >= wanted,
      deadlineMs,
    )
    // A client that gave up says why, instead of a wait in vain.
    await Promise.race([waited, Promise.all(this.#workers).then(() => waited)])
  }

  async #work(wallet: Wallet, recipient: string, batch: number): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const transactions = Array.from({ length: batch }, () => wallet.pay(recipient, 1n))
      this.#submitted += transactions.length
      let open: readonly Signed[] = transactions
      while (open.length > 0 && !this.#abort.signal.aborted) {
        open = batch === 1 ? await this.#single(open) : await this.#batch(open)
        if (open.length > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      }
    }
  }

  /** Those not acknowledged yet. */
  async #single(open: readonly Signed[]): Promise<readonly Signed[]> {
    const [transaction] = open
    if (transaction === undefined) return []
    const client = this.#someNode()
    const view = await this.#ask(() => client.submit(transaction.bytes, this.#wait))
    return view !== AGAIN && this.#note(view) ? [] : open
  }

  async #batch(open: readonly Signed[]): Promise<readonly Signed[]> {
    const client = this.#someNode()
    const items = await this.#ask(() => client.submitBatch(open.map(({ bytes }) => bytes)))
    if (items === AGAIN) return open
    const refused = items.find(isRefused)
    if (refused !== undefined && !TRANSIENT.has(refused.problem.status))
      throw new Error(`refused: ${refused.problem.code}`)
    const left: Signed[] = []
    for (const transaction of open) {
      const view = await this.#ask(() => client.transaction(transaction.id, this.#wait))
      if (view === AGAIN || !this.#note(view)) left.push(transaction)
    }
    return left
  }

  get #wait() {
    return { waitMs: WAIT_MS, signal: this.#abort.signal }
  }

  #note({ hash, status, block, reason }: TransactionView): boolean {
    if (status === 'failed') throw new Error(`${hash} failed: ${reason?.code}`)
    if (status !== 'committed') return false
    this.#acknowledged.set(hash, { hash, blockHash: block?.hash, height: Number(block?.height) })
    return true
  }

  /** The answer, or AGAIN for what a client repeats: no connection, no such transaction here, not now. */
  async #ask<T>(request: () => Promise<Result<T>>): Promise<T | typeof AGAIN> {
    let result: Result<T>
    try {
      result = await request()
    } catch {
      // Killed in the middle of the answer, or not there yet: nobody knows what became of the request.
      return AGAIN
    }
    if (result.ok) return result.value
    const { status, problem } = result
    if (TRANSIENT.has(status) || problem.code === 'tx-unknown') return AGAIN
    throw new Error(`refused: ${status} ${problem.code}, ${problem.detail}`)
  }

  #someNode(): ApiClient {
    const alive = Array.from({ length: this.#cluster.size }, (_, index) => index).filter((index) =>
      this.#cluster.isRunning(index),
    )
    return this.#cluster.client(alive[Math.floor(Math.random() * alive.length)] ?? 0)
  }
}

function isRefused(item: BatchItemView): item is Extract<BatchItemView, { problem: unknown }> {
  return 'problem' in item
}
