// What became of a transaction, and what a block did besides: the leaves under a header's receiptsRoot.
// Owns the encoding and the numbers in it, which are frozen: a receipt of today has to read the same for ever.
// Source: FORMATS.md item 7.

import { HASH_BYTES, type Hash, toHex, ZERO_HASH } from '../crypto/bytes.ts'
import { type Decoded, DecodeError, decode, type Reader, Writer } from '../crypto/codec.ts'
import { ADDRESS_BYTES } from './address.ts'

export const RECEIPT_TRANSACTION = 1
/** Exactly one per executed block, its last leaf, also when the block had no effects: its index is the transaction count. */
export const RECEIPT_BLOCK_EFFECTS = 2

export const STATUS_FAILED = 0
export const STATUS_OK = 1
/** Reserved for payload kind 1 (AHEAD.md section 6). */
export const STATUS_SKIPPED = 2

/** Why a committed transaction failed. Frozen: numbers are never reused, names are the API's codes. */
export const FAILURE_CODES = {
  0: 'none',
  /** The balance covers the fee but not fee and amounts together. */
  1: 'insufficient-funds',
  /** A recipient's balance would pass 2^64-1. */
  2: 'balance-overflow',
} as const
export type FailureCode = keyof typeof FAILURE_CODES

/** One per output of a successful transfer: emitter is the sender, content is recipient b20 and amount u64. */
export const EVENT_TRANSFER = 1
/** The block's fees to its proposer: no emitter, content is proposer b20 and amount u64. */
export const EVENT_FEES = 2

/** Everything before the events themselves. */
const RECEIPT_HEAD_BYTES = 1 + 32 + 1 + 2 + 8 + 8 + 4
const TOPICS_MAX = 4
/** A transfer emits one event per output (256), block effects one. */
export const EVENTS_MAX = 256
const EMITTER_BYTES_MAX = 64
const EVENT_BYTES_MAX = 1_024

export interface Event {
  readonly kind: number
  readonly emitter: Uint8Array
  readonly topics: readonly Hash[]
  readonly content: Uint8Array
}

export interface Receipt {
  readonly type: number
  /** Zero for block effects. */
  readonly transactionId: Hash
  readonly status: number
  readonly code: number
  /** Base units: what this transaction paid; for block effects, what the proposer received. */
  readonly fee: bigint
  /** What it took of the block, in bytes; for block effects, the sum. */
  readonly weight: number
  readonly events: readonly Event[]
}

/** An event in which an address receives an amount. */
export interface Credit {
  readonly recipient: string
  readonly amount: bigint
}

export function encodeReceipt(receipt: Receipt): Uint8Array {
  return new Writer(encodedLength(receipt))
    .u8(receipt.type)
    .hash(receipt.transactionId)
    .u8(receipt.status)
    .u16(receipt.code)
    .big64(receipt.fee)
    .u64(receipt.weight)
    .list(receipt.events, writeEvent)
    .finish()
}

export function decodeReceipt(bytes: Uint8Array): Decoded<Receipt> {
  return decode(bytes, (reader) => {
    const receipt = {
      type: reader.u8(),
      transactionId: reader.hash(),
      status: reader.u8(),
      code: reader.u16(),
      fee: reader.big64(),
      weight: reader.u64(),
      events: reader.list(EVENTS_MAX, readEvent),
    }
    if (receipt.type !== RECEIPT_TRANSACTION && receipt.type !== RECEIPT_BLOCK_EFFECTS) {
      throw new DecodeError(`receipt type ${receipt.type} is not known`)
    }
    if (receipt.status > STATUS_SKIPPED) throw new DecodeError(`receipt status ${receipt.status} is not known`)
    return receipt
  })
}

/** The stable name of a failure code; an unknown number (a later version's) keeps its number. */
export function failureName(code: number): string {
  return isFailureCode(code) ? FAILURE_CODES[code] : `code-${code}`
}

/** The event of one credit; `emitter` is empty for fees. */
export function creditEvent(kind: number, emitter: string, credit: Credit): Event {
  const content = Buffer.allocUnsafe(ADDRESS_BYTES + 8)
  content.write(credit.recipient, 0, ADDRESS_BYTES, 'hex')
  content.writeBigUInt64BE(credit.amount, ADDRESS_BYTES)
  return { kind, emitter: Buffer.from(emitter, 'hex'), topics: [], content }
}

/** What an event of kind EVENT_TRANSFER or EVENT_FEES says; undefined for any other. */
export function readCredit(event: Event): Credit | undefined {
  if (event.kind !== EVENT_TRANSFER && event.kind !== EVENT_FEES) return undefined
  const decoded = decode(event.content, (reader) => ({
    recipient: toHex(reader.fixed(ADDRESS_BYTES)),
    amount: reader.big64(),
  }))
  return decoded.ok ? decoded.value : undefined
}

/** The last receipt of a block. */
export function blockEffectsReceipt(proposer: string, fees: bigint, weight: number): Receipt {
  return {
    type: RECEIPT_BLOCK_EFFECTS,
    transactionId: ZERO_HASH,
    status: STATUS_OK,
    code: 0,
    fee: fees,
    weight,
    events: fees === 0n ? [] : [creditEvent(EVENT_FEES, '', { recipient: proposer, amount: fees })],
  }
}

function encodedLength({ events }: Receipt): number {
  let length = RECEIPT_HEAD_BYTES
  for (const { emitter, topics, content } of events) {
    length += 2 + 4 + emitter.length + 4 + HASH_BYTES * topics.length + 4 + content.length
  }
  return length
}

function isFailureCode(code: number): code is FailureCode {
  return Object.hasOwn(FAILURE_CODES, code)
}

function writeEvent(writer: Writer, event: Event): void {
  writer.u16(event.kind).bytes(event.emitter).list(event.topics, writeTopic).bytes(event.content)
}

function writeTopic(writer: Writer, topic: Hash): void {
  writer.hash(topic)
}

function readEvent(reader: Reader): Event {
  return {
    kind: reader.u16(),
    emitter: reader.bytes(EMITTER_BYTES_MAX),
    topics: reader.list(TOPICS_MAX, (topics) => topics.hash()),
    content: reader.bytes(EVENT_BYTES_MAX),
  }
}
