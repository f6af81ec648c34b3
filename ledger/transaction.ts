// What a transaction is: its bytes, its id and who sent it. Never looks at state, so it cannot say whether one is valid now.
// The id covers everything but the signature (scheme and key included): a re-signed copy is the same transaction, and the
// sender cannot be swapped. What is signed is the id's 32 bytes, which cover domain tag and genesis hash already.
// Source: DESIGN.md section 4, FORMATS.md item 9.

import { type Hash, hashToBytes, toHex } from '../crypto/bytes.ts'
import { type Decoded, DecodeError, decode, type Reader, Writer } from '../crypto/codec.ts'
import { signEd25519 } from '../crypto/ed25519.ts'
import { hashOf } from '../crypto/hash.ts'
import { ADDRESS_BYTES, addressOf } from './address.ts'
import type { Outcome, Refusal } from './application.ts'

export const KIND_TRANSFER = 1
export const SCHEME_ED25519 = 1
export const OUTPUTS_MAX = 256
export const MEMO_BYTES_MAX = 256
/** Of a whole encoded transaction, unknown kinds included; the largest transfer has 7,599. */
export const TRANSACTION_BYTES_MAX = 8_192
export const U64_MAX = (1n << 64n) - 1n
const PUBLIC_KEY_BYTES = 32
const SIGNATURE_BYTES = 64
/** What surrounds body, key and signature. */
const ENVELOPE_BYTES = 32 + 2 + 8 + 8 + 8 + 4 + 1 + 4 + 4

export interface Output {
  /** 40 hex digits. */
  readonly recipient: string
  /** Base units, 1 to 2^64-1; the sum of a transaction's amounts is a u64 too. */
  readonly amount: bigint
}

export interface TransferBody {
  /** 1 to OUTPUTS_MAX; a recipient may occur more than once. */
  readonly outputs: readonly Output[]
  /** At most MEMO_BYTES_MAX bytes, uninterpreted. */
  readonly memo: Uint8Array
}

export interface Transaction {
  readonly genesisHash: Hash
  /** KIND_TRANSFER is the only one so far. */
  readonly kind: number
  /** 0 to 2^64-2: the last u64 has no successor. */
  readonly nonce: bigint
  /** Base units. */
  readonly fee: bigint
  /** Last height at which it may commit. */
  readonly validUntil: number
  readonly body: TransferBody
  readonly auth: { readonly scheme: number; readonly key: Uint8Array; readonly signature: Uint8Array }
}

/** A transaction with what follows from its bytes alone. */
export interface ParsedTransaction {
  readonly transaction: Transaction
  readonly id: Hash
  /** 40 hex digits. */
  readonly sender: string
  /** Sum of the amounts. */
  readonly total: bigint
}

/** What can be wrong with the bytes alone. */
export type ParseRefusal = Extract<Refusal, { kind: 'malformed-transaction' | 'unsupported-kind' }>

export interface KeyPair {
  readonly publicKey: Uint8Array
  readonly secretKey: Uint8Array
}

export interface TransferRequest {
  readonly genesisHash: Hash
  readonly nonce: bigint
  readonly fee: bigint
  readonly validUntil: number
  readonly outputs: readonly Output[]
  readonly memo?: Uint8Array
  readonly keyPair: KeyPair
}

const NO_MEMO = new Uint8Array(0)

/** @throws RangeError when a field does not fit its format; limits on counts and amounts are checked when decoding. */
export function encodeTransaction(transaction: Transaction): Uint8Array {
  return writeUnsigned(transaction).bytes(transaction.auth.signature).finish()
}

/** H("scoville/transaction/1" ‖ unsigned bytes). */
export function transactionId(transaction: Transaction): Hash {
  return hashOf('scoville/transaction/1', writeUnsigned(transaction).finish())
}

/** Canonical bytes or nothing; checks no signature. */
export function decodeTransaction(bytes: Uint8Array): Decoded<Transaction> {
  const parsed = parseTransaction(bytes)
  if (parsed.ok) return { ok: true, value: parsed.value.transaction }
  const { refusal } = parsed
  return {
    ok: false,
    detail: refusal.kind === 'malformed-transaction' ? refusal.detail : `kind ${refusal.got} is not supported`,
  }
}

/** As `decodeTransaction`, but with id and sender, and a kind this version does not know told from malformed bytes. */
export function parseTransaction(bytes: Uint8Array): Outcome<ParsedTransaction, ParseRefusal> {
  if (bytes.length > TRANSACTION_BYTES_MAX) return malformed(`${bytes.length} bytes, at most ${TRANSACTION_BYTES_MAX}`)
  const envelope = decode(bytes, readEnvelope)
  if (!envelope.ok) return malformed(envelope.detail)
  const { body: bodyBytes, ...fields } = envelope.value
  if (fields.kind !== KIND_TRANSFER) return { ok: false, refusal: { kind: 'unsupported-kind', got: fields.kind } }
  const { auth } = fields
  if (auth.scheme !== SCHEME_ED25519) return malformed(`signature scheme ${auth.scheme} is not supported`)
  if (auth.key.length !== PUBLIC_KEY_BYTES) return malformed(`an ed25519 key has ${PUBLIC_KEY_BYTES} bytes`)
  if (auth.signature.length !== SIGNATURE_BYTES) return malformed(`an ed25519 signature has ${SIGNATURE_BYTES} bytes`)
  if (fields.nonce === U64_MAX) return malformed('the last nonce has no successor')
  const body = decode(bodyBytes, readTransfer)
  if (!body.ok) return malformed(body.detail)
  let total = 0n
  for (const { amount } of body.value.outputs) total += amount
  if (total > U64_MAX) return malformed('the amounts add up to more than a u64')
  const unsigned = bytes.subarray(0, bytes.length - SIGNATURE_BYTES - 4)
  const id = hashOf('scoville/transaction/1', unsigned)
  return { ok: true, value: { transaction: { ...fields, body: body.value }, id, sender: addressOf(auth.key), total } }
}

/** @throws RangeError when a field does not fit its format. */
export function signTransfer(request: TransferRequest): { readonly id: Hash; readonly bytes: Uint8Array } {
  const { keyPair, memo, ...fields } = request
  const unsigned = {
    ...fields,
    kind: KIND_TRANSFER,
    body: { outputs: request.outputs, memo: memo ?? NO_MEMO },
    auth: { scheme: SCHEME_ED25519, key: keyPair.publicKey, signature: NO_MEMO },
  }
  const id = transactionId(unsigned)
  const signature = signEd25519(keyPair.secretKey, hashToBytes(id))
  return { id, bytes: encodeTransaction({ ...unsigned, auth: { ...unsigned.auth, signature } }) }
}

/** Everything up to the signature: what the id covers. */
function writeUnsigned(transaction: Transaction): Writer {
  const body = new Writer(4 + 28 * transaction.body.outputs.length + 4 + transaction.body.memo.length)
    .list(transaction.body.outputs, (writer, { recipient, amount }) =>
      writer.fixed(Buffer.from(recipient, 'hex'), ADDRESS_BYTES).big64(amount),
    )
    .bytes(transaction.body.memo)
    .finish()
  return new Writer(ENVELOPE_BYTES + body.length + transaction.auth.key.length + transaction.auth.signature.length)
    .hash(transaction.genesisHash)
    .u16(transaction.kind)
    .big64(transaction.nonce)
    .big64(transaction.fee)
    .u64(transaction.validUntil)
    .bytes(body)
    .u8(transaction.auth.scheme)
    .bytes(transaction.auth.key)
}

function readEnvelope(reader: Reader): Omit<Transaction, 'body'> & { readonly body: Uint8Array } {
  return {
    genesisHash: reader.hash(),
    kind: reader.u16(),
    nonce: reader.big64(),
    fee: reader.big64(),
    validUntil: reader.u64(),
    // Opaque behind its length, so that a kind of a later version can be told from malformed bytes.
    body: reader.bytes(TRANSACTION_BYTES_MAX),
    auth: {
      scheme: reader.u8(),
      key: reader.bytes(TRANSACTION_BYTES_MAX),
      signature: reader.bytes(TRANSACTION_BYTES_MAX),
    },
  }
}

function readTransfer(reader: Reader): TransferBody {
  const outputs = reader.list(OUTPUTS_MAX, readOutput)
  if (outputs.length === 0) throw new DecodeError('a transfer has at least one output')
  return { outputs, memo: reader.bytes(MEMO_BYTES_MAX) }
}

function readOutput(reader: Reader): Output {
  const output = { recipient: toHex(reader.fixed(ADDRESS_BYTES)), amount: reader.big64() }
  if (output.amount === 0n) throw new DecodeError('an output pays at least 1')
  return output
}

function malformed(detail: string): { readonly ok: false; readonly refusal: ParseRefusal } {
  return { ok: false, refusal: { kind: 'malformed-transaction', detail } }
}
