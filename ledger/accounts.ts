// The accounts a block works on: read once from the parent's state, changed in memory, written together at the end.
// Owns that working set and the tree update it leads to; the rules that change it are in transfer.ts and execute.ts.
// The total of all balances never changes after genesis; every block is checked for it.

import { assert } from '../crypto/assert.ts'
import type { Hash } from '../crypto/bytes.ts'
import { accountKey, encodeAccount, type HistoryEntry, nextHistoryHead, readAccountAt } from './account.ts'
import type { StateReader, StateWrites } from './application.ts'
import { valueHashOf } from './state-proof.ts'
import { type Change, updateTree } from './state-tree.ts'
import { U64_MAX } from './transaction.ts'

/** An account being changed; everything but key and the first balance is mutable until the block is done. */
export interface WorkingAccount {
  readonly key: Hash
  readonly balanceBefore: bigint
  balance: bigint
  nonce: bigint
  historyCount: number
  historyHead: Hash
  /** Whether a receipt of this block touched it: only then is it written. */
  touched: boolean
}

export interface Accounts {
  /** The account of an address (40 hex digits); an untouched one is empty. */
  at(address: string): WorkingAccount
  /** Appends to the account's history: every account a receipt touches gets exactly one entry of it. */
  record(address: string, entry: HistoryEntry): void
  /** @throws InvariantError when money appeared or vanished. */
  finish(): { readonly writes: StateWrites; readonly stateRoot: Hash }
}

export function openAccounts(state: StateReader): Accounts {
  const accounts = new Map<string, WorkingAccount>()

  function at(address: string): WorkingAccount {
    const open = accounts.get(address)
    if (open !== undefined) return open
    const key = accountKey(address)
    const { balance, nonce, historyCount, historyHead } = readAccountAt(state, key)
    const account = { key, balanceBefore: balance, balance, nonce, historyCount, historyHead, touched: false }
    accounts.set(address, account)
    return account
  }

  return {
    at,
    record(address, entry) {
      const account = at(address)
      account.historyHead = nextHistoryHead(account.historyHead, entry)
      account.historyCount += 1
      account.touched = true
    },
    finish() {
      let minted = 0n
      const values = new Map<string, Uint8Array>()
      const changes: Change[] = []
      for (const account of accounts.values()) {
        minted += account.balance - account.balanceBefore
        if (!account.touched) continue
        assert(account.balance >= 0n && account.balance <= U64_MAX, 'a balance is a u64')
        const value = encodeAccount(account)
        values.set(account.key, value)
        changes.push({ key: account.key, valueHash: valueHashOf(value) })
      }
      assert(minted === 0n, 'a block conserves the supply')
      const { root, nodes } = updateTree(state, changes)
      return { writes: { values, nodes }, stateRoot: root }
    },
  }
}
