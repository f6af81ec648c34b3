import { describe, expect, test } from 'vitest'
import type { Hash } from '../../crypto/bytes.ts'
import { openAccounts } from '../../ledger/accounts.ts'
import { type Output, type ParsedTransaction, parseTransaction, U64_MAX } from '../../ledger/transaction.ts'
import { applyTransfer, refusalOf, touchedBy } from '../../ledger/transfer.ts'
import { alice, bob, carol, FEE, GENESIS, type Person, rules, stateWith, transfer, VALID_UNTIL } from './fixture.ts'

function parsed(bytes: Uint8Array): ParsedTransaction {
  const result = parseTransaction(bytes)
  if (!result.ok) throw new Error(result.refusal.kind)
  return result.value
}

const RICH = { balance: 1_000n, nonce: 5n }
const OTHER_CHAIN = 'cd'.repeat(32) as Hash

describe('what makes a block invalid (DESIGN section 4)', () => {
  test.each([
    ['nothing', {}, RICH, 1, undefined],
    ['nothing at its last height', {}, RICH, VALID_UNTIL, undefined],
    ['nothing with the fee and no more', {}, { balance: FEE, nonce: 5n }, 1, undefined],
    [
      'another chain (PITFALLS row 25)',
      { genesisHash: OTHER_CHAIN },
      RICH,
      1,
      { kind: 'wrong-chain', expected: GENESIS, got: OTHER_CHAIN },
    ],
    ['a fee below the minimum', { fee: 9n }, RICH, 1, { kind: 'fee-too-low', expected: FEE, got: 9n }],
    ['a height past validUntil', {}, RICH, 51, { kind: 'expired', validUntil: 50, height: 51 }],
    ['a validUntil as far as allowed: nothing', { validUntil: 101 }, RICH, 1, undefined],
    ['a validUntil too far', { validUntil: 102 }, RICH, 1, { kind: 'valid-until-too-far', validUntil: 102, max: 101 }],
    ['a nonce used before', { nonce: 4n }, RICH, 1, { kind: 'nonce-too-low', expected: 5n, got: 4n }],
    ['a nonce whose turn has not come', { nonce: 6n }, RICH, 1, { kind: 'nonce-too-high', expected: 5n, got: 6n }],
    [
      'a balance below the fee',
      {},
      { balance: 9n, nonce: 5n },
      1,
      { kind: 'insufficient-funds', needed: FEE, balance: 9n },
    ],
    [
      'an amount above the balance: nothing, it fails instead',
      { outputs: [{ recipient: bob.address, amount: 5_000n }] },
      RICH,
      1,
      undefined,
    ],
  ])('%s', (_, changes, sender, height, refusal) => {
    expect(refusalOf(parsed(transfer(alice, { nonce: 5n, ...changes })), sender, rules, height)).toEqual(refusal)
  })
})

describe('what a transfer does: all or nothing', () => {
  const to = (person: Person, amount: bigint): Output => ({ recipient: person.address, amount })

  test.each([
    ['pays and takes the fee', [100n, 1n, 0n], [to(bob, 20n)], 0, [70n, 21n, 0n]],
    ['pays several, one of them twice', [100n, 0n, 0n], [to(bob, 1n), to(carol, 2n), to(bob, 3n)], 0, [84n, 4n, 2n]],
    ['spends the last unit', [100n, 0n, 0n], [to(bob, 90n)], 0, [0n, 90n, 0n]],
    ['pays oneself: only the fee is gone', [100n, 0n, 0n], [to(alice, 90n)], 0, [90n, 0n, 0n]],
    ['pays oneself more than one has left: fails', [100n, 0n, 0n], [to(alice, 91n)], 1, [90n, 0n, 0n]],
    ['pays oneself and another', [100n, 0n, 0n], [to(alice, 50n), to(bob, 40n)], 0, [50n, 40n, 0n]],
    ['lacks one unit: fails, the fee is gone', [100n, 0n, 0n], [to(bob, 91n)], 1, [90n, 0n, 0n]],
    ['lacks one unit in the sum: nobody is paid', [100n, 0n, 0n], [to(bob, 90n), to(carol, 1n)], 1, [90n, 0n, 0n]],
    ['fills a balance to 2^64-1', [100n, U64_MAX - 5n, 0n], [to(bob, 5n)], 0, [85n, U64_MAX, 0n]],
    ['would pass 2^64-1: fails', [100n, U64_MAX - 5n, 0n], [to(bob, 6n)], 2, [90n, U64_MAX - 5n, 0n]],
    [
      'would pass it with the second output: the first is taken back',
      [100n, U64_MAX - 5n, 0n],
      [to(carol, 7n), to(bob, 3n), to(alice, 1n), to(bob, 3n)],
      2,
      [90n, U64_MAX - 5n, 0n],
    ],
    [
      'pays oneself near 2^64-1: no false overflow',
      [U64_MAX, 0n, 0n],
      [to(alice, U64_MAX - FEE)],
      0,
      [U64_MAX - FEE, 0n, 0n],
    ],
  ])('%s', (_, before, outputs, code, after) => {
    const people = [alice, bob, carol]
    const accounts = openAccounts(stateWith())
    for (const [i, { address }] of people.entries()) accounts.at(address).balance = before[i] ?? 0n
    expect(applyTransfer(accounts, parsed(transfer(alice, { outputs })))).toBe(code)
    expect(people.map(({ address }) => accounts.at(address).balance)).toEqual(after)
    expect(accounts.at(alice.address).nonce).toBe(1n)
  })
})

test('a transfer enters the history of sender and recipients once each; a failed one only its sender’s', () => {
  const outputs = [bob, alice, carol, bob].map(({ address }) => ({ recipient: address, amount: 1n }))
  const { transaction, sender } = parsed(transfer(alice, { outputs }))
  expect([...touchedBy(transaction, sender, 1)]).toEqual([alice.address, bob.address, carol.address])
  expect([...touchedBy(transaction, sender, 0)]).toEqual([alice.address])
})
