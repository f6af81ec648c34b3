// What the clients of a trial submit, by design: which account pays whom how much at which nonce follows from the seed alone.
// So a judge knows every transaction without having kept its bytes. Never talks to a node.

import { keyPairFromSeed } from '../../crypto/ed25519.ts'
import { sha256 } from '../../crypto/hash.ts'
import { addressOf } from '../../ledger/address.ts'
import type { KeyPair, Output } from '../../ledger/transaction.ts'
import { Random } from '../simulation/random.ts'

export const FEE = 10n
/** Base units of each sender at genesis: more than it can spend in any trial. */
export const BALANCE = 1_000_000_000_000n
/** Addresses that only receive: the state grows, and its tree with it. */
const STRANGERS = 4_000
const OUTPUTS_MOST = 4
const AMOUNT_MOST = 50
/** Of an encoded transfer with one output; each further one takes 28 more (ledger/transaction.ts). */
const BYTES_OF_ONE_OUTPUT = 203
const BYTES_OF_AN_OUTPUT = 28

export interface Sender {
  readonly address: string
  readonly keyPair: KeyPair
}

export class Plan {
  readonly seed: number
  readonly senders: readonly Sender[]
  readonly #recipients: readonly string[]

  constructor(seed: number, senders: number) {
    this.seed = seed
    this.senders = Array.from({ length: senders }, (_, index) => {
      const keyPair = keyPairFromSeed(sha256(Buffer.from(`scoville trial ${seed} sender ${index}`)))
      return { address: addressOf(keyPair.publicKey), keyPair }
    })
    const strangers = Array.from({ length: STRANGERS }, (_, index) =>
      Buffer.from(sha256(Buffer.from(`scoville trial ${seed} stranger ${index}`)).subarray(0, 20)).toString('hex'),
    )
    this.#recipients = [...this.senders.map(({ address }) => address), ...strangers]
  }

  /** One to four outputs, more often one; the sender itself and one address twice may be among them. */
  outputsOf(sender: number, nonce: number): Output[] {
    const random = new Random(this.seed, `${sender}/${nonce}`)
    const count = random.chance(700) ? 1 : random.between(2, OUTPUTS_MOST)
    return Array.from({ length: count }, () => ({
      recipient: random.pick(this.#recipients),
      amount: BigInt(random.between(1, AMOUNT_MOST)),
    }))
  }
}

/** Encoded length of a transfer with that many outputs and no memo. */
export function transferBytes(outputs: number): number {
  return BYTES_OF_ONE_OUTPUT + BYTES_OF_AN_OUTPUT * (outputs - 1)
}
