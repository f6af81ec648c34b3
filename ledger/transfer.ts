// What a transaction may do and what it does: the checks that make a block invalid, and the effect of a transfer.
// Owns the line between the two (DESIGN.md section 4): whoever cannot pay the fee does not get into a block; whoever pays it
// and then cannot pay the rest commits as failed, fee taken and nonce used.

import type { Hash } from '../crypto/bytes.ts'
import type { Accounts } from './accounts.ts'
import type { Refusal } from './application.ts'
import { type FailureCode, STATUS_OK } from './receipt.ts'
import { type ParsedTransaction, type Transaction, U64_MAX } from './transaction.ts'

export interface LedgerRules {
  readonly genesisHash: Hash
  /** Base units. */
  readonly feeMin: bigint
  /** How far above the block's height validUntil may be. */
  readonly validUntilAheadMax: number
}

/**
 * Why the transaction cannot be in a block of this height executed on this account, or undefined. Its sender being behind
 * (`nonce-too-high`) comes last but one: everything before it will not be cured by waiting.
 */
export function refusalOf(
  parsed: ParsedTransaction,
  sender: { readonly balance: bigint; readonly nonce: bigint },
  rules: LedgerRules,
  height: number,
): Refusal | undefined {
  const { genesisHash, fee, nonce, validUntil } = parsed.transaction
  const { balance, nonce: expected } = sender
  if (genesisHash !== rules.genesisHash) return { kind: 'wrong-chain', expected: rules.genesisHash, got: genesisHash }
  if (fee < rules.feeMin) return { kind: 'fee-too-low', expected: rules.feeMin, got: fee }
  if (validUntil < height) return { kind: 'expired', validUntil, height }
  const validUntilMax = height + rules.validUntilAheadMax
  if (validUntil > validUntilMax) return { kind: 'valid-until-too-far', validUntil, max: validUntilMax }
  if (nonce < expected) return { kind: 'nonce-too-low', expected, got: nonce }
  if (nonce > expected) return { kind: 'nonce-too-high', expected, got: nonce }
  if (balance < fee) return { kind: 'insufficient-funds', needed: fee, balance }
  return undefined
}

/** Takes the fee, uses the nonce and pays every output or none; the caller has checked `refusalOf`. */
export function applyTransfer(accounts: Accounts, parsed: ParsedTransaction): FailureCode {
  const { body, fee } = parsed.transaction
  const sender = accounts.at(parsed.sender)
  sender.balance -= fee
  sender.nonce += 1n
  if (sender.balance < parsed.total) return 1
  // The debit comes first, so that paying oneself neither overflows nor pays twice.
  sender.balance -= parsed.total
  for (const [index, { recipient, amount }] of body.outputs.entries()) {
    const account = accounts.at(recipient)
    if (account.balance + amount > U64_MAX) {
      for (const paid of body.outputs.slice(0, index)) accounts.at(paid.recipient).balance -= paid.amount
      sender.balance += parsed.total
      return 2
    }
    account.balance += amount
  }
  return 0
}

/**
 * The accounts whose history a transaction enters, each once, sender first: the sender, and when it succeeded the recipients
 * (a failed transaction does nothing to them, and strangers must not be able to fill a history for nothing).
 */
export function touchedBy(transaction: Transaction, sender: string, status: number): ReadonlySet<string> {
  const touched = new Set([sender])
  if (status === STATUS_OK) for (const { recipient } of transaction.body.outputs) touched.add(recipient)
  return touched
}
