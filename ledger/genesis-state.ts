// The state block 0 stands for: initial balances, nothing else. No transaction made them, so their histories are empty.
// Owns the supply bound on which later blocks rely: no balance can overflow when the whole supply is a u64.

import { assert } from '../crypto/assert.ts'
import type { Hash } from '../crypto/bytes.ts'
import { merkleRoot } from '../crypto/merkle.ts'
import { accountKey, EMPTY_ACCOUNT, encodeAccount } from './account.ts'
import { isAddress } from './address.ts'
import type { StateWrites } from './application.ts'
import { EMPTY_STATE } from './overlay.ts'
import { valueHashOf } from './state-proof.ts'
import { type Change, updateTree } from './state-tree.ts'
import { U64_MAX } from './transaction.ts'

/** @throws InvariantError unless addresses are distinct and well-formed, balances not negative and their sum a u64. */
export function genesisState(accounts: readonly { readonly address: string; readonly balance: bigint }[]): {
  readonly writes: StateWrites
  readonly stateRoot: Hash
  readonly receiptsRoot: Hash
} {
  const values = new Map<string, Uint8Array>()
  const changes: Change[] = []
  let supply = 0n
  for (const { address, balance } of accounts) {
    assert(isAddress(address), `genesis address ${address} is not 40 hex digits`)
    assert(balance >= 0n, 'a genesis balance is not negative')
    supply += balance
    assert(supply <= U64_MAX, 'the genesis supply is a u64')
    const key = accountKey(address)
    assert(!values.has(key), `genesis names ${address} once`)
    const value = encodeAccount({ ...EMPTY_ACCOUNT, balance })
    values.set(key, value)
    changes.push({ key, valueHash: valueHashOf(value) })
  }
  const { root, nodes } = updateTree(EMPTY_STATE, changes)
  return { writes: { values, nodes }, stateRoot: root, receiptsRoot: merkleRoot([]) }
}
