// A transaction as this ledger hands it to the node: what the mempool needs, with the parsed form riding along so that
// nothing is decoded twice. Owns that pairing and the signature check; never looks at state.

import { assert } from '../crypto/assert.ts'
import { hashToBytes } from '../crypto/bytes.ts'
import { verifyEd25519 } from '../crypto/ed25519.ts'
import type { DecodedTransaction, Outcome } from './application.ts'
import { type ParsedTransaction, type ParseRefusal, parseTransaction } from './transaction.ts'

export interface LedgerTransaction extends DecodedTransaction {
  readonly parsed: ParsedTransaction
}

export function decodeLedgerTransaction(bytes: Uint8Array): Outcome<LedgerTransaction, ParseRefusal> {
  const outcome = parseTransaction(bytes)
  if (!outcome.ok) return outcome
  const parsed = outcome.value
  const { nonce, fee, validUntil } = parsed.transaction
  return {
    ok: true,
    value: {
      id: parsed.id,
      bytes,
      lane: parsed.sender,
      sequence: nonce,
      validUntil,
      weight: bytes.length,
      priority: fee,
      parsed,
    },
  }
}

/** The ledger's own view of what `decode` once answered; decoded again when it was stripped to the interface. */
export function asLedgerTransaction(transaction: DecodedTransaction): LedgerTransaction {
  if (isLedgerTransaction(transaction)) return transaction
  const outcome = decodeLedgerTransaction(transaction.bytes)
  assert(outcome.ok, 'a decoded transaction decodes')
  return outcome.value
}

/** The one strict ed25519 rule over the id's 32 bytes (DESIGN.md section 4, PITFALLS row 49). */
export function isSigned({ transaction, id }: ParsedTransaction): boolean {
  return verifyEd25519(transaction.auth.key, hashToBytes(id), transaction.auth.signature)
}

function isLedgerTransaction(transaction: DecodedTransaction): transaction is LedgerTransaction {
  return 'parsed' in transaction
}
