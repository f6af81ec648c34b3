import { describe, expect, test } from 'vitest'
import { ZERO_HASH } from '../../crypto/bytes.ts'
import { hashOf } from '../../crypto/hash.ts'
import { merkleRoot } from '../../crypto/merkle.ts'
import { nextHistoryHead, readAccount } from '../../ledger/account.ts'
import type { Executed, StateReader } from '../../ledger/application.ts'
import { buildPayload, executePayload } from '../../ledger/execute.ts'
import { decodeLedgerTransaction, type LedgerTransaction } from '../../ledger/ledger-transaction.ts'
import { createOverlay } from '../../ledger/overlay.ts'
import { decodeReceipt, EVENT_FEES, EVENT_TRANSFER, type Receipt, readCredit } from '../../ledger/receipt.ts'
import { stateRoot } from '../../ledger/state-tree.ts'
import { alice, at, bob, carol, limits, proposer, rules, stateWith, transfer } from './fixture.ts'

const START = stateWith([alice, 1_000n], [bob, 500n])

function execute(parent: StateReader, height: number, ...items: readonly Uint8Array[]): Executed {
  const outcome = executePayload(rules, parent, at(height), items, limits, () => false)
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.refusal.refusal.kind))
  return outcome.value
}

function receiptsOf(executed: Executed): Receipt[] {
  return executed.receipts.map((bytes) => {
    const decoded = decodeReceipt(bytes)
    if (!decoded.ok) throw new Error(decoded.detail)
    return decoded.value
  })
}

function candidate(bytes: Uint8Array): LedgerTransaction {
  const outcome = decodeLedgerTransaction(bytes)
  if (!outcome.ok) throw new Error(outcome.refusal.kind)
  return outcome.value
}

const badlySigned = (bytes: Uint8Array): Uint8Array => Buffer.concat([bytes.subarray(0, -1), Uint8Array.of(0xff)])

describe('a valid block', () => {
  const items = [
    transfer(alice, {
      outputs: [
        { recipient: bob.address, amount: 5n },
        { recipient: carol.address, amount: 6n },
      ],
    }),
    transfer(bob, { outputs: [{ recipient: alice.address, amount: 9_999n }] }),
    transfer(alice, { nonce: 1n, fee: 20n }),
  ]
  const executed = execute(START, 1, ...items)
  const state = createOverlay(START, executed.writes)
  const receipts = receiptsOf(executed)

  test('has a receipt per transaction in order and one of block effects last (FORMATS 7)', () => {
    expect(receipts.map(({ type, status, code, fee }) => [type, status, code, fee])).toEqual([
      [1, 1, 0, 10n],
      [1, 0, 1, 10n],
      [1, 1, 0, 20n],
      [2, 1, 0, 40n],
    ])
    expect(receipts.map(({ transactionId }) => transactionId)).toEqual([
      ...executed.transactions.map(({ id }) => id),
      ZERO_HASH,
    ])
    expect(receipts.map(({ weight }) => weight)).toEqual([
      ...items.map(({ length }) => length),
      items.reduce((n, { length }) => n + length, 0),
    ])
    expect(executed.receiptsRoot).toBe(merkleRoot(executed.receipts))
  })

  test('emits an event per output, none for a failure, and one for the fees', () => {
    expect(receipts.map(({ events }) => events.map((event) => [event.kind, readCredit(event)]))).toEqual([
      [
        [EVENT_TRANSFER, { recipient: bob.address, amount: 5n }],
        [EVENT_TRANSFER, { recipient: carol.address, amount: 6n }],
      ],
      [],
      [[EVENT_TRANSFER, { recipient: bob.address, amount: 1n }]],
      [[EVENT_FEES, { recipient: proposer.address, amount: 40n }]],
    ])
    expect(Buffer.from(receipts[0]?.events[0]?.emitter ?? []).toString('hex')).toBe(alice.address)
  })

  test('moves balances and nonces; the fees go to the proposer', () => {
    const accounts = [alice, bob, carol, proposer].map(({ address }) => readAccount(state, address))
    expect(accounts.map(({ balance }) => balance)).toEqual([958n, 496n, 6n, 40n])
    expect(accounts.map(({ nonce }) => nonce)).toEqual([2n, 1n, 0n, 0n])
    expect(stateRoot(state)).toBe(executed.stateRoot)
  })

  test('extends the history of everybody touched, and of nobody else (FORMATS 8)', () => {
    const heads = (indexes: readonly number[]): string =>
      indexes.reduce((head, index) => {
        const transactionId = executed.transactions[index]?.id ?? ZERO_HASH
        const receiptHash = hashOf('scoville/receipt/1', executed.receipts[index] ?? new Uint8Array(0))
        return nextHistoryHead(head, { height: 1, index, transactionId, receiptHash })
      }, ZERO_HASH)
    const histories = [alice, bob, carol, proposer].map(({ address }) => readAccount(state, address))
    const expected = [[0, 2], [0, 1, 2], [0], [3]]
    expect(histories.map(({ historyHead }) => historyHead)).toEqual(expected.map(heads))
    expect(histories.map(({ historyCount }) => historyCount)).toEqual(expected.map(({ length }) => length))
  })

  test('is the same when executed again: nothing outlives a call', () => {
    expect(execute(START, 1, ...items)).toEqual(executed)
  })
})

test('an empty block changes no state and still has its receipt of block effects', () => {
  const executed = execute(START, 1)
  expect(executed.stateRoot).toBe(stateRoot(START))
  expect(executed.writes).toEqual({ values: new Map(), nodes: new Map() })
  expect(receiptsOf(executed)).toMatchObject([{ type: 2, fee: 0n, weight: 0, events: [] }])
})

test('a recipient can spend in the same block what came before it, the proposer not this block’s fees', () => {
  const income = transfer(alice, { outputs: [{ recipient: carol.address, amount: 30n }] })
  expect(receiptsOf(execute(START, 1, income, transfer(carol))).map(({ status }) => status)).toEqual([1, 1, 1])
  const payload = [income, transfer(proposer)]
  const outcome = executePayload(rules, START, at(1), payload, limits, () => false)
  expect(outcome).toMatchObject({ refusal: { index: 1, refusal: { kind: 'insufficient-funds', balance: 0n } } })
})

test('the proposer paying fees gets them back at the end', () => {
  const state = stateWith([proposer, 100n])
  const { writes } = execute(state, 1, transfer(proposer))
  expect(readAccount(createOverlay(state, writes), proposer.address)).toMatchObject({ balance: 99n, historyCount: 2 })
})

describe('exactly once (guarantee 4, S9)', () => {
  const payment = transfer(alice)

  test('not twice in a block, nor in a later block on the same chain', () => {
    const twice = executePayload(rules, START, at(1), [payment, payment], limits, () => false)
    expect(twice).toMatchObject({ refusal: { index: 1, refusal: { kind: 'nonce-too-low', expected: 1n, got: 0n } } })
    const child = createOverlay(START, execute(START, 1, payment).writes)
    const again = executePayload(rules, child, at(2), [payment], limits, () => false)
    expect(again).toMatchObject({ refusal: { index: 0, refusal: { kind: 'nonce-too-low' } } })
  })

  test('but on a sibling, which has not seen it', () => {
    execute(START, 1, payment)
    expect(execute(START, 1, payment).transactions).toHaveLength(1)
  })

  test('a failed one is used up too', () => {
    const failing = transfer(alice, { outputs: [{ recipient: bob.address, amount: 5_000n }] })
    const child = createOverlay(START, execute(START, 1, failing).writes)
    const again = executePayload(rules, child, at(2), [failing], limits, () => false)
    expect(again).toMatchObject({ ok: false, refusal: { refusal: { kind: 'nonce-too-low' } } })
  })
})

describe('an invalid block names the position and the reason', () => {
  const fine = transfer(alice)
  test.each([
    ['bytes that are no transaction', Uint8Array.of(1, 2, 3), 'malformed-transaction'],
    ['a bad signature', badlySigned(transfer(bob)), 'bad-signature'],
    ['a fee it cannot pay', transfer(carol), 'insufficient-funds'],
    ['a nonce gap', transfer(alice, { nonce: 2n }), 'nonce-too-high'],
    ['an expired one', transfer(bob, { validUntil: 0 }), 'expired'],
  ])('%s', (_, item, kind) => {
    const outcome = executePayload(rules, START, at(1), [fine, item], limits, () => false)
    expect(outcome).toMatchObject({ ok: false, refusal: { kind: 'invalid-payload', index: 1, refusal: { kind } } })
  })

  test('signatures verified before are not verified again, all others are', () => {
    const bad = badlySigned(transfer(bob))
    const asked: string[] = []
    const outcome = executePayload(rules, START, at(1), [fine, bad], limits, ({ lane }) => {
      asked.push(lane)
      return lane === bob.address
    })
    expect(outcome.ok).toBe(true)
    expect(asked).toEqual([alice.address, bob.address])
  })

  test('items decoded before give the same block, and are checked like any others', () => {
    const items = [fine, transfer(bob)]
    const known = items.map(candidate)
    const plain = executePayload(rules, START, at(1), items, limits, () => false)
    expect(executePayload(rules, START, at(1), items, limits, () => false, known)).toEqual(plain)
    const bad = [fine, badlySigned(transfer(bob))]
    const outcome = executePayload(rules, START, at(1), bad, limits, () => false, bad.map(candidate))
    expect(outcome).toMatchObject({ ok: false, refusal: { index: 1, refusal: { kind: 'bad-signature' } } })
    expect(() => executePayload(rules, START, at(1), items, limits, () => false, known.slice(1))).toThrow(/every item/)
  })

  test('limits hold exactly: the last byte and the last transaction fit, one more does not', () => {
    const items = [fine, transfer(bob)]
    const payloadBytesMax = fine.length + (items[1]?.length ?? 0)
    const run = (bytes: number, count: number): unknown =>
      executePayload(rules, START, at(1), items, { payloadBytesMax: bytes, transactionsMax: count }, () => false)
    expect(run(payloadBytesMax, 2)).toMatchObject({ ok: true })
    expect(run(payloadBytesMax - 1, 2)).toMatchObject({ ok: false, refusal: { index: 1 } })
    expect(run(payloadBytesMax, 1)).toMatchObject({ ok: false, refusal: { index: 1 } })
  })
})

describe('building', () => {
  test('takes candidates in order, leaves out what would make the block invalid, and the result executes', () => {
    const candidates = [
      transfer(bob),
      transfer(carol),
      transfer(alice, { outputs: [{ recipient: carol.address, amount: 50n }] }),
      transfer(alice, { nonce: 2n }),
      transfer(carol, { fee: 11n }),
      transfer(bob, { nonce: 1n, validUntil: 0 }),
      transfer(alice, { nonce: 1n, outputs: [{ recipient: bob.address, amount: 9_999n }] }),
    ].map(candidate)
    const { items, dropped } = buildPayload(rules, START, at(1), candidates, limits)
    expect(items).toEqual([0, 2, 4, 6].map((i) => candidates[i]?.bytes))
    expect(dropped.map(({ id, refusal }) => [id, refusal.kind])).toEqual([
      [candidates[1]?.id, 'insufficient-funds'],
      [candidates[5]?.id, 'expired'],
    ])
    expect(receiptsOf(execute(START, 1, ...items)).map(({ status }) => status)).toEqual([1, 1, 1, 0, 1])
  })

  test('stops at the first that does not fit', () => {
    const candidates = [
      transfer(alice),
      transfer(bob, { memo: new Uint8Array(200) }),
      transfer(alice, { nonce: 1n }),
    ].map(candidate)
    const small = { payloadBytesMax: 2 * (candidates[0]?.weight ?? 0), transactionsMax: 9 }
    expect(buildPayload(rules, START, at(1), candidates, small)).toEqual({ items: [candidates[0]?.bytes], dropped: [] })
    const few = buildPayload(rules, START, at(1), candidates, { ...limits, transactionsMax: 2 })
    expect(few.items).toHaveLength(2)
  })
})
