// Transactions on their way into the mempool, from clients and from gossip, and what became of each.
// One path for both: decode, look the id up, cheap refusals, signature once, add. Every accepted transaction reaches a terminal
// state here: committed, or dropped, replaced or expired with a reason.

import type {
  CommittedTransaction,
  Pending,
  PendingState,
  Settled,
  SubmitRefusal,
  Submitted,
  TransactionSubmitter,
} from '../api/ports.ts'
import type { Hash } from '../crypto/bytes.ts'
import type { Application, DecodedTransaction, StateReader } from '../ledger/application.ts'
import type { Mempool, Removed } from '../mempool/mempool.ts'
import type { Clock } from './ports.ts'
import type { Verifier } from './verifier.ts'

/** Terminal states remembered beside the chain; the oldest go first. */
export const GONE_MAX = 16_384

export interface SubmissionsDeps {
  readonly app: Application
  readonly mempool: Mempool
  readonly verifier: Verifier
  readonly clock: Clock
  /** Bytes of a whole transaction; more is not even decoded. */
  readonly transactionBytesMax: number
  readonly state: () => StateReader
  /** Height of the last committed block. */
  readonly height: () => number
  readonly committed: (id: Hash) => CommittedTransaction | undefined
  /** Why nothing can be accepted yet; undefined when it can. */
  readonly unready: () => string | undefined
  /** Own transactions were accepted, those of one request together: tell the others. */
  readonly gossip: (transactions: readonly Uint8Array[]) => void
  /** The mempool changed: there may be work, or none any more. */
  readonly onChanged: () => void
}

/** What became of a gossip batch, item by item. */
export interface Received {
  readonly ids: readonly (Hash | undefined)[]
  readonly fresh: readonly Hash[]
  readonly fault: string | undefined
}

type Verdict =
  | {
      readonly kind: 'fresh'
      readonly transaction: DecodedTransaction
      /** The lane's next sequence in the state of this height. */
      readonly sequence: bigint
      readonly height: number
    }
  | { readonly kind: 'done'; readonly result: Submitted }

export class Submissions implements TransactionSubmitter {
  readonly #deps: SubmissionsDeps
  readonly #gone = new Map<Hash, Pending>()
  /** Bound: the API's cap on waiters. */
  readonly #waiters = new Map<Hash, Set<(settled: Settled) => void>>()

  constructor(deps: SubmissionsDeps) {
    this.#deps = deps
  }

  async submit(items: readonly Uint8Array[]): Promise<Submitted[]> {
    const reason = this.#deps.unready()
    if (reason !== undefined) return items.map(() => ({ ok: false, refusal: { kind: 'not-ready', reason } }))
    return this.#admit(items, true)
  }

  /** A gossip batch: what was not known is added. `fault`: something in it that an honest node never passes on. */
  async receive(items: readonly Uint8Array[]): Promise<Received> {
    if (this.#deps.unready() !== undefined) return { ids: [], fresh: [], fault: undefined }
    const results = await this.#admit(items, false)
    const fault = results.find((result) => !result.ok && FAULTS.has(result.refusal.kind))
    return {
      ids: results.map((result) => result.id),
      fresh: results.flatMap((result) => (result.ok && !result.duplicate ? [result.id] : [])),
      fault: fault === undefined || fault.ok ? undefined : `a transaction that is ${fault.refusal.kind}`,
    }
  }

  pending(id: Hash): Pending | undefined {
    const entry = this.#deps.mempool.lookup(id)
    if (entry === undefined) return this.#gone.get(id)
    return { id, bytes: entry.transaction.bytes, status: { state: 'pending', queue: entry.queue } }
  }

  nextNonce(address: string): bigint {
    const { app, mempool, state } = this.#deps
    return mempool.nextSequence(address, app.sequence(address, state()))
  }

  settled(id: Hash, timeoutMs: number, signal: AbortSignal): Promise<Settled> {
    const already = this.#settledNow(id)
    if (already !== undefined) return Promise.resolve(already)
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(id) ?? new Set()
      this.#waiters.set(id, waiters)
      const finish = (settled: Settled) => {
        cancel()
        signal.removeEventListener('abort', onAbort)
        waiters.delete(finish)
        if (waiters.size === 0 && this.#waiters.get(id) === waiters) this.#waiters.delete(id)
        resolve(settled)
      }
      const onAbort = () => finish({ kind: 'timeout' })
      const cancel = this.#deps.clock.after(timeoutMs, onAbort)
      waiters.add(finish)
      if (signal.aborted) onAbort()
      else signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** Blocks became durable: their transactions leave the mempool, and whoever waits for one is told. */
  onCommitted(ids: readonly Hash[], lanes: ReadonlyMap<string, bigint>): void {
    const { mempool, height, committed, onChanged } = this.#deps
    const removed = mempool.onCommit({ ids, lanes }, height())
    for (const id of ids) {
      this.#gone.delete(id)
      if (!this.#waiters.has(id)) continue
      const transaction = committed(id)
      if (transaction !== undefined) this.#tell(id, { kind: 'committed', transaction })
    }
    this.#remember(removed)
    onChanged()
  }

  /** Building a block showed that these cannot execute. */
  drop(ids: readonly Hash[]): void {
    this.#remember(this.#deps.mempool.drop(ids, 'it can no longer execute'))
    this.#deps.onChanged()
  }

  async #admit(items: readonly Uint8Array[], own: boolean): Promise<Submitted[]> {
    const { height, mempool, verifier, onChanged, gossip } = this.#deps
    const verdicts = items.map((bytes) => this.#check(bytes))
    const fresh = verdicts.flatMap((verdict) => (verdict.kind === 'fresh' ? [verdict.transaction] : []))
    const signatures = (await verifier.verify(fresh)) ?? undefined
    const accepted: Uint8Array[] = []
    let at = 0
    const results = verdicts.map((verdict): Submitted => {
      if (verdict.kind === 'done') return verdict.result
      const { transaction, sequence } = verdict
      const isSigned = signatures?.[at++]
      if (isSigned === undefined)
        return refused({ kind: 'not-ready', reason: 'too many signatures are waiting' }, transaction.id)
      if (!isSigned) return refused({ kind: 'bad-signature' }, transaction.id)
      // Blocks may have been committed while the signatures were checked.
      const added = mempool.add(transaction, verdict.height === height() ? sequence : this.#nextSequence(transaction))
      if (!added.ok) return refused(added.refusal, transaction.id)
      if (!added.duplicate && own) accepted.push(transaction.bytes)
      this.#gone.delete(transaction.id)
      this.#remember(added.removed)
      return { ok: true, id: transaction.id, duplicate: added.duplicate, queue: added.queue }
    })
    if (accepted.length > 0) gossip(accepted)
    onChanged()
    return results
  }

  /** Everything that needs no signature. The id is looked up first, or a retry of a committed one would be `nonce-too-low`. */
  #check(bytes: Uint8Array): Verdict {
    const { app, mempool, transactionBytesMax, state, height, committed } = this.#deps
    if (bytes.length > transactionBytesMax) {
      return done(refused({ kind: 'transaction-too-large', max: transactionBytesMax, got: bytes.length }))
    }
    const decoded = app.decode(bytes)
    if (!decoded.ok) return done(refused(decoded.refusal))
    const transaction = decoded.value
    const { id } = transaction
    const entry = mempool.lookup(id)
    if (entry !== undefined) return done({ ok: true, id, duplicate: true, queue: entry.queue })
    const known = committed(id)
    if (known !== undefined) return done({ ok: true, id, duplicate: true, committed: known, queue: 'ready' })
    const refusal = app.admit(transaction, state(), height() + 1)
    if (refusal !== undefined) return done(refused(refusal, id))
    const sequence = this.#nextSequence(transaction)
    const checked = mempool.check(transaction, sequence)
    return checked.ok ? { kind: 'fresh', transaction, sequence, height: height() } : done(refused(checked.refusal, id))
  }

  #nextSequence({ lane }: DecodedTransaction): bigint {
    return this.#deps.app.sequence(lane, this.#deps.state())
  }

  #settledNow(id: Hash): Settled | undefined {
    if (this.#deps.mempool.lookup(id) !== undefined) return undefined
    const transaction = this.#deps.committed(id)
    if (transaction !== undefined) return { kind: 'committed', transaction }
    const gone = this.#gone.get(id)
    return gone && { kind: 'gone', status: gone.status }
  }

  #remember(removed: readonly Removed[]): void {
    for (const { transaction, state, reason } of removed) {
      const { id, bytes } = transaction
      if (this.#deps.committed(id) !== undefined) continue
      const status: PendingState = { state, reason }
      this.#gone.set(id, { id, bytes, status })
      this.#tell(id, { kind: 'gone', status })
    }
    for (const id of this.#gone.keys()) {
      if (this.#gone.size <= GONE_MAX) break
      this.#gone.delete(id)
    }
  }

  #tell(id: Hash, settled: Settled): void {
    for (const waiter of [...(this.#waiters.get(id) ?? [])]) waiter(settled)
  }
}

/** What an honest node never passes on. */
const FAULTS: ReadonlySet<SubmitRefusal['kind']> = new Set([
  'malformed-transaction',
  'unsupported-kind',
  'wrong-chain',
  'bad-signature',
  'transaction-too-large',
])

function refused(refusal: SubmitRefusal, id?: Hash): Submitted {
  return { ok: false, ...(id === undefined ? {} : { id }), refusal }
}

function done(result: Submitted): Verdict {
  return { kind: 'done', result }
}
