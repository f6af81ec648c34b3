// What a node refuses over HTTP, each with its own problem (docs/API.md, "Problems"), and that the chain does not notice.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { hex } from '../../api/hex.ts'
import type { ProblemView } from '../../api/problem.ts'
import { keyPairFromSeed } from '../../crypto/ed25519.ts'
import { DEVNET_BALANCE } from '../../genesis/devnet.ts'
import { addressOf } from '../../ledger/address.ts'
import {
  encodeTransaction,
  KIND_TRANSFER,
  OUTPUTS_MAX,
  parseTransaction,
  TRANSACTION_BYTES_MAX,
  type Transaction,
} from '../../ledger/transaction.ts'
import { answerOf, reach } from './chain.ts'
import { Cluster } from './cluster.ts'
import { type Signed, Wallet } from './wallet.ts'

const FEE_MIN = 5
const AHEAD_MAX = 1_000
const WAIT = { waitMs: 30_000 }
const ALL = [0, 1, 2, 3]

let cluster: Cluster
let alice: Wallet
let bob: Wallet
/** Has no coin at all. */
let pauper: Wallet
/** Committed before the rows are tried: alice's nonce 0. */
let committed: Signed
let height: number

beforeAll(async () => {
  cluster = await Cluster.start({ params: { feeMin: FEE_MIN, validUntilAheadMax: AHEAD_MAX } })
  const [first, second] = Wallet.funded(cluster.genesisHash).map((wallet) => wallet.until(AHEAD_MAX))
  if (first === undefined || second === undefined) throw new Error('too few wallets')
  ;[alice, bob] = [first, second]
  const seed = new Uint8Array(32).fill(77)
  pauper = new Wallet(cluster.genesisHash, seed, addressOf(keyPairFromSeed(seed).publicKey)).until(AHEAD_MAX)
  committed = alice.pay(bob.address, 1n)
  const { block } = answerOf(await cluster.client(0).submit(committed.bytes, WAIT))
  height = Number(block?.height)
  await reach(cluster, ALL, height + 1)
})
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.printLogs()
})
afterAll(() => cluster?.stop())

const ONE = () => [{ recipient: bob.address, amount: 1n }]

function changed({ bytes }: Signed, change: (transaction: Transaction) => Partial<Transaction>): Uint8Array {
  const parsed = parseTransaction(bytes)
  if (!parsed.ok) throw new Error('a signed transaction parses')
  const { transaction } = parsed.value
  return encodeTransaction({ ...transaction, ...change(transaction) })
}

async function post(
  body: string | Uint8Array<ArrayBuffer>,
  type: string,
): Promise<{ status: number; problem: ProblemView }> {
  const response = await fetch(`${cluster.url(1)}/v1/transactions`, {
    method: 'POST',
    headers: { 'content-type': type },
    body,
  })
  return { status: response.status, problem: (await response.json()) as ProblemView }
}

const json = (value: unknown) => post(JSON.stringify(value), 'application/json')
const bytes = (value: Uint8Array) => post(new Uint8Array(value), 'application/octet-stream')

type Row = readonly [
  what: string,
  status: number,
  code: ProblemView['code'],
  send: () => ReturnType<typeof post>,
  members?: () => Readonly<Record<string, unknown>>,
]

const ROWS: readonly Row[] = [
  // The request.
  ['hex with a character that is none', 400, 'invalid-request', () => json({ tx: '0xzz' })],
  ['hex of half a byte', 400, 'invalid-request', () => json({ tx: '0xabc' })],
  ['a member nobody knows', 400, 'invalid-request', () => json({ tx: '0x00', nonce: 1 })],
  ['a body that is no JSON', 400, 'malformed-json', () => post('{"tx":', 'application/json')],
  ['JSON nested to exhaust the parser', 400, 'malformed-json', () => post('['.repeat(20_000), 'application/json')],
  ['another media type', 415, 'unsupported-media-type', () => post('tx=0x00', 'application/x-www-form-urlencoded')],
  ['a body beyond its bound', 413, 'body-too-large', () => bytes(new Uint8Array(70_000))],
  // The bytes.
  ['nothing', 400, 'invalid-request', () => bytes(new Uint8Array(0))],
  ['garbage', 400, 'malformed-transaction', () => bytes(new Uint8Array(200).fill(0xa5))],
  ['a transaction cut off', 400, 'malformed-transaction', () => bytes(alice.sign(ONE()).bytes.slice(0, -1))],
  [
    'a byte too many',
    400,
    'malformed-transaction',
    () => bytes(Buffer.concat([alice.sign(ONE()).bytes, Buffer.of(0)])),
  ],
  [
    'more bytes than a transaction has',
    413,
    'transaction-too-large',
    () => bytes(new Uint8Array(TRANSACTION_BYTES_MAX + 1)),
    () => ({ max: TRANSACTION_BYTES_MAX, got: TRANSACTION_BYTES_MAX + 1 }),
  ],
  [
    'a payment of nothing',
    400,
    'malformed-transaction',
    () => bytes(alice.sign([{ recipient: bob.address, amount: 0n }]).bytes),
  ],
  ['no payment', 400, 'malformed-transaction', () => bytes(alice.sign([]).bytes)],
  [
    'an output too many',
    400,
    'malformed-transaction',
    () =>
      bytes(alice.sign(Array.from({ length: OUTPUTS_MAX + 1 }, () => ({ recipient: bob.address, amount: 1n }))).bytes),
  ],
  [
    'amounts that overflow together',
    400,
    'malformed-transaction',
    () => bytes(alice.sign([1, 2].map(() => ({ recipient: bob.address, amount: 2n ** 63n }))).bytes),
  ],
  [
    'a memo too long',
    400,
    'malformed-transaction',
    () => bytes(alice.sign(ONE(), { memo: new Uint8Array(257) }).bytes),
  ],
  [
    'a signature scheme nobody has',
    400,
    'malformed-transaction',
    () => bytes(changed(alice.sign(ONE()), ({ auth }) => ({ auth: { ...auth, scheme: 9 } }))),
  ],
  [
    'a kind of a later version',
    422,
    'unsupported-kind',
    () => bytes(changed(alice.sign(ONE()), () => ({ kind: KIND_TRANSFER + 41 }))),
    () => ({ got: KIND_TRANSFER + 41 }),
  ],
  // What it says.
  [
    'another chain',
    422,
    'wrong-chain',
    () => bytes(new Wallet(committed.id, new Uint8Array(32).fill(77), '').until(AHEAD_MAX).sign(ONE()).bytes),
    () => ({ expected: `0x${cluster.genesisHash}`, got: `0x${committed.id}` }),
  ],
  [
    'a signature of nobody',
    422,
    'bad-signature',
    () =>
      bytes(changed(alice.sign(ONE()), ({ auth }) => ({ auth: { ...auth, signature: new Uint8Array(64).fill(1) } }))),
  ],
  [
    'the signature of another transaction of the same sender',
    422,
    'bad-signature',
    () => bytes(changed(alice.sign(ONE(), { fee: 11n }), () => ({ fee: 12n }))),
  ],
  [
    'another sender under the same signature',
    422,
    'bad-signature',
    () =>
      bytes(changed(bob.sign(ONE()), ({ auth }) => ({ auth: { ...auth, key: alice.keyPair.publicKey }, nonce: 1n }))),
  ],
  [
    'a fee below the least',
    422,
    'fee-too-low',
    () => bytes(alice.sign(ONE(), { fee: 4n }).bytes),
    () => ({ expected: '5', got: '4' }),
  ],
  [
    'a nonce already used, by another transaction',
    422,
    'nonce-too-low',
    () => bytes(alice.sign([{ recipient: bob.address, amount: 2n }], { nonce: 0n }).bytes),
    () => ({ expected: '1', got: '0' }),
  ],
  [
    'a nonce far ahead',
    422,
    'nonce-too-high',
    () => bytes(alice.sign(ONE(), { nonce: 1_000_000n }).bytes),
    () => ({ expected: '1', got: '1000000' }),
  ],
  [
    'a fee its sender does not have',
    422,
    'insufficient-funds',
    () => bytes(pauper.sign(ONE()).bytes),
    () => ({ needed: '10', balance: '0' }),
  ],
  [
    'a height that is past',
    422,
    'expired',
    () => bytes(alice.sign(ONE(), { validUntil: height }).bytes),
    () => ({ validUntil: String(height) }),
  ],
  [
    'a height too far ahead',
    422,
    'valid-until-too-far',
    () => bytes(alice.sign(ONE(), { validUntil: 1_000_000 }).bytes),
    () => ({ validUntil: '1000000' }),
  ],
]

describe('refused, each with a problem of its own', () => {
  for (const [what, status, code, send, members = () => ({})] of ROWS) {
    test(`${what}: ${status} ${code}`, async () => {
      const answer = await send()
      expect(answer).toMatchObject({ status, problem: { status, code, type: `/errors/${code}`, ...members() } })
      expect(answer.problem.detail.length).toBeGreaterThan(0)
    })
  }

  test('one bad entry of a batch does not keep the others out', async () => {
    const good = bob.pay(alice.address, 3n)
    const forged = changed(alice.sign(ONE()), ({ auth }) => ({ auth: { ...auth, signature: new Uint8Array(64) } }))
    const items = answerOf(await cluster.client(2).submitBatch([forged, good.bytes, new Uint8Array(3)]))
    expect(items).toMatchObject([
      { problem: { code: 'bad-signature' } },
      { hash: `0x${good.id}` },
      { problem: { code: 'malformed-transaction' } },
    ])
    expect(answerOf(await cluster.client(2).transaction(good.id, WAIT)).status).toBe('committed')
  })

  test('what is refused leaves nothing behind: nobody knows it, and the sender is where it was', async () => {
    const { id } = alice.sign(ONE(), { nonce: 1_000_000n })
    for (const index of ALL) {
      expect(await cluster.client(index).transaction(id)).toMatchObject({
        status: 404,
        problem: { code: 'tx-unknown' },
      })
      expect(answerOf(await cluster.client(index).nonce(`0x${alice.address}`))).toMatchObject({
        committed: '1',
        next: '1',
      })
    }
  })
})

describe('replayed', () => {
  test('a committed transaction is answered as what it is, at every node', async () => {
    for (const index of ALL) {
      const again = await cluster.client(index).submit(committed.bytes)
      expect(again).toMatchObject({ ok: true, status: 200, value: { status: 'committed', duplicate: true } })
    }
  })

  test('a copy with another signature is the same transaction', async () => {
    // The id covers everything but the signature, so the node has it already and need not look at this one.
    const copy = changed(committed, ({ auth }) => ({ auth: { ...auth, signature: new Uint8Array(64).fill(9) } }))
    expect(answerOf(await cluster.client(3).submit(copy))).toMatchObject({ hash: `0x${committed.id}`, duplicate: true })
  })
})

describe('nonces', () => {
  test('behind a gap a transaction waits, and both commit when the gap closes', async () => {
    const first = alice.pay(bob.address, 1n)
    const second = alice.pay(bob.address, 2n)
    const waiting = await cluster.client(0).submit(second.bytes)
    expect(waiting).toMatchObject({ status: 202, value: { status: 'pending', queue: 'queued' } })
    await reach(cluster, ALL, (await cluster.height(0)) + 3)
    expect(answerOf(await cluster.client(0).transaction(second.id)).status).toBe('pending')
    expect(answerOf(await cluster.client(1).submit(first.bytes, WAIT)).status).toBe('committed')
    expect(answerOf(await cluster.client(0).transaction(second.id, WAIT)).status).toBe('committed')
  })

  test('a pending one is replaced only by a higher fee, and only one of the two commits', async () => {
    // Behind a gap, so that it stays pending for as long as it takes.
    const nonce = alice.nonce + 1n
    const cheap = alice.sign(ONE(), { nonce })
    expect((await cluster.client(0).submit(cheap.bytes)).status).toBe(202)
    const rival = alice.sign([{ recipient: bob.address, amount: 2n }], { nonce })
    expect(await cluster.client(0).submit(rival.bytes)).toMatchObject({
      status: 409,
      problem: { code: 'nonce-taken', conflictingHash: `0x${cheap.id}`, feeNeeded: '11' },
    })
    const dear = alice.sign([{ recipient: bob.address, amount: 2n }], { nonce, fee: 11n })
    expect((await cluster.client(0).submit(dear.bytes)).status).toBe(202)
    expect(answerOf(await cluster.client(0).transaction(cheap.id)).status).toBe('replaced')
    const gap = alice.sign(ONE())
    expect(answerOf(await cluster.client(0).submit(gap.bytes, WAIT)).status).toBe('committed')
    alice.nonce += 2n
    // Gossip may have brought either to another node first; the chain takes one.
    const outcome = async () => {
      const views = await Promise.all([cheap, dear].map(({ id }) => cluster.client(0).transaction(id)))
      const done = views.filter((view) => view.ok && view.value.status === 'committed')
      return done.length > 0 && done.length
    }
    expect(await cluster.until('one of the rivals commits', outcome)).toBe(1)
  })

  test('a transaction behind a gap that never closes expires, and that is final', async () => {
    const at = await cluster.height(0)
    const doomed = alice.sign(ONE(), { nonce: alice.nonce + 1n, validUntil: at + 4 })
    expect((await cluster.client(0).submit(doomed.bytes)).status).toBe(202)
    await reach(cluster, [0], at + 5)
    expect(answerOf(await cluster.client(0).transaction(doomed.id))).toMatchObject({ status: 'expired', final: true })
    expect(await cluster.client(0).submit(doomed.bytes)).toMatchObject({ status: 422, problem: { code: 'expired' } })
  })
})

test('after all of it the chain goes on and every coin is there', async () => {
  const before = await cluster.height(0)
  await reach(cluster, ALL, before + 3)
  const users = Wallet.funded(cluster.genesisHash).map(({ address }) => address)
  const all = [...users, ...cluster.keys.map(({ id }) => id)]
  const minHeight = await cluster.height(0)
  await reach(cluster, ALL, minHeight)
  for (const index of ALL) {
    const accounts = await Promise.all(all.map((address) => cluster.client(index).account(`0x${address}`)))
    const sum = accounts.reduce((total, account) => total + BigInt(answerOf(account).balance), 0n)
    expect(sum).toBe(10n * DEVNET_BALANCE)
    expect(await cluster.metric(index, 'scoville_evidence')).toBe(0)
  }
  cluster.expectNoCrash()
})

test('hex and bytes are one door', async () => {
  const transaction = bob.pay(alice.address, 1n)
  const response = await fetch(`${cluster.url(0)}/v1/transactions?wait=committed&timeout=20s`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ tx: hex(transaction.bytes).toUpperCase().replace('0X', '0x') }),
  })
  expect(response.status).toBe(200)
  expect(answerOf(await cluster.client(0).submit(transaction.bytes)).duplicate).toBe(true)
})
