// The ledger a third time, for trials: two pages of plain maps and plain SHA-256 that share no line with ledger/ or crypto/.
// Fed with what was submitted, in the order in which it committed, it says every byte of the state and its root.
// Knows transfers that succeed: the plan has no others. Source: DESIGN.md section 4, FORMATS.md items 6 to 8.

import { createHash } from 'node:crypto'

const ZERO = Buffer.alloc(32)
const TYPE_TRANSACTION = 1
const TYPE_BLOCK_EFFECTS = 2
const STATUS_OK = 1
const EVENT_TRANSFER = 1
const EVENT_FEES = 2

export interface ReplayedTransaction {
  /** 64 hex digits. */
  readonly id: string
  readonly sender: string
  readonly fee: bigint
  /** Bytes of its encoding. */
  readonly weight: number
  readonly outputs: readonly { readonly recipient: string; readonly amount: bigint }[]
}

interface Account {
  balance: bigint
  nonce: bigint
  historyCount: bigint
  historyHead: Buffer
}

interface Leaf {
  readonly key: Buffer
  readonly hash: Buffer
}

export class Replay {
  readonly #accounts = new Map<string, Account>()

  constructor(balances: readonly { readonly address: string; readonly balance: bigint }[]) {
    for (const { address, balance } of balances) this.#at(address).balance = balance
  }

  /** The sum of all balances: it never changes. */
  get supply(): bigint {
    let sum = 0n
    for (const { balance } of this.#accounts.values()) sum += balance
    return sum
  }

  /** `proposer`: 40 hex digits, who gets the fees. */
  apply(height: number, proposer: string, transactions: readonly ReplayedTransaction[]): void {
    let fees = 0n
    let weight = 0
    for (const [index, { id, sender, fee, weight: own, outputs }] of transactions.entries()) {
      const payer = this.#at(sender)
      payer.nonce += 1n
      payer.balance -= fee
      for (const { recipient, amount } of outputs) {
        payer.balance -= amount
        this.#at(recipient).balance += amount
      }
      if (payer.balance < 0n) throw new Error(`${sender} spends more than it has: the plan is wrong`)
      const events = outputs.map(({ recipient, amount }) => eventOf(EVENT_TRANSFER, sender, recipient, amount))
      const receipt = receiptOf(TYPE_TRANSACTION, Buffer.from(id, 'hex'), fee, own, events)
      for (const address of new Set([sender, ...outputs.map(({ recipient }) => recipient)])) {
        this.#record(address, height, index, Buffer.from(id, 'hex'), receipt)
      }
      fees += fee
      weight += own
    }
    if (fees === 0n) return
    const effects = [eventOf(EVENT_FEES, '', proposer, fees)]
    this.#at(proposer).balance += fees
    this.#record(
      proposer,
      height,
      transactions.length,
      ZERO,
      receiptOf(TYPE_BLOCK_EFFECTS, ZERO, fees, weight, effects),
    )
  }

  /** Key and value of every account, both as hex: what a database has to hold, no more and no less. */
  values(): Map<string, string> {
    const values = new Map<string, string>()
    for (const [address, account] of this.#accounts) values.set(keyOf(address).toString('hex'), hexOf(account))
    return values
  }

  /** Root of the compact sparse Merkle tree over all accounts, by its definition. */
  root(): string {
    const leaves = [...this.#accounts].map(([address, account]) => {
      const key = keyOf(address)
      const valueHash = tagged('scoville/state-value/1', accountBytes(account))
      return { key, hash: tagged('scoville/state-leaf/1', key, valueHash) }
    })
    leaves.sort((a, b) => Buffer.compare(a.key, b.key))
    return rootOf(leaves, 0).toString('hex')
  }

  #at(address: string): Account {
    const known = this.#accounts.get(address)
    if (known !== undefined) return known
    const fresh = { balance: 0n, nonce: 0n, historyCount: 0n, historyHead: ZERO }
    this.#accounts.set(address, fresh)
    return fresh
  }

  #record(address: string, height: number, index: number, id: Buffer, receipt: Buffer): void {
    const account = this.#at(address)
    const receiptHash = tagged('scoville/receipt/1', receipt)
    account.historyHead = tagged(
      'scoville/history/1',
      account.historyHead,
      u64(BigInt(height)),
      u32(index),
      id,
      receiptHash,
    )
    account.historyCount += 1n
  }
}

function rootOf(leaves: readonly Leaf[], depth: number): Buffer {
  const [first] = leaves
  if (first === undefined) return ZERO
  if (leaves.length === 1) return first.hash
  const goesRight = ({ key }: Leaf) => (((key[depth >> 3] ?? 0) >> (7 - (depth & 7))) & 1) === 1
  const middle = leaves.findIndex(goesRight)
  const at = middle < 0 ? leaves.length : middle
  return tagged('scoville/state-node/1', rootOf(leaves.slice(0, at), depth + 1), rootOf(leaves.slice(at), depth + 1))
}

function keyOf(address: string): Buffer {
  return tagged('scoville/state-key/1', Buffer.from([1]), Buffer.from(address, 'hex'))
}

function accountBytes({ balance, nonce, historyCount, historyHead }: Account): Buffer {
  return Buffer.concat([Buffer.from([1]), u64(balance), u64(nonce), u64(historyCount), historyHead])
}

function hexOf(account: Account): string {
  return accountBytes(account).toString('hex')
}

function receiptOf(type: number, id: Buffer, fee: bigint, weight: number, events: readonly Buffer[]): Buffer {
  const head = [Buffer.from([type]), id, Buffer.from([STATUS_OK, 0, 0]), u64(fee), u64(BigInt(weight))]
  return Buffer.concat([...head, u32(events.length), ...events])
}

function eventOf(kind: number, emitter: string, recipient: string, amount: bigint): Buffer {
  const from = Buffer.from(emitter, 'hex')
  const noTopics = u32(0)
  const content = Buffer.concat([Buffer.from(recipient, 'hex'), u64(amount)])
  return Buffer.concat([Buffer.from([0, kind]), u32(from.length), from, noTopics, u32(content.length), content])
}

function tagged(tag: string, ...parts: readonly Buffer[]): Buffer {
  return createHash('sha256')
    .update(Buffer.concat([Buffer.from(tag, 'ascii'), ...parts]))
    .digest()
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}
