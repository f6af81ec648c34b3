// Decoders of transactions, their outcomes and the state, and of what carries them.

import { InvariantError } from '../../crypto/assert.ts'
import { type Hash, ZERO_HASH } from '../../crypto/bytes.ts'
import { accountKey, decodeAccount, encodeAccount } from '../../ledger/account.ts'
import { encodeAddress, parseAddress } from '../../ledger/address.ts'
import { genesisState } from '../../ledger/genesis-state.ts'
import { decodeReceipt, encodeReceipt, type Receipt, readCredit } from '../../ledger/receipt.ts'
import { decodePage, encodePage } from '../../ledger/state-page.ts'
import { decodeStateProof, encodeStateProof, proveState, verifyStateProof } from '../../ledger/state-proof.ts'
import {
  decodeStateRange,
  encodeStateRange,
  FIRST_KEY,
  proveRange,
  type StateRange,
  verifyRange,
} from '../../ledger/state-range.ts'
import { stateRoot } from '../../ledger/state-tree.ts'
import { decodeTransaction, encodeTransaction, type Transaction } from '../../ledger/transaction.ts'
import { decodeBatch, encodeBatch } from '../../mempool/batch.ts'
import { alice, at, bob, carol, createStore, hashOfNumber, ledger, limits, transfer } from '../ledger/fixture.ts'
import { ACCEPTED, formatTarget, parserTarget, REFUSED, type Target, textTarget } from './target.ts'

const PREFIX = 'scov'
const outputsOf = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ recipient: hashOfNumber(i).slice(0, 40), amount: BigInt(i + 1) }))

const encodedTransactions = [
  transfer(alice),
  transfer(bob, { nonce: 3n, memo: Buffer.from('a memo') }),
  transfer(carol, { outputs: outputsOf(2), fee: 2n ** 64n - 1n }),
  transfer(alice, { outputs: outputsOf(40), memo: new Uint8Array(256), validUntil: Number.MAX_SAFE_INTEGER }),
]

function accepted<T>(decoded: { readonly ok: true; readonly value: T } | { readonly ok: false }): T {
  if (!decoded.ok) throw new RangeError('a sample is refused')
  return decoded.value
}

const transactions = encodedTransactions.map((bytes): Transaction => accepted(decodeTransaction(bytes)))

/** Receipts, pages and proofs as they come about: by executing a block. */
const items = [transfer(alice, { outputs: outputsOf(9) }), transfer(bob, { outputs: outputsOf(30) })]
const store = createStore()
store.apply(genesisState([alice, bob, carol].map(({ address }) => ({ address, balance: 1_000n }))).writes)
const { receipts: encodedReceipts, writes } = accepted(ledger.execute(store.state, at(1), items, limits, () => true))
const receipts = encodedReceipts.map((bytes): Receipt => accepted(decodeReceipt(bytes)))
store.apply(writes)
const pages = [...store.pages].map(([path, page]) => ({ page, depth: 4 * path.length }))
const keys = [alice, bob, carol].map(({ address }) => accountKey(address)).concat([0, 1, 2, 3].map(hashOfNumber))
const proofs = keys.map((key) => proveState(store.state, key))

/** Pages are a node's own bytes, so damage is a broken invariant, and no other error. */
const statePage = parserTarget(
  'state-page',
  pages.map(({ page }) => page),
  (input) => {
    try {
      return { kind: 'accepted', again: encodePage(decodePage(input, 0)) }
    } catch (error) {
      if (error instanceof InvariantError) return REFUSED
      throw error
    }
  },
)

const stateProof = formatTarget({
  name: 'state-proof',
  samples: proofs,
  encode: encodeStateProof,
  decode: (input) => {
    const decoded = decodeStateProof(input)
    // The verifier takes a stranger's proof of any shape.
    if (decoded.ok) for (const key of keys.slice(0, 2)) verifyStateProof(ZERO_HASH, key, undefined, decoded.value)
    return decoded
  },
})

const ranges = keys.slice(0, 5).map((key): StateRange => {
  const [from, to] = [FIRST_KEY, key]
  const entries = [...store.values]
    .map(([at, value]) => ({ key: at as Hash, value: new Uint8Array(value) }))
    .filter((entry) => entry.key <= to)
    .sort((a, b) => (a.key < b.key ? -1 : 1))
  return { from, to, entries, steps: proveRange(store.state, from, to) }
})
const rootOfRanges = stateRoot(store.state)

const stateRange = formatTarget({
  name: 'state-range',
  samples: ranges,
  encode: encodeStateRange,
  decode: (input) => {
    const decoded = decodeStateRange(input)
    // The verifier takes a stranger's range of any shape.
    if (decoded.ok) verifyRange(rootOfRanges, decoded.value)
    return decoded
  },
})

const address = textTarget(
  'address',
  [alice, bob, carol].flatMap((person) => [
    encodeAddress(PREFIX, person.address),
    encodeAddress(PREFIX, person.address).toUpperCase(),
    `0x${person.address}`,
  ]),
  (text) => {
    const parsed = parseAddress(PREFIX, text)
    if (!parsed.ok) return REFUSED
    if (text.startsWith('0x')) return { kind: 'accepted', again: Buffer.from(`0x${parsed.address}`), of: lower(text) }
    return { kind: 'accepted', again: Buffer.from(encodeAddress(PREFIX, parsed.address)), of: lower(text) }
  },
)

function lower(text: string): Uint8Array {
  return Buffer.from(text.toLowerCase())
}

export const ledgerTargets: readonly Target[] = [
  formatTarget({
    name: 'transaction',
    samples: transactions,
    encode: encodeTransaction,
    decode: decodeTransaction,
  }),
  formatTarget({ name: 'receipt', samples: receipts, encode: encodeReceipt, decode: decodeReceipt }),
  parserTarget(
    'receipt-event',
    receipts.flatMap(({ events }) => events.map(({ content }) => content)),
    (input) => {
      const credit = readCredit({ kind: 1, emitter: input, topics: [], content: input })
      return credit === undefined ? REFUSED : ACCEPTED
    },
  ),
  formatTarget({
    name: 'account',
    samples: [
      { balance: 0n, nonce: 0n, historyCount: 0, historyHead: ZERO_HASH },
      { balance: 2n ** 64n - 1n, nonce: 9n, historyCount: 77, historyHead: hashOfNumber(4) },
    ],
    encode: encodeAccount,
    decode: decodeAccount,
  }),
  stateProof,
  stateRange,
  statePage,
  formatTarget({
    name: 'gossip-batch',
    samples: [encodedTransactions, encodedTransactions.slice(1, 2), [Uint8Array.of(1), Uint8Array.of(2, 3)]],
    encode: encodeBatch,
    decode: decodeBatch,
  }),
  address,
]
