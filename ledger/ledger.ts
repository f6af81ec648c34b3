// The ledger as the node sees it: accounts and transfers behind the Application interface.
// Owns the wiring only; the rules are in transfer.ts, the order inside a block in execute.ts. Pure and synchronous.

import { readAccount } from './account.ts'
import type { Application, DecodedTransaction } from './application.ts'
import { buildPayload, executePayload } from './execute.ts'
import { asLedgerTransaction, decodeLedgerTransaction, isSigned, type LedgerTransaction } from './ledger-transaction.ts'
import { type LedgerRules, refusalOf } from './transfer.ts'

export function createLedger(rules: LedgerRules): Application {
  return {
    decode: decodeLedgerTransaction,
    verify: (transactions) => transactions.map((transaction) => isSigned(asLedgerTransaction(transaction).parsed)),
    // `height` is that of the block it could be in: one above the committed one.
    admit(transaction, state, height) {
      const { parsed } = asLedgerTransaction(transaction)
      const sender = readAccount(state, parsed.sender)
      const { nonce } = parsed.transaction
      // A gap is no fault: it may execute after others of its lane, so it is judged as if its turn had come.
      return refusalOf(parsed, nonce > sender.nonce ? { ...sender, nonce } : sender, rules, height)
    },
    sequence: (lane, state) => readAccount(state, lane).nonce,
    build: (parent, context, candidates, limits) =>
      buildPayload(rules, parent, context, ledgerTransactions(candidates), limits),
    execute: (parent, context, items, limits, isVerified, decoded) =>
      executePayload(rules, parent, context, items, limits, isVerified, decoded),
  }
}

function* ledgerTransactions(candidates: Iterable<DecodedTransaction>): Generator<LedgerTransaction> {
  for (const candidate of candidates) yield asLedgerTransaction(candidate)
}
