// One account: its value in the state, its key there, and the chain of everything that ever touched it.
// Owns encoding and hashing only; what may change a balance is decided in execute.ts.
// Source: FORMATS.md item 8; AHEAD.md section 4 (complete history).

import { assert } from '../crypto/assert.ts'
import { type Hash, ZERO_HASH } from '../crypto/bytes.ts'
import { type Decoded, DecodeError, decode, Writer } from '../crypto/codec.ts'
import { Preimage } from '../crypto/preimage.ts'
import { ADDRESS_BYTES } from './address.ts'
import type { StateReader } from './application.ts'

const VALUE_ACCOUNT = 1
const NAMESPACE_ACCOUNT = 1
const ACCOUNT_BYTES = 1 + 8 + 8 + 8 + 32

export interface Account {
  /** Base units, u64. */
  readonly balance: bigint
  /** Sequence of the next transaction: how many it has sent. */
  readonly nonce: bigint
  /** How many entries the history has. Safe integer. */
  readonly historyCount: number
  /** Zero when there is none; commits to every entry before it. */
  readonly historyHead: Hash
}

/** What an address that was never touched has: absent from the state, not stored. */
export const EMPTY_ACCOUNT: Account = { balance: 0n, nonce: 0n, historyCount: 0, historyHead: ZERO_HASH }

/** One entry of an account's history: the transaction, or with the zero id the block effects, that touched it. */
export interface HistoryEntry {
  readonly height: number
  /** Position of the receipt in its block. */
  readonly index: number
  readonly transactionId: Hash
  /** H("scoville/receipt/1" ‖ encoded receipt). */
  readonly receiptHash: Hash
}

const keyPreimage = new Preimage('scoville/state-key/1', 1 + ADDRESS_BYTES)
const historyPreimage = new Preimage('scoville/history/1', 32 + 8 + 4 + 32 + 32)

/** Keys derived not long ago: an active account is looked up several times for each of its transactions. */
const keys = new Map<string, Hash>()
export const KEYS_REMEMBERED_MAX = 8_192

/** The state key of an account: H("scoville/state-key/1" ‖ namespace 1 ‖ address). */
export function accountKey(address: string): Hash {
  const known = keys.get(address)
  if (known !== undefined) return known
  const key = deriveKey(address)
  if (keys.size >= KEYS_REMEMBERED_MAX) keys.clear()
  keys.set(address, key)
  return key
}

function deriveKey(address: string): Hash {
  const { bytes, start } = keyPreimage
  bytes[start] = NAMESPACE_ACCOUNT
  const written = bytes.write(address, start + 1, ADDRESS_BYTES, 'hex')
  assert(written === ADDRESS_BYTES, 'an address is 40 hex digits')
  return keyPreimage.digest()
}

export function encodeAccount(account: Account): Uint8Array {
  return new Writer(ACCOUNT_BYTES)
    .u8(VALUE_ACCOUNT)
    .big64(account.balance)
    .big64(account.nonce)
    .u64(account.historyCount)
    .hash(account.historyHead)
    .finish()
}

export function decodeAccount(bytes: Uint8Array): Decoded<Account> {
  return decode(bytes, (reader) => {
    const type = reader.u8()
    if (type !== VALUE_ACCOUNT) throw new DecodeError(`value type ${type} is not an account`)
    return { balance: reader.big64(), nonce: reader.big64(), historyCount: reader.u64(), historyHead: reader.hash() }
  })
}

/** @throws InvariantError when the state holds something else under the account's key. */
export function readAccount(state: StateReader, address: string): Account {
  return readAccountAt(state, accountKey(address))
}

/** As `readAccount`, with the key known. */
export function readAccountAt(state: StateReader, key: Hash): Account {
  const bytes = state.get(key)
  if (bytes === undefined) return EMPTY_ACCOUNT
  const decoded = decodeAccount(bytes)
  assert(decoded.ok, `state value under ${key} is not an account`)
  return decoded.value
}

/** The head after one more entry. Newest-first pages verify backwards with it, entry by entry. */
export function nextHistoryHead(head: Hash, entry: HistoryEntry): Hash {
  const { bytes, start } = historyPreimage
  bytes.write(head, start, 32, 'hex')
  bytes.writeUInt32BE(Math.floor(entry.height / 0x1_0000_0000), start + 32)
  bytes.writeUInt32BE(entry.height % 0x1_0000_0000, start + 36)
  bytes.writeUInt32BE(entry.index, start + 40)
  bytes.write(entry.transactionId, start + 44, 32, 'hex')
  bytes.write(entry.receiptHash, start + 76, 32, 'hex')
  return historyPreimage.digest()
}
