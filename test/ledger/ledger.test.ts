import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Hash } from '../../crypto/bytes.ts'
import { accountKey, readAccount } from '../../ledger/account.ts'
import type { DecodedTransaction, StateReader } from '../../ledger/application.ts'
import { genesisState } from '../../ledger/genesis-state.ts'
import { createOverlay, EMPTY_STATE } from '../../ledger/overlay.ts'
import { decodeReceipt } from '../../ledger/receipt.ts'
import { proveState, valueHashOf, verifyStateProof } from '../../ledger/state-proof.ts'
import { stateRoot, updateTree } from '../../ledger/state-tree.ts'
import {
  alice,
  at,
  bob,
  createStore,
  FEE,
  ledger,
  limits,
  type Person,
  person,
  proposer,
  stateWith,
  transfer,
} from './fixture.ts'

function decoded(bytes: Uint8Array): DecodedTransaction {
  const outcome = ledger.decode(bytes)
  if (!outcome.ok) throw new Error(outcome.refusal.kind)
  return outcome.value
}

describe('admission (DESIGN section 4)', () => {
  const state = stateWith([alice, 25n])

  test.each([
    ['one whose turn it is', {}, undefined],
    ['one whose predecessors are still missing', { nonce: 9n }, undefined],
    [
      'one that can pay its fee but not its amount: that may change',
      { outputs: [{ recipient: bob.address, amount: 99n }] },
      undefined,
    ],
    ['one that cannot pay its fee', { fee: 26n }, 'insufficient-funds'],
    ['one past its last height', { validUntil: 2 }, 'expired'],
    ['one valid for too long', { validUntil: 104 }, 'valid-until-too-far'],
    ['one below the least fee', { fee: 9n }, 'fee-too-low'],
    ['one of another chain', { genesisHash: 'ff'.repeat(32) as Hash }, 'wrong-chain'],
  ])('%s', (_, changes, kind) => {
    expect(ledger.admit(decoded(transfer(alice, changes)), state, 3)?.kind).toBe(kind)
  })

  test('a nonce used before is refused, and sequence says which is next', () => {
    const outcome = ledger.execute(state, at(1), [transfer(alice)], limits, () => false)
    if (!outcome.ok) throw new Error(outcome.refusal.refusal.kind)
    const after = createOverlay(state, outcome.value.writes)
    expect([ledger.sequence(alice.address, state), ledger.sequence(alice.address, after)]).toEqual([0n, 1n])
    expect(ledger.admit(decoded(transfer(alice)), after, 2)).toEqual({ kind: 'nonce-too-low', expected: 1n, got: 0n })
  })
})

test('signatures are judged one by one, in order', () => {
  const good = transfer(alice)
  const bad = Buffer.concat([good.subarray(0, -1), Uint8Array.of(0xff)])
  expect(ledger.verify([good, bad, transfer(bob)].map(decoded))).toEqual([true, false, true])
  expect(ledger.verify([])).toEqual([])
})

test('build takes candidates that were stripped to the interface', () => {
  const { id, bytes, lane, sequence, validUntil, weight, priority } = decoded(transfer(alice))
  const candidate = { id, bytes, lane, sequence, validUntil, weight, priority }
  expect(ledger.build(stateWith([alice, 100n]), at(1), [candidate], limits)).toEqual({ items: [bytes], dropped: [] })
})

describe('random chains against a naive model', () => {
  const people: readonly Person[] = [1, 2, 3, 4].map(person)
  const everybody = [...people, proposer]
  const plan = fc.record({
    from: fc.nat(3),
    to: fc.array(fc.nat(4), { minLength: 1, maxLength: 3 }),
    amount: fc.constantFrom(1n, 7n, 60n, 400n),
    fee: fc.constantFrom(FEE, 11n, 90n),
    gap: fc.constantFrom(0n, 0n, 0n, 0n, 1n),
  })
  const chain = fc.array(fc.array(plan, { maxLength: 6 }), { maxLength: 6 })
  interface Naive {
    readonly balances: Map<string, bigint>
    readonly nonces: Map<string, bigint>
  }

  /** What the rules say, on two Maps. Answers the statuses expected of the transactions that were let in. */
  function applyNaively(
    { balances, nonces }: Naive,
    block: readonly (typeof plan extends fc.Arbitrary<infer P> ? P : never)[],
  ): { readonly candidates: DecodedTransaction[]; readonly statuses: number[] } {
    const candidates: DecodedTransaction[] = []
    const statuses: number[] = []
    const balance = (address: string): bigint => balances.get(address) ?? 0n
    let fees = 0n
    for (const { from, to, amount, fee, gap } of block) {
      const sender = people[from]
      if (sender === undefined) throw new Error('four people')
      const nonce = nonces.get(sender.address) ?? 0n
      const outputs = to.map((i) => ({ recipient: everybody[i]?.address ?? '', amount }))
      candidates.push(decoded(transfer(sender, { nonce: nonce + gap, fee, outputs })))
      if (gap > 0n || balance(sender.address) < fee) continue
      nonces.set(sender.address, nonce + 1n)
      balances.set(sender.address, balance(sender.address) - fee)
      fees += fee
      const total = amount * BigInt(outputs.length)
      const pays = balance(sender.address) >= total
      statuses.push(pays ? 1 : 0)
      if (!pays) continue
      balances.set(sender.address, balance(sender.address) - total)
      for (const { recipient } of outputs) balances.set(recipient, balance(recipient) + amount)
    }
    balances.set(proposer.address, balance(proposer.address) + fees)
    return { candidates, statuses }
  }

  test('same balances, nonces and statuses; supply conserved; root of contents alone; overlays equal the store', () => {
    fc.assert(
      fc.property(chain, (blocks) => {
        const naive: Naive = { balances: new Map(people.map(({ address }) => [address, 500n])), nonces: new Map() }
        const store = createStore()
        store.apply(genesisState(people.map(({ address }) => ({ address, balance: 500n }))).writes)
        let tip: StateReader = createOverlay(
          EMPTY_STATE,
          genesisState(people.map(({ address }) => ({ address, balance: 500n }))).writes,
        )
        for (const [index, block] of blocks.entries()) {
          const { candidates, statuses } = applyNaively(naive, block)
          const { items } = ledger.build(tip, at(index + 1), candidates, limits)
          const outcome = ledger.execute(tip, at(index + 1), items, limits, () => true)
          if (!outcome.ok) throw new Error(outcome.refusal.refusal.kind)
          const { receipts, writes, stateRoot: root } = outcome.value
          expect(
            receipts.slice(0, -1).map((bytes) => {
              const receipt = decodeReceipt(bytes)
              return receipt.ok && receipt.value.status
            }),
          ).toEqual(statuses)
          tip = createOverlay(tip, writes)
          store.apply(writes)
          let supply = 0n
          for (const { address } of everybody) {
            const { balance, nonce } = readAccount(tip, address)
            expect(balance).toBe(naive.balances.get(address) ?? 0n)
            expect(nonce).toBe(naive.nonces.get(address) ?? 0n)
            const key = accountKey(address)
            expect(verifyStateProof(root, key, tip.get(key), proveState(tip, key))).toBe(true)
            supply += balance
          }
          expect(supply).toBe(2_000n)
          const contents = [...store.values].map(([key, value]) => ({
            key: key as Hash,
            valueHash: valueHashOf(value),
          }))
          expect(updateTree(EMPTY_STATE, contents).root).toBe(root)
          expect(stateRoot(store.state)).toBe(root)
        }
      }),
      { numRuns: 40 },
    )
  })
})
