import { expect, test } from 'vitest'
import { accountKey, decodeAccount, nextHistoryHead, readAccount } from '../../ledger/account.ts'
import { openAccounts } from '../../ledger/accounts.ts'
import { createOverlay } from '../../ledger/overlay.ts'
import { stateRoot } from '../../ledger/state-tree.ts'
import { U64_MAX } from '../../ledger/transaction.ts'
import { alice, bob, carol, hashOfNumber, NO_HASH, stateWith } from './fixture.ts'

const ENTRY = { height: 3, index: 0, transactionId: hashOfNumber(1), receiptHash: hashOfNumber(2) }

test('only touched accounts are written, and the root is that of the tree with them', () => {
  const parent = stateWith([alice, 10n], [bob, 5n])
  const accounts = openAccounts(parent)
  accounts.at(alice.address).balance -= 4n
  accounts.at(carol.address).balance += 4n
  expect(accounts.at(bob.address).balance).toBe(5n)
  accounts.record(alice.address, ENTRY)
  accounts.record(carol.address, ENTRY)
  const { writes, stateRoot: root } = accounts.finish()
  expect(new Set(writes.values.keys())).toEqual(new Set([accountKey(alice.address), accountKey(carol.address)]))
  const state = createOverlay(parent, writes)
  expect(stateRoot(state)).toBe(root)
  expect([alice, bob, carol].map(({ address }) => readAccount(state, address).balance)).toEqual([6n, 5n, 4n])
  const value = writes.values.get(accountKey(carol.address))
  expect(value && decodeAccount(value)).toMatchObject({
    value: { historyCount: 1, historyHead: nextHistoryHead(NO_HASH, ENTRY) },
  })
})

test.each([1n, -1n])('a block that changes the supply by %s stops the process (guarantee S10)', (delta) => {
  const accounts = openAccounts(stateWith([alice, 10n]))
  accounts.at(alice.address).balance += delta
  expect(() => accounts.finish()).toThrow(/supply/)
})

test.each([U64_MAX, -11n])('a balance outside u64 stops the process: %s', (delta) => {
  const accounts = openAccounts(stateWith([alice, 10n], [bob, 100n]))
  accounts.at(alice.address).balance += delta
  accounts.at(bob.address).balance -= delta
  accounts.record(alice.address, ENTRY)
  expect(() => accounts.finish()).toThrow(/u64/)
})

test('nothing touched: nothing written, same root', () => {
  const parent = stateWith([alice, 10n])
  const accounts = openAccounts(parent)
  accounts.at(alice.address)
  expect(accounts.finish()).toEqual({ writes: { values: new Map(), nodes: new Map() }, stateRoot: stateRoot(parent) })
})
