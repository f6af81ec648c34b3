import { expect, test } from 'vitest'
import { sha256 } from '../../crypto/hash.ts'
import { EMPTY_ACCOUNT, readAccount } from '../../ledger/account.ts'
import { genesisState } from '../../ledger/genesis-state.ts'
import { createOverlay, EMPTY_STATE } from '../../ledger/overlay.ts'
import { stateRoot } from '../../ledger/state-tree.ts'
import { U64_MAX } from '../../ledger/transaction.ts'
import { alice, bob, NO_HASH } from './fixture.ts'

const A = { address: alice.address, balance: 7n }
const B = { address: bob.address, balance: 0n }

test('balances are there, histories empty, and the receipts root is RFC 6962’s of no leaves', () => {
  const { writes, stateRoot: root, receiptsRoot } = genesisState([A, B])
  const state = createOverlay(EMPTY_STATE, writes)
  expect(readAccount(state, alice.address)).toEqual({ ...EMPTY_ACCOUNT, balance: 7n })
  expect(writes.values.size).toBe(2)
  expect(stateRoot(state)).toBe(root)
  expect(receiptsRoot).toBe(Buffer.from(sha256(new Uint8Array(0))).toString('hex'))
})

test('the order of the accounts does not matter; no accounts give the zero root', () => {
  expect(genesisState([A, B]).stateRoot).toBe(genesisState([B, A]).stateRoot)
  expect(genesisState([]).stateRoot).toBe(NO_HASH)
})

test.each([
  ['an address twice', [A, A], /once/],
  ['an address that is none', [{ ...A, address: 'abc' }], /hex digits/],
  ['a negative balance', [{ ...A, balance: -1n }], /negative/],
  [
    'a supply above u64, since later blocks rely on it',
    [
      { ...A, balance: U64_MAX },
      { ...B, balance: 1n },
    ],
    /u64/,
  ],
])('%s is refused', (_, accounts, message) => {
  expect(() => genesisState(accounts)).toThrow(message)
})

test('the whole u64 can be given out', () => {
  expect(() => genesisState([{ ...A, balance: U64_MAX }, B])).not.toThrow()
})
