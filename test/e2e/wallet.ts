// The devnet's funded accounts, and transactions signed with their keys. Counts nonces itself: one wallet, one user.

import type { Hash } from '../../crypto/bytes.ts'
import { keyPairFromSeed } from '../../crypto/ed25519.ts'
import { devnetAccounts } from '../../genesis/devnet.ts'
import { type Output, signTransfer, type TransferRequest } from '../../ledger/transaction.ts'

export interface Signed {
  /** 64 hex digits. */
  readonly id: Hash
  readonly bytes: Uint8Array
}

/** As far ahead as a devnet allows at its beginning. */
const VALID_UNTIL = 100_000
const FEE = 10n

export class Wallet {
  readonly address: string
  readonly keyPair: TransferRequest['keyPair']
  readonly #genesisHash: Hash
  nonce = 0n
  #validUntil = VALID_UNTIL

  constructor(genesisHash: Hash, seed: Uint8Array, address: string) {
    this.#genesisHash = genesisHash
    this.keyPair = keyPairFromSeed(seed)
    this.address = address
  }

  /** Ten wallets with DEVNET_BALANCE each. */
  static funded(genesisHash: Hash): [Wallet, ...Wallet[]] {
    const [first, ...rest] = devnetAccounts().map(({ seed, address }) => new Wallet(genesisHash, seed, address))
    if (first === undefined) throw new Error('a devnet has accounts')
    return [first, ...rest]
  }

  /** For chains whose validUntilAheadMax is lower. */
  until(height: number): this {
    this.#validUntil = height
    return this
  }

  /** The next one; its nonce is used up. */
  pay(recipient: string, amount: bigint): Signed {
    const signed = this.sign([{ recipient, amount }])
    this.nonce += 1n
    return signed
  }

  /** Any transaction; the counter stays. */
  sign(outputs: readonly Output[], changes: Partial<Omit<TransferRequest, 'outputs' | 'keyPair'>> = {}): Signed {
    return signTransfer({
      genesisHash: this.#genesisHash,
      nonce: this.nonce,
      fee: FEE,
      validUntil: this.#validUntil,
      outputs,
      keyPair: this.keyPair,
      ...changes,
    })
  }
}
