// A history against the committed chain: each anomaly has a name, and one is enough to fail (TESTING.md, S11 to S13; PITFALLS, 43).
// Reads events in their order and keeps only what is under way. Knows HTTP by what the journal says of it, and no node.

import type { AccountFact, BlockFact, Complete, HistoryEvent, Invoke, Kind, TransactionFact } from './journal.ts'
import type { Flaw, Model } from './model.ts'

/**
 * - stale-after-token: older than the X-Min-Height that was sent
 * - non-monotonic-height: older than what the same node had shown before the request
 * - read-your-writes: an account without the reader's own acknowledged transaction, although the token covers it
 * - aborted-read: a value or transaction of no committed block
 * - intermediate-read: a value that exists only within a block, or half a block
 * - wrong-value: the value of another height
 * - early-read: committed above the head that the same answer names
 * - lost-write: acknowledged as committed, and not in the chain
 * - regressing-status: less than committed, though it was before the request, here or below the token
 * - terminal-status-undone: said to have expired for ever, and committed
 * - two-blocks-at-one-height: another block, or another place in one, than in the chain
 */
export type AnomalyName =
  | 'stale-after-token'
  | 'non-monotonic-height'
  | 'read-your-writes'
  | 'aborted-read'
  | 'intermediate-read'
  | 'wrong-value'
  | 'early-read'
  | 'lost-write'
  | 'regressing-status'
  | 'terminal-status-undone'
  | 'two-blocks-at-one-height'
  | Flaw['name']

export interface Anomaly {
  readonly name: AnomalyName
  readonly detail: string
  /** Undefined for what is wrong with the chain itself. */
  readonly op?: number
}

export type Outcomes = Record<'ok' | 'fail' | 'info', number>

export interface Verdict {
  /** The first ANOMALIES_MAX of them; all are counted. */
  readonly anomalies: readonly Anomaly[]
  readonly counts: ReadonlyMap<AnomalyName, number>
  readonly operations: ReadonlyMap<Kind, Outcomes>
  readonly disturbances: ReadonlyMap<string, number>
}

export const ANOMALIES_MAX = 100

interface UnderWay {
  readonly invoke: Invoke
  /** The highest head that the node had shown when the request was made: it is durable, so no crash takes it back. */
  readonly shown: number
  /** What the client itself knew to be committed then, by sender. */
  readonly own: Acknowledged | undefined
}

interface Acknowledged {
  readonly sender: string
  readonly nonce: number
  readonly height: number
}

const SUBMISSIONS: ReadonlySet<Kind> = new Set(['submit', 'submit-and-wait', 'batch'])

export class Checker {
  readonly #model: Model
  readonly #underWay = new Map<number, UnderWay>()
  readonly #shownBy = new Map<number, number>()
  readonly #senders = new Map<string, { readonly sender: string; readonly nonce: number; readonly client: number }>()
  readonly #acknowledged = new Map<number, Acknowledged>()
  readonly #anomalies: Anomaly[] = []
  readonly #counts = new Map<AnomalyName, number>()
  readonly #operations = new Map<Kind, Outcomes>()
  readonly #disturbances = new Map<string, number>()

  constructor(model: Model) {
    this.#model = model
    for (const { name, detail } of model.flaws) this.#report(name, detail)
  }

  take(event: HistoryEvent): void {
    if (event.event === 'nemesis') {
      this.#disturbances.set(event.what, (this.#disturbances.get(event.what) ?? 0) + 1)
    } else if (event.event === 'invoke') this.#onInvoke(event)
    else this.#onComplete(event)
  }

  get verdict(): Verdict {
    return {
      anomalies: this.#anomalies,
      counts: this.#counts,
      operations: this.#operations,
      disturbances: this.#disturbances,
    }
  }

  #report(name: AnomalyName, detail: string, op?: number): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
    if (this.#anomalies.length < ANOMALIES_MAX) {
      this.#anomalies.push({ name, detail, ...(op === undefined ? {} : { op }) })
    }
  }

  #onInvoke(invoke: Invoke): void {
    const { op, client, node } = invoke
    for (const { id, sender, nonce } of invoke.signed ?? []) this.#senders.set(id, { sender, nonce, client })
    const own = this.#acknowledged.get(client)
    this.#underWay.set(op, { invoke, shown: this.#shownBy.get(node) ?? 0, own })
  }

  #onComplete(complete: Complete): void {
    const begun = this.#underWay.get(complete.op)
    if (begun === undefined) throw new Error(`operation ${complete.op} ends without a beginning`)
    this.#underWay.delete(complete.op)
    const { kind, node, client } = begun.invoke
    const outcomes = this.#operations.get(kind) ?? { ok: 0, fail: 0, info: 0 }
    outcomes[complete.event] += 1
    this.#operations.set(kind, outcomes)
    if (complete.event === 'info' || complete.height === undefined) return
    this.#checkHead(begun, complete, complete.height)
    for (const fact of complete.transactions ?? []) this.#checkTransaction(begun, complete, complete.height, fact)
    for (const fact of complete.blocks ?? []) this.#checkBlock(begun, complete, complete.height, fact)
    if (complete.account !== undefined) this.#checkAccount(begun, complete, complete.height, complete.account)
    this.#shownBy.set(node, Math.max(this.#shownBy.get(node) ?? 0, complete.height))
    for (const fact of complete.transactions ?? []) this.#acknowledge(client, fact)
  }

  #checkHead({ invoke, shown }: UnderWay, { op, status, headHash }: Complete, height: number): void {
    const { token = 0, at, kind } = invoke
    if (status !== 412) this.#checkAge(height, 'a head', token, shown, op)
    else if (token <= shown) {
      this.#report('non-monotonic-height', `412 for ${token}, after the node had shown ${shown}`, op)
    }
    if (kind === 'block' && status === 404 && at !== undefined && at <= Math.max(shown, token)) {
      this.#report('non-monotonic-height', `no block ${at}, after the node had shown ${shown}`, op)
    }
    if (headHash !== undefined) this.#checkHash(height, headHash, op)
  }

  /** Not older than the token, nor than what the node had shown. */
  #checkAge(height: number, what: string, token: number, shown: number, op: number): void {
    if (height < token) this.#report('stale-after-token', `${what} of height ${height} for a token of ${token}`, op)
    else if (height < shown) {
      this.#report('non-monotonic-height', `${what} of height ${height}, after the node had shown ${shown}`, op)
    }
  }

  #checkHash(height: number, hash: string, op: number): boolean {
    const block = this.#model.blocks[height]
    if (block?.hash === hash) return true
    const detail = `${hash} at height ${height}, where the chain has ${block?.hash ?? 'nothing'}`
    this.#report('two-blocks-at-one-height', detail, op)
    return false
  }

  #checkTransaction({ invoke, shown }: UnderWay, { op }: Complete, height: number, fact: TransactionFact): void {
    const { id, status, place } = fact
    const committed = this.#model.placeOf(id)
    if (status === 'committed' || status === 'failed') {
      if (committed === undefined) {
        const isOwn = SUBMISSIONS.has(invoke.kind) || this.#senders.get(id)?.client === invoke.client
        this.#report(isOwn ? 'lost-write' : 'aborted-read', `${id} was ${status}, and the chain has no such thing`, op)
        return
      }
      if (committed.failed !== (status === 'failed')) this.#report('wrong-outcome', `${id} was ${status}`, op)
      if (place === undefined) return
      const isSame = place.height === committed.height && place.index === committed.index
      if (!isSame) {
        const there = `${committed.height}/${committed.index}`
        this.#report('two-blocks-at-one-height', `${id} at ${place.height}/${place.index}, not at ${there}`, op)
      } else this.#checkHash(place.height, place.blockHash, op)
      if (place.height > height) this.#report('early-read', `${id} at ${place.height}, the head being ${height}`, op)
      return
    }
    if (committed === undefined) return
    if (status === 'expired') this.#report('terminal-status-undone', `${id} committed at ${committed.height}`, op)
    // What this node had to know when it was asked.
    const { token = 0 } = invoke
    if (committed.height <= token && committed.height > shown) {
      this.#report('stale-after-token', `${id} ${status}, committed at ${committed.height}, token ${token}`, op)
    } else if (committed.height <= shown) {
      this.#report('regressing-status', `${id} ${status}, committed at ${committed.height}, shown ${shown}`, op)
    }
  }

  #checkBlock({ invoke, shown }: UnderWay, { op }: Complete, height: number, fact: BlockFact): void {
    if (!this.#checkHash(fact.height, fact.hash, op)) return
    const block = this.#model.blocks[fact.height]
    if (block === undefined) return
    if (invoke.kind === 'latest') this.#checkAge(fact.height, 'the latest block', invoke.token ?? 0, shown, op)
    if (fact.height > height) this.#report('early-read', `block ${fact.height}, the head being ${height}`, op)
    if (fact.parent !== block.parent) this.#report('two-blocks-at-one-height', `parent of ${fact.height}`, op)
    const ids = block.transactions.map(({ id }) => id)
    const stranger = fact.ids?.find((id) => this.#model.placeOf(id) === undefined)
    if (stranger !== undefined) this.#report('aborted-read', `${stranger} in block ${fact.height}`, op)
    const isWhole = fact.ids === undefined || fact.ids.join() === ids.slice(0, PAGE_MAX).join()
    if (fact.count !== ids.length || !isWhole) {
      this.#report('intermediate-read', `block ${fact.height} with ${fact.count} transactions of ${ids.length}`, op)
    }
  }

  #checkAccount({ invoke, shown, own }: UnderWay, { op }: Complete, height: number, fact: AccountFact): void {
    const { token = 0 } = invoke
    const { address, nonce } = fact
    const balance = BigInt(fact.balance)
    this.#checkAge(fact.height, `account ${address}`, token, shown, op)
    if (fact.height > height) this.#report('early-read', `the state of ${fact.height}, the head being ${height}`, op)
    if (own !== undefined && own.sender === address && token >= own.height && nonce <= own.nonce) {
      this.#report('read-your-writes', `nonce ${nonce} after the commit of ${own.nonce} at ${own.height}`, op)
    }
    const expected = this.#model.valueAt(address, fact.height)
    if (expected.balance === balance && expected.nonce === nonce) return
    const detail =
      `${address} at ${fact.height}: balance ${balance}, nonce ${nonce}; ` +
      `the model has ${expected.balance} and ${expected.nonce}`
    this.#report(ANOMALY_OF[this.#model.occurrenceOf(address, balance, nonce)], detail, op)
  }

  #acknowledge(client: number, { id, status, place }: TransactionFact): void {
    const signed = this.#senders.get(id)
    if (place === undefined || signed?.client !== client || (status !== 'committed' && status !== 'failed')) return
    const { sender, nonce } = signed
    const before = this.#acknowledged.get(client)
    if (before === undefined || before.nonce < nonce) {
      this.#acknowledged.set(client, { sender, nonce, height: place.height })
    }
  }
}

/** Transactions in a block's own answer. */
const PAGE_MAX = 100

const ANOMALY_OF = {
  'after-a-block': 'wrong-value',
  'within-a-block': 'intermediate-read',
  never: 'aborted-read',
} as const
