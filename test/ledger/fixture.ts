// People, a chain and its first state for the ledger's tests. Everything is derived from small numbers: no randomness.

import { type Hash, ZERO_HASH } from '../../crypto/bytes.ts'
import { keyPairFromSeed } from '../../crypto/ed25519.ts'
import { sha256 } from '../../crypto/hash.ts'
import { addressOf } from '../../ledger/address.ts'
import type { BlockContext, PayloadLimits, StateReader, StateWrites } from '../../ledger/application.ts'
import { genesisState } from '../../ledger/genesis-state.ts'
import { createLedger } from '../../ledger/ledger.ts'
import { createOverlay, EMPTY_STATE } from '../../ledger/overlay.ts'
import { signTransfer, type TransferRequest } from '../../ledger/transaction.ts'

export const GENESIS = 'ab'.repeat(32) as Hash
export const FEE = 10n
export const VALID_UNTIL = 50
export const rules = { genesisHash: GENESIS, feeMin: FEE, validUntilAheadMax: 100 }
export const ledger = createLedger(rules)
export const limits: PayloadLimits = { payloadBytesMax: 1_000_000, transactionsMax: 1_000 }

export interface Person {
  readonly address: string
  readonly keyPair: { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array }
}

export function person(seed: number): Person {
  const keyPair = keyPairFromSeed(sha256(Buffer.from([seed])))
  return { address: addressOf(keyPair.publicKey), keyPair }
}

export const alice = person(1)
export const bob = person(2)
export const carol = person(3)
export const proposer = person(9)

export function stateWith(...balances: readonly (readonly [Person, bigint])[]): StateReader {
  const { writes } = genesisState(balances.map(([{ address }, balance]) => ({ address, balance })))
  return createOverlay(EMPTY_STATE, writes)
}

/** A transfer of 1 from `from` to Bob, unless told otherwise. */
export function transfer(from: Person, changes: Partial<Omit<TransferRequest, 'keyPair'>> = {}): Uint8Array {
  return signTransfer({
    genesisHash: GENESIS,
    nonce: 0n,
    fee: FEE,
    validUntil: VALID_UNTIL,
    outputs: [{ recipient: bob.address, amount: 1n }],
    ...changes,
    keyPair: from.keyPair,
  }).bytes
}

export function at(height: number): BlockContext {
  return { height, epoch: 0, view: height, timestampMs: 1_000 * height, proposer: proposer.address }
}

/** A mutable store of committed state, as the node's: latest version only. */
export function createStore(): {
  readonly state: StateReader
  apply(writes: StateWrites): void
  readonly pages: Map<string, Uint8Array>
  readonly values: Map<string, Uint8Array>
} {
  const values = new Map<string, Uint8Array>()
  const pages = new Map<string, Uint8Array>()
  return {
    values,
    pages,
    state: { get: (key) => values.get(key), node: (path) => pages.get(path) },
    apply(writes) {
      for (const [key, value] of writes.values) value === undefined ? values.delete(key) : values.set(key, value)
      for (const [path, page] of writes.nodes) page === undefined ? pages.delete(path) : pages.set(path, page)
    },
  }
}

export function hashOfNumber(n: number): Hash {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(n)
  return Buffer.from(sha256(bytes)).toString('hex') as Hash
}

export const NO_HASH = ZERO_HASH
