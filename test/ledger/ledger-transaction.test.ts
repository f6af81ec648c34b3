import { expect, test } from 'vitest'
import type { DecodedTransaction } from '../../ledger/application.ts'
import { asLedgerTransaction, decodeLedgerTransaction, isSigned } from '../../ledger/ledger-transaction.ts'
import { alice, FEE, transfer, VALID_UNTIL } from './fixture.ts'

const BYTES = transfer(alice, { nonce: 3n })

test('the node sees lane, sequence, expiry, weight and priority', () => {
  const outcome = decodeLedgerTransaction(BYTES)
  expect(outcome).toMatchObject({
    ok: true,
    value: { lane: alice.address, sequence: 3n, validUntil: VALID_UNTIL, weight: BYTES.length, priority: FEE },
  })
})

test('one stripped to the interface is parsed again, one of our own is not', () => {
  const outcome = decodeLedgerTransaction(BYTES)
  if (!outcome.ok) throw new Error(outcome.refusal.kind)
  const { parsed, ...fields } = outcome.value
  const stripped: DecodedTransaction = fields
  expect(asLedgerTransaction(stripped).parsed.id).toBe(parsed.id)
  expect(asLedgerTransaction(outcome.value)).toBe(outcome.value)
})

test('every flipped bit of the signature is noticed', () => {
  for (let bit = 0; bit < 512; bit++) {
    const bytes = Buffer.from(BYTES)
    const position = bytes.length - 64 + (bit >> 3)
    bytes[position] = (bytes[position] ?? 0) ^ (1 << (bit & 7))
    const outcome = decodeLedgerTransaction(bytes)
    expect(outcome.ok && isSigned(outcome.value.parsed)).toBe(false)
  }
})
