// The committed chain executed on plain maps, from what clients signed: what every account held after every transaction.
// Shares no code with the ledger, so that both cannot be wrong in the same way.

import type { SignedTransfer } from './journal.ts'

/** A committed block as all nodes show it in the end. */
export interface ChainBlock {
  readonly height: number
  readonly hash: string
  readonly parent: string
  /** 40 hex digits; undefined for genesis. */
  readonly proposer: string | undefined
  readonly transactions: readonly { readonly id: string; readonly failed: boolean }[]
}

/** One value of an account; `isLast`: no later one in that block, so clients may see it. */
interface Value {
  readonly height: number
  readonly balance: bigint
  readonly nonce: number
  isLast: boolean
}

export interface CommittedPlace {
  readonly height: number
  readonly index: number
  readonly failed: boolean
}

export interface Flaw {
  readonly name: 'phantom-transaction' | 'duplicate-execution' | 'nonce-gap' | 'broken-chain' | 'wrong-outcome'
  readonly detail: string
}

const NOTHING: Value = { height: 0, balance: 0n, nonce: 0, isLast: true }

export class Model {
  readonly blocks: readonly ChainBlock[]
  readonly flaws: Flaw[] = []
  readonly #places = new Map<string, CommittedPlace>()
  readonly #values = new Map<string, Value[]>()

  /** @param blocks from genesis on, one of each height */
  constructor(
    blocks: readonly ChainBlock[],
    funded: ReadonlyMap<string, bigint>,
    signed: ReadonlyMap<string, SignedTransfer>,
  ) {
    this.blocks = blocks
    for (const [address, balance] of funded) {
      this.#values.set(address, [{ height: 0, balance, nonce: 0, isLast: true }])
    }
    for (const [height, block] of blocks.entries()) this.#apply(block, height, signed)
    const supplyThen = [...funded.values()].reduce((sum, balance) => sum + balance, 0n)
    const supplyNow = [...this.#values.values()].reduce((sum, values) => sum + (values.at(-1)?.balance ?? 0n), 0n)
    if (supplyThen !== supplyNow) this.#flaw('wrong-outcome', `the supply went from ${supplyThen} to ${supplyNow}`)
  }

  get height(): number {
    return this.blocks.length - 1
  }

  placeOf(id: string): CommittedPlace | undefined {
    return this.#places.get(id)
  }

  get transactions(): number {
    return this.#places.size
  }

  /** What every reader at this height has to see. */
  valueAt(address: string, height: number): { readonly balance: bigint; readonly nonce: number } {
    const values = this.#values.get(address) ?? []
    let low = 0
    let high = values.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((values[middle]?.height ?? 0) <= height) low = middle + 1
      else high = middle
    }
    return values[low - 1] ?? NOTHING
  }

  /** Where the value occurs at all: after some block, only within one, or never. */
  occurrenceOf(address: string, balance: bigint, nonce: number): 'after-a-block' | 'within-a-block' | 'never' {
    const same = (this.#values.get(address) ?? [NOTHING]).filter(
      (value) => value.balance === balance && value.nonce === nonce,
    )
    if (same.length === 0) return 'never'
    return same.some(({ isLast }) => isLast) ? 'after-a-block' : 'within-a-block'
  }

  #flaw(name: Flaw['name'], detail: string): void {
    this.flaws.push({ name, detail })
  }

  #apply(block: ChainBlock, height: number, signed: ReadonlyMap<string, SignedTransfer>): void {
    const parent = this.blocks[height - 1]
    if (block.height !== height || (parent !== undefined && block.parent !== parent.hash)) {
      this.#flaw('broken-chain', `block ${block.height} is where ${height} should be, or on another parent`)
    }
    let fees = 0n
    for (const [index, { id, failed }] of block.transactions.entries()) {
      const transfer = signed.get(id)
      const at = `${id} at ${height}/${index}`
      if (this.#places.has(id)) this.#flaw('duplicate-execution', at)
      if (transfer === undefined) {
        this.#flaw('phantom-transaction', `${at} was signed by nobody`)
        continue
      }
      this.#places.set(id, { height, index, failed })
      fees += BigInt(transfer.fee)
      if (this.#pay(transfer, height, at) === failed) {
        this.#flaw('wrong-outcome', `${at} is shown as ${failed ? 'failed' : 'a success'}`)
      }
    }
    if (fees > 0n && block.proposer !== undefined) this.#add(block.proposer, height, fees, 0)
  }

  /** Whether it succeeds. */
  #pay(transfer: SignedTransfer, height: number, at: string): boolean {
    const { sender, nonce, fee, outputs, validUntil } = transfer
    const before = this.valueAt(sender, height)
    if (nonce < before.nonce) this.#flaw('duplicate-execution', `nonce ${nonce} of ${at} after ${before.nonce - 1}`)
    if (nonce > before.nonce) this.#flaw('nonce-gap', `nonce ${nonce} of ${at} where ${before.nonce} is next`)
    if (validUntil < height) this.#flaw('wrong-outcome', `${at} was valid until ${validUntil}`)
    this.#add(sender, height, -BigInt(fee), 1)
    const total = outputs.reduce((sum, [, amount]) => sum + BigInt(amount), 0n)
    if (before.balance - BigInt(fee) < total) return false
    this.#add(sender, height, -total, 0)
    for (const [recipient, amount] of outputs) this.#add(recipient, height, BigInt(amount), 0)
    return true
  }

  #add(address: string, height: number, amount: bigint, nonces: number): void {
    const values = this.#values.get(address) ?? []
    this.#values.set(address, values)
    const before = values.at(-1) ?? NOTHING
    if (values.length > 0 && before.height === height) before.isLast = false
    values.push({ height, balance: before.balance + amount, nonce: before.nonce + nonces, isLast: true })
  }
}
