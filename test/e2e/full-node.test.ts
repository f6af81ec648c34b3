// A node without a key: it comes late, fetches the chain, serves what everybody serves and passes on what it is given
// (DESIGN.md section 5, "Full nodes"), and it comes back after a kill.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { agreedChain, answerOf, reach } from './chain.ts'
import { Cluster } from './cluster.ts'
import { Load } from './load.ts'
import { type Signed, Wallet } from './wallet.ts'

const ALL = [0, 1, 2, 3]
const LONG = 300
const WAIT = { waitMs: 30_000 }

let cluster: Cluster
let full: number
let alice: Wallet
let bob: Wallet
let early: Signed
beforeAll(async () => {
  // Empty blocks as fast as pacing lets them: the chain is to become long before anybody joins.
  cluster = await Cluster.start({ flags: { 'block-interval-ms': '0', 'idle-interval-ms': '10' } })
  const [first, second, ...clients] = Wallet.funded(cluster.genesisHash)
  if (second === undefined) throw new Error('too few wallets')
  ;[alice, bob] = [first, second]
  early = alice.pay(bob.address, 7n)
  answerOf(await cluster.client(0).submit(early.bytes, WAIT))
  const load = new Load(cluster)
  load.start(clients)
  await reach(cluster, ALL, LONG, 100_000)
  await load.stop()
  full = await cluster.addFullNode({ peers: cluster.address(1) })
})
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.printLogs()
})
afterAll(() => cluster?.stop())

test('it joins a chain of hundreds of blocks, fetches them and follows', async () => {
  const height = await cluster.height(0)
  await cluster.restart(full)
  await reach(cluster, [full], height)
  expect(await cluster.metric(full, 'scoville_blocks_fetched')).toBeGreaterThan(LONG / 2)
  expect(answerOf(await cluster.client(full).info())).toMatchObject({ role: 'full', syncing: false })
  await reach(cluster, [full], (await cluster.height(0)) + 10)
})

test('it serves the same chain, transactions and accounts as a validator', async () => {
  await agreedChain(cluster, [0, full])
  const ask = async (index: number) => {
    const client = cluster.client(index)
    const transaction = answerOf(await client.transaction(early.id))
    const at = transaction.block?.height ?? ''
    const { balance, nonce, historyHead } = answerOf(await client.account(`0x${bob.address}`))
    const block = answerOf(await client.block(at, ['transactions', 'certificate']))
    return { transaction, block, balance, nonce, historyHead }
  }
  expect(await ask(full)).toEqual(await ask(0))
  expect((await ask(full)).transaction).toMatchObject({ status: 'committed', receipt: { status: 1 } })
})

test('what is submitted to it commits, though it knows one validator only', async () => {
  const { id, bytes } = alice.pay(bob.address, 9n)
  expect(answerOf(await cluster.client(full).submit(bytes, WAIT)).status).toBe('committed')
  for (const index of ALL) expect(answerOf(await cluster.client(index).transaction(id, WAIT)).status).toBe('committed')
  const many = Array.from({ length: 100 }, () => alice.pay(bob.address, 1n))
  const items = answerOf(await cluster.client(full).submitBatch(many.map((one) => one.bytes)))
  expect(items.filter((item) => 'problem' in item)).toEqual([])
  const last = many.at(-1)?.id ?? ''
  expect(answerOf(await cluster.client(full).transaction(last, WAIT)).status).toBe('committed')
})

test('it votes in nothing', async () => {
  expect(answerOf(await cluster.client(full).consensus())).toMatchObject({
    lastVotedView: '0',
    highestTimeoutView: '0',
  })
  expect(answerOf(await cluster.client(full).validators()).some(({ self }) => self)).toBe(false)
  expect(await cluster.metric(full, 'scoville_votes_total')).toBe(0)
})

test('killed, it comes back with what it had, and fetches what it missed', async () => {
  const had = await cluster.height(full)
  await cluster.kill(full)
  await reach(cluster, ALL, had + 20)
  const height = await cluster.height(0)
  await cluster.restart(full)
  await reach(cluster, [full], height)
  expect(await cluster.metric(full, 'scoville_blocks_fetched')).toBeLessThan(had)
  await agreedChain(cluster, [0, full])
})

test('the validator it follows dies: through another it follows on', async () => {
  const other = await cluster.addFullNode({ peers: `${cluster.address(2)},${cluster.address(3)}` })
  await cluster.restart(other)
  await cluster.kill(2)
  await reach(cluster, [other], (await cluster.height(0)) + 10)
  await cluster.restart(2)
  cluster.expectNoCrash()
})
