// Clients under whom nodes die: each has one account to itself, posts a run of its transactions, repeats it at whatever node
// answers, and goes on when a node has said that the last of them committed. Remembers what was submitted and what was said.

import type { BatchItemView, TransactionView } from '../../api/view.ts'
import type { Hash } from '../../crypto/bytes.ts'
import { signTransfer } from '../../ledger/transaction.ts'
import { createPoster, type Poster, type Reply } from '../../scripts/bench/post.ts'
import type { Cluster } from '../e2e/cluster.ts'
import { FEE, type Plan } from './plan.ts'

const WAIT_MS = 5_000
/** A node that says nothing for so long is left alone: it may be stopped. */
const ANSWER_MS_MAX = 8_000
const PAUSE_MS = 30
/** The API's bound on waiting requests of one client. */
const CONNECTIONS_MAX = 64
const VALID_FOR_HEIGHTS = 50_000
/** Refused now, perhaps not later or elsewhere: a node that starts, is behind or is full. */
const TRANSIENT = new Set([408, 412, 429, 503])
const TRANSIENT_CODES = new Set(['nonce-too-high', 'valid-until-too-far', 'tx-unknown'])

export interface ClientsOptions {
  /** Each with an account of the plan. */
  readonly workers: number
  /** Transactions of one post: 1 to 256. */
  readonly run: number
  /** Transactions in all; without it, until `stop`. */
  readonly total?: number
  /** Transactions a second at most. */
  readonly rate?: number
}

/** A node's word that a transaction is committed, and with it everything its account sent before. */
export interface Acknowledgement {
  readonly sender: number
  readonly nonce: number
  readonly height: number
  /** With 0x. */
  readonly blockHash: string
  /** Transactions of the run. */
  readonly count: number
  /** From the first post of the run. */
  readonly tookMs: number
  readonly atMs: number
}

interface Run {
  readonly body: Buffer
  readonly lastId: Hash
  readonly lastNonce: number
  readonly count: number
}

export class Clients {
  readonly #cluster: Cluster
  readonly #plan: Plan
  readonly #options: ClientsOptions
  readonly #posters = new Map<number, Poster>()
  readonly #ids: Hash[][]
  readonly #acknowledged: Acknowledgement[] = []
  readonly #workers: Promise<void>[] = []
  #stopping = false
  #submitted = 0
  #committed = 0
  #repeated = 0
  #height = 0
  #startedMs = 0

  constructor(cluster: Cluster, plan: Plan, options: ClientsOptions) {
    if (options.workers > plan.senders.length) throw new RangeError('each worker needs an account of its own')
    this.#cluster = cluster
    this.#plan = plan
    this.#options = options
    this.#ids = plan.senders.map(() => [])
  }

  /** Ids by sender and nonce: everything that was ever posted. */
  get submittedIds(): readonly (readonly Hash[])[] {
    return this.#ids
  }

  get submitted(): number {
    return this.#submitted
  }

  /** Transactions that a node called committed, those before them in their account included. */
  get committed(): number {
    return this.#committed
  }

  /** Posts and questions that led to nothing. */
  get repeated(): number {
    return this.#repeated
  }

  get acknowledged(): readonly Acknowledgement[] {
    return this.#acknowledged
  }

  start(): void {
    this.#startedMs = performance.now()
    for (let sender = 0; sender < this.#options.workers; sender++) this.#workers.push(this.#work(sender))
  }

  /** Resolves when `total` is committed. @throws Error when a client was refused for good */
  async done(): Promise<void> {
    await Promise.all(this.#workers)
    for (const poster of this.#posters.values()) poster.close()
  }

  /** What was posted is still seen through to its commit. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.done()
  }

  /** Resolves when so many are committed. @throws Error when a client gave up first, or the deadline passed */
  async until(committed: number, deadlineMs = 180_000): Promise<void> {
    const waited = this.#cluster.until(
      `${committed} transactions committed`,
      () => this.#committed >= committed,
      deadlineMs,
    )
    await Promise.race([waited, Promise.all(this.#workers).then(() => waited)])
  }

  async #work(sender: number): Promise<void> {
    const { run, total = Number.POSITIVE_INFINITY, rate } = this.#options
    let node = sender % this.#cluster.size
    while (!this.#stopping && this.#submitted < total) {
      const count = Math.min(run, total - this.#submitted)
      const dueMs = rate === undefined ? 0 : this.#startedMs + (this.#submitted * 1_000) / rate
      const next = this.#sign(sender, count)
      if (dueMs > performance.now()) await pause(dueMs - performance.now())
      const beganMs = performance.now()
      for (;;) {
        if (this.#cluster.isRunning(node)) {
          const view = await this.#attempt(node, next)
          if (view !== undefined) {
            this.#note(sender, next, view, beganMs)
            break
          }
          this.#repeated += 1
        }
        node = this.#otherThan(node)
        await pause(PAUSE_MS)
      }
    }
  }

  #sign(sender: number, count: number): Run {
    const own = this.#plan.senders[sender]
    const ids = this.#ids[sender]
    if (own === undefined || ids === undefined) throw new RangeError(`no sender ${sender}`)
    const first = ids.length
    const texts: string[] = []
    for (let nonce = first; nonce < first + count; nonce++) {
      const { id, bytes } = signTransfer({
        genesisHash: this.#cluster.genesisHash,
        nonce: BigInt(nonce),
        fee: FEE,
        validUntil: this.#height + VALID_FOR_HEIGHTS,
        outputs: this.#plan.outputsOf(sender, nonce),
        keyPair: own.keyPair,
      })
      ids.push(id)
      texts.push(`0x${Buffer.from(bytes).toString('hex')}`)
    }
    this.#submitted += count
    const lastId = ids.at(-1)
    if (lastId === undefined) throw new RangeError('an empty run')
    return { body: Buffer.from(JSON.stringify({ txs: texts })), lastId, lastNonce: ids.length - 1, count }
  }

  /** The last transaction's view once committed; undefined: try again. @throws Error when it never will be */
  async #attempt(node: number, { body, lastId }: Run): Promise<TransactionView | undefined> {
    const posted = await answered(this.#poster(node).post('/v1/transactions/batch', 'application/json', body))
    if (posted === undefined) return undefined
    if (posted.status !== 200) return refuse(posted.status, codeOf(posted.body), posted.body)
    const items = dataOf<readonly BatchItemView[]>(posted.body)
    for (const item of items) {
      if ('problem' in item) return refuse(item.problem.status, item.problem.code, JSON.stringify(item))
    }
    const path = `/v1/transactions/0x${lastId}?wait=committed&timeout=${WAIT_MS}ms`
    const found = await answered(this.#poster(node).get(path))
    if (found === undefined) return undefined
    if (found.status !== 200 && found.status !== 202) return refuse(found.status, codeOf(found.body), found.body)
    const view = dataOf<TransactionView>(found.body)
    if (view.status === 'failed' || view.status === 'expired')
      throw new Error(`${lastId} ${view.status}: ${found.body}`)
    return view.status === 'committed' ? view : undefined
  }

  #note(sender: number, { count, lastNonce }: Run, { block, hash }: TransactionView, beganMs: number): void {
    if (block === undefined) throw new Error(`${hash} is committed in no block`)
    const height = Number(block.height)
    const atMs = performance.now()
    this.#height = Math.max(this.#height, height)
    this.#committed += count
    const tookMs = atMs - beganMs
    this.#acknowledged.push({ sender, nonce: lastNonce, height, blockHash: block.hash, count, tookMs, atMs })
  }

  #otherThan(node: number): number {
    const others = Array.from({ length: this.#cluster.size }, (_, index) => index).filter(
      (index) => index !== node && this.#cluster.isRunning(index),
    )
    return others[Math.floor(Math.random() * others.length)] ?? node
  }

  #poster(node: number): Poster {
    const known = this.#posters.get(node)
    if (known !== undefined) return known
    const poster = createPoster(this.#cluster.url(node), CONNECTIONS_MAX, ANSWER_MS_MAX)
    this.#posters.set(node, poster)
    return poster
  }
}

/** Undefined for a connection that was refused or broken: nobody knows what became of the request. */
async function answered(reply: Promise<Reply>): Promise<Reply | undefined> {
  try {
    return await reply
  } catch {
    return undefined
  }
}

function refuse(status: number, code: string, body: string): undefined {
  if (TRANSIENT.has(status) || TRANSIENT_CODES.has(code)) return undefined
  throw new Error(`refused for good: ${status} ${code} ${body.slice(0, 500)}`)
}

/** The node is ours, so what it sends has the documented shape. */
function dataOf<T>(body: string): T {
  return (JSON.parse(body) as { readonly data: T }).data
}

function codeOf(body: string): string {
  try {
    return (JSON.parse(body) as { readonly code?: string }).code ?? ''
  } catch {
    return ''
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
