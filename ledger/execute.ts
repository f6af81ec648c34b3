// A payload on its parent's state: the same writes, receipts and roots on every honest node, or the reason it is invalid.
// Owns the order of things inside a block. No clock, no randomness, and nothing outlives the call.
// Fees go to the proposer once, by the last receipt, after all transactions: none of them can spend this block's fees.

import { assert } from '../crypto/assert.ts'
import { ZERO_HASH } from '../crypto/bytes.ts'
import { hashOf } from '../crypto/hash.ts'
import { merkleRoot } from '../crypto/merkle.ts'
import { type Accounts, openAccounts } from './accounts.ts'
import type {
  BlockContext,
  DecodedTransaction,
  Executed,
  InvalidPayload,
  Outcome,
  PayloadLimits,
  Refusal,
  StateReader,
} from './application.ts'
import type { LedgerTransaction } from './ledger-transaction.ts'
import { asLedgerTransaction, decodeLedgerTransaction, isSigned } from './ledger-transaction.ts'
import {
  blockEffectsReceipt,
  creditEvent,
  EVENT_TRANSFER,
  encodeReceipt,
  RECEIPT_TRANSACTION,
  STATUS_FAILED,
  STATUS_OK,
} from './receipt.ts'
import type { ParsedTransaction } from './transaction.ts'
import { applyTransfer, type LedgerRules, refusalOf, touchedBy } from './transfer.ts'

/** Executes a payload; see Application.execute. */
export function executePayload(
  rules: LedgerRules,
  parent: StateReader,
  context: BlockContext,
  items: readonly Uint8Array[],
  limits: PayloadLimits,
  isVerified: (transaction: LedgerTransaction) => boolean,
  known?: readonly DecodedTransaction[],
): Outcome<Executed, InvalidPayload> {
  const outside = outsideLimits(items, limits)
  if (outside !== undefined) return { ok: false, refusal: outside }
  assert(known === undefined || known.length === items.length, 'every item of the payload was decoded, or none')
  const accounts = openAccounts(parent)
  const transactions: LedgerTransaction[] = []
  const receipts: Uint8Array[] = []
  let fees = 0n
  let weight = 0
  for (const [index, item] of items.entries()) {
    const before = known?.[index]
    const decoded =
      before === undefined ? decodeLedgerTransaction(item) : ({ ok: true, value: asLedgerTransaction(before) } as const)
    if (!decoded.ok) return invalid(index, decoded.refusal)
    const transaction = decoded.value
    const { parsed } = transaction
    const refusal = refusalOf(parsed, accounts.at(parsed.sender), rules, context.height)
    if (refusal !== undefined) return invalid(index, refusal)
    // Last of the checks, since it costs more than all others together.
    if (!isVerified(transaction) && !isSigned(parsed)) return invalid(index, { kind: 'bad-signature' })
    receipts.push(executeTransaction(accounts, parsed, item.length, context.height, index))
    transactions.push(transaction)
    fees += parsed.transaction.fee
    weight += item.length
  }
  receipts.push(applyBlockEffects(accounts, context, fees, weight, items.length))
  const { writes, stateRoot } = accounts.finish()
  return { ok: true, value: { writes, stateRoot, receipts, receiptsRoot: merkleRoot(receipts), transactions } }
}

/** Applies a transaction that passed every check and answers its encoded receipt. */
function executeTransaction(
  accounts: Accounts,
  parsed: ParsedTransaction,
  weight: number,
  height: number,
  index: number,
): Uint8Array {
  const { transaction, id, sender } = parsed
  const code = applyTransfer(accounts, parsed)
  const status = code === 0 ? STATUS_OK : STATUS_FAILED
  const receipt = encodeReceipt({
    type: RECEIPT_TRANSACTION,
    transactionId: id,
    status,
    code,
    fee: transaction.fee,
    weight,
    events: code === 0 ? transaction.body.outputs.map((output) => creditEvent(EVENT_TRANSFER, sender, output)) : [],
  })
  const entry = { height, index, transactionId: id, receiptHash: hashOf('scoville/receipt/1', receipt) }
  for (const address of touchedBy(transaction, sender, status)) accounts.record(address, entry)
  return receipt
}

/** The last receipt, which every block has; it touches the proposer's account only when there are fees. */
function applyBlockEffects(
  accounts: Accounts,
  context: BlockContext,
  fees: bigint,
  weight: number,
  index: number,
): Uint8Array {
  const receipt = encodeReceipt(blockEffectsReceipt(context.proposer, fees, weight))
  if (fees === 0n) return receipt
  // Cannot pass u64: genesis keeps the whole supply within one.
  accounts.at(context.proposer).balance += fees
  const receiptHash = hashOf('scoville/receipt/1', receipt)
  accounts.record(context.proposer, { height: context.height, index, transactionId: ZERO_HASH, receiptHash })
  return receipt
}

/** Candidates in order until one does not fit; see Application.build. */
export function buildPayload(
  rules: LedgerRules,
  parent: StateReader,
  context: BlockContext,
  candidates: Iterable<LedgerTransaction>,
  limits: PayloadLimits,
): {
  readonly items: readonly Uint8Array[]
  readonly dropped: readonly { readonly id: ParsedTransaction['id']; readonly refusal: Refusal }[]
} {
  const accounts = openAccounts(parent)
  const items: Uint8Array[] = []
  const dropped: { readonly id: ParsedTransaction['id']; readonly refusal: Refusal }[] = []
  let bytes = 0
  for (const { parsed, bytes: item } of candidates) {
    if (items.length >= limits.transactionsMax || bytes + item.length > limits.payloadBytesMax) break
    const refusal = refusalOf(parsed, accounts.at(parsed.sender), rules, context.height)
    if (refusal === undefined) {
      applyTransfer(accounts, parsed)
      items.push(item)
      bytes += item.length
    } else if (refusal.kind !== 'nonce-too-high') {
      // One that waits for its predecessor is neither in this block nor at fault.
      dropped.push({ id: parsed.id, refusal })
    }
  }
  assert(bytes <= limits.payloadBytesMax, 'a built payload is within its limits')
  return { items, dropped }
}

function outsideLimits(items: readonly Uint8Array[], limits: PayloadLimits): InvalidPayload | undefined {
  const { transactionsMax, payloadBytesMax } = limits
  if (items.length > transactionsMax) {
    const detail = `${items.length} transactions, at most ${transactionsMax} in a block`
    return { kind: 'invalid-payload', index: transactionsMax, refusal: { kind: 'malformed-transaction', detail } }
  }
  let bytes = 0
  for (const [index, item] of items.entries()) {
    bytes += item.length
    if (bytes > payloadBytesMax) {
      const detail = `the payload passes ${payloadBytesMax} bytes here`
      return { kind: 'invalid-payload', index, refusal: { kind: 'malformed-transaction', detail } }
    }
  }
  return undefined
}

function invalid(index: number, refusal: Refusal): { readonly ok: false; readonly refusal: InvalidPayload } {
  return { ok: false, refusal: { kind: 'invalid-payload', index, refusal } }
}
