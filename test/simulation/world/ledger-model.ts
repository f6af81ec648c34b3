// The ledger a second time, for S8 to S10: two Maps and the rules of DESIGN.md section 4 in a page, fed with the committed
// chain; and beside it the real ledger run once over plain Maps, without stores, overlays or speculation.

import type { Block } from '../../../consensus/types.ts'
import type { Hash } from '../../../crypto/bytes.ts'
import { readAccount } from '../../../ledger/account.ts'
import { decodeReceipt, RECEIPT_TRANSACTION, STATUS_OK } from '../../../ledger/receipt.ts'
import { parseTransaction } from '../../../ledger/transaction.ts'
import { hold } from './claims.ts'
import { BALANCE, type Committee } from './committee.ts'

export interface Replayed {
  readonly stateRoot: Hash
  readonly receiptsRoot: Hash
  readonly ids: readonly Hash[]
}

export class LedgerModel {
  readonly #committee: Committee
  readonly #values = new Map<string, Uint8Array>()
  readonly #pages = new Map<string, Uint8Array>()
  readonly #balances = new Map<string, bigint>()
  readonly #nonces = new Map<string, bigint>()
  readonly #heights = new Map<Hash, number>()
  readonly #supply: bigint

  constructor(committee: Committee) {
    this.#committee = committee
    const { writes } = committee.genesis.state
    for (const [key, value] of writes.values) set(this.#values, key, value)
    for (const [path, page] of writes.nodes) set(this.#pages, path, page)
    const rich = [...committee.people, committee.rogue]
    for (const { address } of rich) this.#balances.set(address, BALANCE)
    this.#supply = BALANCE * BigInt(rich.length)
  }

  /** Height at which a transaction committed. */
  heightOf(id: Hash): number | undefined {
    return this.#heights.get(id)
  }

  get transactions(): number {
    return this.#heights.size
  }

  /** The next block of the agreed chain. */
  apply(block: Block): Replayed {
    const { app, genesis, validators } = this.#committee
    const { header, payload } = block.proposal
    const proposer = validators.get(header.proposer).id
    const { height, epoch, view, timestampMs } = header
    const state = { get: (key: string) => this.#values.get(key), node: (path: string) => this.#pages.get(path) }
    const isSigned = app.verify(
      payload.items.flatMap((item) => {
        const decoded = app.decode(item)
        return decoded.ok ? [decoded.value] : []
      }),
    )
    hold('S8 valid block', isSigned.length === payload.items.length && !isSigned.includes(false), () => `at ${height}`)
    const outcome = app.execute(
      state,
      { height, epoch, view, timestampMs, proposer },
      payload.items,
      genesis.params,
      () => true,
    )
    if (!outcome.ok) {
      hold(
        'S8 valid block',
        false,
        () => `height ${height}: transaction ${outcome.refusal.index} is ${outcome.refusal.refusal.kind}`,
      )
      throw new Error('unreachable')
    }
    const { writes, receipts, stateRoot, receiptsRoot } = outcome.value
    for (const [key, value] of writes.values) set(this.#values, key, value)
    for (const [path, page] of writes.nodes) set(this.#pages, path, page)
    const statuses = receipts.flatMap((bytes) => {
      const receipt = decodeReceipt(bytes)
      return receipt.ok && receipt.value.type === RECEIPT_TRANSACTION ? [receipt.value.status === STATUS_OK] : []
    })
    const ids = this.#applyNaively(block, proposer, statuses)
    const touched = new Set([proposer, ...this.#balances.keys()])
    if (payload.items.length > 0) {
      for (const address of touched) {
        const { balance, nonce } = readAccount(state, address)
        const wants = this.#balances.get(address) ?? 0n
        hold('S8 model', balance === wants && nonce === (this.#nonces.get(address) ?? 0n), () => {
          return `height ${height}: ${address} has ${balance}, nonce ${nonce}; the model ${wants}`
        })
      }
    }
    return { stateRoot, receiptsRoot, ids }
  }

  #applyNaively({ proposal }: Block, proposer: string, statuses: readonly boolean[]): Hash[] {
    const { height } = proposal.header
    const balanceOf = (address: string) => this.#balances.get(address) ?? 0n
    const add = (address: string, amount: bigint) => this.#balances.set(address, balanceOf(address) + amount)
    const ids: Hash[] = []
    let fees = 0n
    for (const [at, item] of proposal.payload.items.entries()) {
      const parsed = parseTransaction(item)
      if (!parsed.ok) throw new Error('the ledger accepted what does not parse')
      const { id, sender, total, transaction } = parsed.value
      const before = this.#heights.get(id)
      hold('S9 exactly once', before === undefined, () => `${id} at ${before} and ${height}`)
      this.#heights.set(id, height)
      ids.push(id)
      const nonce = this.#nonces.get(sender) ?? 0n
      hold('S9 nonces', transaction.nonce === nonce, () => `${sender}: ${transaction.nonce} where ${nonce} is next`)
      hold('S9 expiry', transaction.validUntil >= height, () => `${id} at ${height}`)
      this.#nonces.set(sender, nonce + 1n)
      add(sender, -transaction.fee)
      fees += transaction.fee
      const pays = balanceOf(sender) >= total
      hold('S8 status', statuses[at] === pays, () => `${id} at ${height}`)
      if (pays) {
        add(sender, -total)
        for (const { recipient, amount } of transaction.body.outputs) add(recipient, amount)
      }
      hold('S10 no negative balance', balanceOf(sender) >= 0n, () => `${sender} at ${height}`)
    }
    if (fees > 0n) add(proposer, fees)
    if (ids.length > 0) {
      let supply = 0n
      for (const balance of this.#balances.values()) supply += balance
      hold('S10 supply', supply === this.#supply, () => `${supply} at ${height}, ${this.#supply} at genesis`)
    }
    return ids
  }
}

function set(map: Map<string, Uint8Array>, key: string, value: Uint8Array | undefined): void {
  if (value === undefined) map.delete(key)
  else map.set(key, value)
}
