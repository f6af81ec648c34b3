// A client of the API: pays from its own account and reads everything, one operation at a time, at a node it changes now and
// then. Whatever it asks and is told goes into the journal; what it concludes from that is only what the documents promise.

import type { AccountView, BatchItemView, BlockView, TransactionView } from '../../api/view.ts'
import { toHex } from '../../crypto/bytes.ts'
import type { Output } from '../../ledger/transaction.ts'
import type { Wallet } from '../e2e/wallet.ts'
import type { Random } from '../simulation/random.ts'
import type { Ask, Exchange, Reply } from './exchange.ts'
import { accountFact, batchFacts, blockFact, transactionFact } from './facts.ts'
import type { Complete, Invoke, Journal, Kind, SignedTransfer, TransactionFact } from './journal.ts'

/** What all clients know together: a token may come from any answer that anybody got. */
export interface Shared {
  readonly addresses: readonly string[]
  height: number
  /** Ids that somebody signed lately, for others to ask about. */
  readonly recent: string[]
  operations: number
  answered: number
}

export interface ClientDeps {
  readonly number: number
  readonly wallet: Wallet
  readonly shared: Shared
  readonly exchange: Exchange
  readonly journal: Journal
  readonly random: Random
  readonly signal: AbortSignal
}

interface Signed {
  readonly bytes: Uint8Array
  readonly transfer: SignedTransfer
}

/** All of one nonce: at most one of them commits. Mostly there is but one; a second goes to other nodes. */
type Slot = readonly Signed[]

type Facts = Pick<Complete, 'transactions' | 'account' | 'blocks'>

const FEE = 10n
const RECENT_MAX = 256
const BATCH_MAX = 24
const OUTPUTS_MAX = 8
/** Nobody has so much. */
const TOO_MUCH = 1n << 62n
const WAIT = '?wait=committed&timeout=2s'
const RETRY_MS = 100
/** Refusals that no honest client meets. */
const NEVER: ReadonlySet<string> = new Set(['malformed-transaction', 'wrong-chain', 'bad-signature', 'fee-too-low'])
/** How far ahead a transaction's validity ends: soon enough to expire in a partition, or practically never. */
const AHEAD_SHORT = 6
const AHEAD_LONG = 50_000

export class Client {
  readonly #deps: ClientDeps
  #node: number
  /** Highest head that this client itself has been shown. */
  #height = 0
  /** Signed and not known to have ended, in nonce order. */
  #open: Slot[] = []
  /** Signed and not in the journal yet: the next event there tells of them. */
  readonly #unannounced: SignedTransfer[] = []

  constructor(deps: ClientDeps) {
    this.#deps = deps
    this.#node = deps.number % deps.exchange.nodes
  }

  /** Until the signal; what is open is brought to its end by `settle`. */
  async run(): Promise<void> {
    const { random, signal, exchange } = this.#deps
    while (!signal.aborted) {
      if (random.chance(20)) this.#node = random.between(0, exchange.nodes - 1)
      const isAnswered = await this.#step()
      if (isAnswered) continue
      this.#node = random.between(0, exchange.nodes - 1)
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }

  /** Asks until everything signed has committed or can never commit; false when the deadline comes first. */
  async settle(deadlineMs: number): Promise<boolean> {
    const { random, exchange } = this.#deps
    while (this.#open.length > 0 && performance.now() < deadlineMs) {
      this.#node = random.between(0, exchange.nodes - 1)
      await this.#pursue()
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
    return this.#open.length === 0
  }

  /** Every account at every node, none older than `height`. */
  async readAll(height: number): Promise<void> {
    const { exchange, shared } = this.#deps
    for (let node = 0; node < exchange.nodes; node++) {
      this.#node = node
      for (const address of shared.addresses) await this.#readAccount(address, height)
    }
  }

  #step(): Promise<boolean> {
    const { random } = this.#deps
    const drawn = random.between(0, 999)
    if (drawn < 120) return this.#open.length === 0 ? this.#write() : this.#pursue()
    if (drawn < 500) return this.#readAccount(this.#someAddress(), this.#token())
    if (drawn < 750) return this.#readStatus(this.#someId(), this.#token(), drawn < 520)
    if (drawn < 820) return this.#readBlock('latest', this.#token())
    if (drawn < 920) return this.#readBlock(random.between(Math.max(0, this.#height - 50), this.#height), this.#token())
    if (drawn < 970) return this.#readBlocks(this.#token())
    return this.#readTransactions(random.between(Math.max(0, this.#height - 20), this.#height), this.#token())
  }

  /** None, what this client was shown, or what anybody was shown. */
  #token(): number | undefined {
    const { random, shared } = this.#deps
    if (random.chance(250)) return undefined
    return random.chance(700) ? this.#height : shared.height
  }

  #someAddress(): string {
    const { random, shared, wallet } = this.#deps
    return random.chance(300) ? wallet.address : random.pick(shared.addresses)
  }

  #someId(): string {
    const { random, shared } = this.#deps
    const own = this.#open.flatMap((slot) => slot.map(({ transfer }) => transfer.id))
    const known = own.length > 0 && random.chance(500) ? own : shared.recent
    return known.length > 0 ? random.pick(known) : '0'.repeat(64)
  }

  #readAccount(address: string, token: number | undefined): Promise<boolean> {
    return this.#ask('account', { path: `/v1/accounts/0x${address}` }, { token }, (content) => ({
      account: accountFact(content as AccountView),
    }))
  }

  #readBlock(at: number | 'latest', token: number | undefined): Promise<boolean> {
    const { random } = this.#deps
    const path = `/v1/blocks/${at}${random.chance(500) ? '?include=transactions' : ''}`
    const about = at === 'latest' ? { token } : { token, at }
    return this.#ask(at === 'latest' ? 'latest' : 'block', { path }, about, (content) => ({
      blocks: [blockFact(content as BlockView)],
    }))
  }

  #readBlocks(token: number | undefined): Promise<boolean> {
    const limit = this.#deps.random.between(1, 20)
    return this.#ask('blocks', { path: `/v1/blocks?order=desc&limit=${limit}` }, { token }, (content) => ({
      blocks: (content as readonly BlockView[]).map(blockFact),
    }))
  }

  #readTransactions(at: number, token: number | undefined): Promise<boolean> {
    const path = `/v1/blocks/${at}/transactions?limit=${this.#deps.random.between(1, 50)}`
    return this.#ask('block-transactions', { path }, { token, at }, (content) => ({
      transactions: (content as readonly TransactionView[]).map(transactionFact),
    }))
  }

  #readStatus(id: string, token: number | undefined, waits: boolean): Promise<boolean> {
    const path = `/v1/transactions/0x${id}${waits ? WAIT : ''}`
    return this.#ask(waits ? 'status-and-wait' : 'status', { path }, { token }, (content, { status }) => ({
      transactions: [status === 404 ? { id, status: 'unknown' } : transactionFact(content as TransactionView)],
    }))
  }

  /** Signs something new and submits it. */
  #write(): Promise<boolean> {
    const { random, wallet } = this.#deps
    const drawn = random.between(0, 99)
    if (drawn < 60) this.#open = [[this.#sign(wallet.nonce, random.chance(900) ? AHEAD_LONG : AHEAD_SHORT)]]
    else if (drawn < 70) this.#open = [[this.#sign(wallet.nonce, AHEAD_LONG), this.#sign(wallet.nonce, AHEAD_LONG)]]
    else {
      const count = random.between(2, BATCH_MAX)
      this.#open = Array.from({ length: count }, (_, at) => [this.#sign(wallet.nonce + BigInt(at), AHEAD_LONG)])
    }
    wallet.nonce += BigInt(this.#open.length)
    return this.#open.length === 1 ? this.#submit(random.chance(700)) : this.#submitBatch()
  }

  #sign(nonce: bigint, ahead: number): Signed {
    const { random, wallet, shared } = this.#deps
    const count = random.chance(300) ? random.between(2, OUTPUTS_MAX) : 1
    const amount = count === 1 && random.chance(30) ? TOO_MUCH : BigInt(random.between(1, 50))
    // Equal amounts, and the sender may be among the recipients.
    const recipients = random.shuffled(shared.addresses).slice(0, count)
    const outputs = recipients.map((recipient): Output => ({ recipient, amount }))
    const validUntil = shared.height + ahead
    const { id, bytes } = wallet.sign(outputs, { nonce, validUntil, fee: FEE })
    shared.recent.push(id)
    if (shared.recent.length > RECENT_MAX) shared.recent.shift()
    const transfer: SignedTransfer = {
      id,
      sender: wallet.address,
      nonce: Number(nonce),
      fee: String(FEE),
      validUntil,
      outputs: outputs.map((output) => [output.recipient, String(output.amount)] as const),
    }
    this.#unannounced.push(transfer)
    return { bytes, transfer }
  }

  /** What is open: asks about it, submits it again, here or elsewhere, or replaces it when it can never commit. */
  #pursue(): Promise<boolean> {
    const { random } = this.#deps
    if (this.#open.length === 0) return this.#write()
    if (this.#open.length > 1 && random.chance(200)) return this.#submitBatch()
    if (random.chance(400)) return this.#submit(random.chance(500))
    const { id, validUntil } = this.#oldest().transfer
    // Beyond validUntil the answer is final whatever it is (docs/API.md, "Submitting a transaction").
    const token = this.#deps.shared.height >= validUntil ? validUntil : this.#token()
    return this.#readStatus(id, token, random.chance(300))
  }

  /** Either of the lowest nonce that is open. */
  #oldest(): Signed {
    return this.#deps.random.pick(this.#open[0] ?? [])
  }

  #submit(waits: boolean): Promise<boolean> {
    const { bytes, transfer } = this.#oldest()
    const path = `/v1/transactions${waits ? WAIT : ''}`
    const ask: Ask = { method: 'POST', path, body: { type: 'application/octet-stream', bytes } }
    const kind = waits ? 'submit-and-wait' : 'submit'
    return this.#ask(kind, ask, {}, (content, { status }) => {
      if (status < 300) return { transactions: [transactionFact(content as TransactionView)] }
      const { code } = content as { readonly code: string }
      return { transactions: [{ id: transfer.id, status: 'refused', code }] }
    })
  }

  #submitBatch(): Promise<boolean> {
    const txs = this.#open.flat().map(({ bytes }) => `0x${toHex(bytes)}`)
    const bytes = Buffer.from(JSON.stringify({ txs }))
    const ask: Ask = { method: 'POST', path: '/v1/transactions/batch', body: { type: 'application/json', bytes } }
    return this.#ask('batch', ask, {}, (content, { status }) =>
      status < 300 ? { transactions: batchFacts(content as readonly BatchItemView[]) } : {},
    )
  }

  /** False when there was no answer, or a refusal that another node may not repeat. */
  async #ask(
    kind: Kind,
    ask: Ask,
    { token, at }: { readonly token?: number | undefined; readonly at?: number },
    factsOf: (content: unknown, reply: Reply) => Facts,
  ): Promise<boolean> {
    const { number, shared, exchange, journal } = this.#deps
    const signed = this.#unannounced.splice(0)
    const op = shared.operations
    shared.operations += 1
    const invoke: Invoke = {
      event: 'invoke',
      op,
      client: number,
      node: this.#node,
      atMs: now(),
      kind,
      ...(token === undefined ? {} : { token }),
      ...(at === undefined ? {} : { at }),
      ...(signed.length === 0 ? {} : { signed }),
    }
    journal.write(invoke)
    const reply = await exchange.ask(this.#node, token === undefined ? ask : { ...ask, minHeight: token })
    if (reply === undefined) {
      journal.write({ event: 'info', op, atMs: now() })
      return false
    }
    const { status, height, headHash, content } = reply
    const isOk = status < 300
    const hasFacts = isOk || (status === 404 && kind.startsWith('status')) || kind.startsWith('submit')
    const facts = hasFacts ? factsOf(content, reply) : {}
    journal.write({ event: isOk ? 'ok' : 'fail', op, atMs: now(), status, height, headHash, ...facts })
    shared.answered += 1
    this.#height = Math.max(this.#height, height)
    shared.height = Math.max(shared.height, height)
    for (const fact of facts.transactions ?? []) this.#learn(fact, token ?? 0)
    return isOk || status === 404
  }

  #learn(fact: TransactionFact, token: number): void {
    const at = this.#open.findIndex((slot) => slot.some(({ transfer }) => transfer.id === fact.id))
    const slot = this.#open[at]
    if (slot === undefined) return
    if (fact.code !== undefined && NEVER.has(fact.code)) throw new Error(`${fact.id} was refused: ${fact.code}`)
    const isCommitted = fact.status === 'committed' || fact.status === 'failed'
    if (isCommitted) this.#open.splice(at, 1)
    const lasts = slot.filter(({ transfer }) => {
      const { id, validUntil } = transfer
      return id !== fact.id || (token < validUntil && fact.code !== 'expired' && fact.status !== 'expired')
    })
    if (isCommitted || lasts.length === slot.length) return
    // What was asked about can never commit; if nothing else can, the nonce is free again.
    const [one] = slot
    this.#open[at] =
      lasts.length > 0 || one === undefined ? lasts : [this.#sign(BigInt(one.transfer.nonce), AHEAD_LONG)]
  }
}

function now(): number {
  return Math.round(performance.now() * 1_000) / 1_000
}
