// Durability, liveness and exactly-once of DESIGN.md section 1 under kill -9: one of four, two of four, all of them, under load.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { agreedChain, answerOf, reach, repeated, transactionsOf } from './chain.ts'
import { Cluster } from './cluster.ts'
import { Load } from './load.ts'
import { Wallet } from './wallet.ts'

const ALL = [0, 1, 2, 3]
const SINGLE_CLIENTS = 6
const BATCH = 32

let cluster: Cluster
let load: Load
beforeAll(async () => {
  cluster = await Cluster.start()
  load = new Load(cluster)
  const wallets = Wallet.funded(cluster.genesisHash)
  load.start(wallets.slice(0, SINGLE_CLIENTS))
  load.start(wallets.slice(SINGLE_CLIENTS), { batch: BATCH })
})
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.printLogs()
})
afterAll(async () => {
  await cluster?.stop()
})

const others = (index: number) => ALL.filter((other) => other !== index)

async function consensusOf(index: number) {
  return answerOf(await cluster.client(index).consensus())
}

/** Blocks certified after `height` at node `at` whose certificate holds the validator's signature. */
async function votesAgain(validator: number, at: number, height: number): Promise<void> {
  let next = height + 1
  await cluster.until(`a certificate signed by validator ${validator}`, async () => {
    if ((await cluster.height(at)) < next) return false
    const { certificate } = answerOf(await cluster.client(at).block(next, ['certificate']))
    next += 1
    return certificate?.signers.includes(validator)
  })
}

/** A block id and state root at every height, equal on all four, with everything that was acknowledged in it exactly once. */
async function expectConsistent(): Promise<void> {
  const blocks = await agreedChain(cluster, ALL)
  const transactions = await transactionsOf(cluster, 0, blocks)
  expect(repeated(transactions)).toEqual([])
  const found = new Map(transactions.map(({ hash, block }) => [hash, block?.hash]))
  const lost = [...load.acknowledged.values()].filter(({ hash, blockHash }) => found.get(hash) !== blockHash)
  expect(lost).toEqual([])
  cluster.expectNoCrash()
}

async function killOneAndReturn(victim: number): Promise<void> {
  const [witness] = others(victim)
  const before = await consensusOf(victim)
  await cluster.kill(victim)
  const height = await cluster.height(witness ?? 0)
  await load.until(100, 60_000)
  await reach(cluster, others(victim), height + 5)
  await cluster.restart(victim)
  const resumedAt = await cluster.height(witness ?? 0)
  await reach(cluster, [victim], resumedAt)
  await votesAgain(victim, witness ?? 0, resumedAt)
  expect(Number((await consensusOf(victim)).lastVotedView)).toBeGreaterThan(Number(before.lastVotedView))
}

test('transactions commit under load, one by one and in batches', async () => {
  await load.until(2_000, 60_000)
})

test('the leader is killed: the chain goes on, and the node catches up and votes again', async () => {
  await killOneAndReturn((await consensusOf(0)).leader)
})

test('another than the leader is killed: the same', async () => {
  const { leader } = await consensusOf(0)
  await killOneAndReturn((leader + 2) % ALL.length)
})

test('two of four are killed: nothing commits, and both returning it resumes', async () => {
  await cluster.kill(1, 2)
  // What was decided before the kill may still be on its way to the disk; a view that times out is after that.
  const timeouts = async () => Promise.all([0, 3].map((index) => cluster.metric(index, 'scoville_timeouts_total')))
  const rise = async (from: readonly number[], by: number) =>
    cluster.until(`timeouts rise by ${by}`, async () =>
      (await timeouts()).every((now, at) => now >= (from[at] ?? 0) + by),
    )
  await rise(await timeouts(), 1)
  const heights = await Promise.all([0, 3].map((index) => cluster.height(index)))
  const acknowledged = load.acknowledged.size
  await rise(await timeouts(), 3)
  expect(await Promise.all([0, 3].map((index) => cluster.height(index)))).toEqual(heights)
  expect(load.acknowledged.size).toBe(acknowledged)
  await cluster.restart(1, 2)
  await load.until(200, 60_000)
})

test('all four are killed under load: what was acknowledged is there, exactly once, on one chain', async () => {
  await cluster.kill(...ALL)
  await cluster.restart(...ALL)
  await load.until(200, 60_000)
  await cluster.kill(...ALL)
  await cluster.restart(...ALL)
  await load.until(50, 60_000)
  await load.stop()
  await expectConsistent()
})

test('nobody was made to sign twice', async () => {
  for (const index of ALL) expect(await cluster.metric(index, 'scoville_evidence')).toBe(0)
})
