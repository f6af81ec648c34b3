// Signed transfers, made before anything is measured: the same signatures that clients make, one account after the other.
// Each account belongs to one node, so that its nonces arrive in order; recipients are other accounts of the benchmark.

import { type Hash, toHex } from '../../crypto/bytes.ts'
import { keyPairFromSeed, signEd25519, verifyEd25519 } from '../../crypto/ed25519.ts'
import { sha256 } from '../../crypto/hash.ts'
import { addressOf } from '../../ledger/address.ts'
import { type KeyPair, signTransfer } from '../../ledger/transaction.ts'

/** What one POST to the batch endpoint may carry. */
export const BATCH_TRANSACTIONS_MAX = 256
const VALID_FOR_HEIGHTS = 90_000
const FEE = 10n

export interface Account {
  /** 40 hex digits. */
  readonly address: string
  readonly keyPair: KeyPair
}

export interface SignedTransfer {
  readonly id: Hash
  readonly bytes: Uint8Array
}

/** A body ready to be posted, and the transaction to ask for: the last one, which commits last. */
export interface BatchPost {
  readonly body: Buffer
  readonly count: number
  readonly last: Hash
}

/** Deterministic: the genesis file of a run can be made before its load. */
export function benchAccounts(count: number): Account[] {
  return Array.from({ length: count }, (_, index) => {
    const keyPair = keyPairFromSeed(sha256(Buffer.from(`scoville bench account ${index}`)))
    return { address: addressOf(keyPair.publicKey), keyPair }
  })
}

/** An account and where its nonces are. */
export interface Sender {
  readonly account: Account
  nonce: bigint
}

/** Signs for the accounts that one worker has to itself, each in nonce order. */
export class Signer {
  readonly #senders: readonly Sender[]
  readonly #recipients: readonly Sender[]
  readonly #genesisHash: Hash
  readonly #validUntil: number
  #next = 0

  /** @param height of the chain now: what is signed here stays valid for some 90,000 blocks */
  constructor(senders: readonly Sender[], recipients: readonly Sender[], genesisHash: Hash, height: number) {
    this.#senders = senders
    this.#recipients = recipients
    this.#genesisHash = genesisHash
    this.#validUntil = height + VALID_FOR_HEIGHTS
  }

  /** From the accounts in turn, so that consecutive transfers have different senders. */
  sign(): SignedTransfer {
    const sender = this.#senders[this.#next % this.#senders.length]
    const recipient = this.#recipients[(this.#next * 31 + 7) % this.#recipients.length]
    if (sender === undefined || recipient === undefined) throw new Error('no accounts to send from')
    this.#next += 1
    const { nonce, account } = sender
    sender.nonce += 1n
    return signTransfer({
      genesisHash: this.#genesisHash,
      nonce,
      fee: FEE,
      validUntil: this.#validUntil,
      outputs: [{ recipient: recipient.account.address, amount: 1n }],
      keyPair: account.keyPair,
    })
  }

  batch(count: number): BatchPost {
    const transfers = Array.from({ length: count }, () => this.sign())
    const last = transfers.at(-1)
    if (last === undefined) throw new Error('an empty batch')
    const body = JSON.stringify({ txs: transfers.map(({ bytes }) => `0x${toHex(bytes)}`) })
    return { body: Buffer.from(body), count, last: last.id }
  }
}

const VERIFY_SLICE = 200
const VERIFY_SLICES = 15

/** CPU microseconds that one core takes for one signature, now: the median of short slices, as the machine's speed varies. */
export function measureVerifyMicros(account: Account): number {
  const message = sha256(Buffer.from('what a signature costs'))
  const signature = signEd25519(account.keyPair.secretKey, message)
  const slices: number[] = []
  for (let slice = 0; slice < VERIFY_SLICES; slice++) {
    const before = process.cpuUsage()
    for (let i = 0; i < VERIFY_SLICE; i++) {
      if (!verifyEd25519(account.keyPair.publicKey, message, signature)) throw new Error('a good signature is refused')
    }
    const { user, system } = process.cpuUsage(before)
    slices.push((user + system) / VERIFY_SLICE)
  }
  return slices.sort((a, b) => a - b)[VERIFY_SLICES >> 1] ?? 0
}
