// What a transaction and its receipt look like to clients: the part of the view that knows the ledger's encodings.
// Reads bytes that the node accepted or committed, so bytes that do not decode are a broken invariant, not an error.

import { assert } from '../crypto/assert.ts'
import { encodeAddress } from '../ledger/address.ts'
import { decodeReceipt, type Event, failureName, readCredit, STATUS_FAILED } from '../ledger/receipt.ts'
import { KIND_TRANSFER, parseTransaction } from '../ledger/transaction.ts'
import type { EventView, OutputView, ReceiptView, TransactionContentView } from './contract/transactions.ts'
import { hex } from './hex.ts'

export function viewContent(bytes: Uint8Array, prefix: string): TransactionContentView {
  const parsed = parseTransaction(bytes)
  assert(parsed.ok && parsed.value.transaction.kind === KIND_TRANSFER, 'a held transaction does not decode')
  const { transaction, sender, total } = parsed.value
  return {
    kind: transaction.kind,
    kindName: 'transfer',
    sender: encodeAddress(prefix, sender),
    senderHex: `0x${sender}`,
    nonce: String(transaction.nonce),
    fee: String(transaction.fee),
    validUntil: String(transaction.validUntil),
    total: String(total),
    outputs: transaction.body.outputs.map((output) => viewOutput(output, prefix)),
    memo: hex(transaction.body.memo),
    auth: {
      scheme: transaction.auth.scheme,
      key: hex(transaction.auth.key),
      signature: hex(transaction.auth.signature),
    },
    bytes: hex(bytes),
  }
}

function viewOutput(output: { readonly recipient: string; readonly amount: bigint }, prefix: string): OutputView {
  return {
    recipient: encodeAddress(prefix, output.recipient),
    recipientHex: `0x${output.recipient}`,
    amount: String(output.amount),
  }
}

/** `failure` where the transaction committed and paid its fee but did nothing else. */
export function viewReceipt(
  bytes: Uint8Array,
  prefix: string,
): { readonly view: ReceiptView; readonly failure?: { readonly code: string; readonly detail: string } } {
  const decoded = decodeReceipt(bytes)
  assert(decoded.ok, 'a committed receipt does not decode')
  const { type, status, code, fee, weight, events } = decoded.value
  const view = {
    type,
    status,
    code,
    fee: String(fee),
    weight: String(weight),
    events: events.map((event) => viewEvent(event, prefix)),
    bytes: hex(bytes),
  }
  if (status !== STATUS_FAILED) return { view }
  const name = failureName(code)
  return { view, failure: { code: name, detail: FAILURE_DETAILS[name] ?? 'it paid its fee and had no other effect' } }
}

const FAILURE_DETAILS: Readonly<Record<string, string>> = {
  'insufficient-funds': 'the balance covered the fee but not the amounts; the fee was paid',
  'balance-overflow': 'a recipient would have held more than 2^64-1; the fee was paid',
}

function viewEvent(event: Event, prefix: string): EventView {
  const credit = readCredit(event)
  return {
    kind: event.kind,
    emitter: hex(event.emitter),
    topics: event.topics.map((topic) => `0x${topic}`),
    content: hex(event.content),
    ...(credit === undefined ? {} : { credit: viewOutput(credit, prefix) }),
  }
}
