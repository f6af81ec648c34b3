// One validator is killed with -9 again and again, at moments nobody chose, also while it starts: it must never sign two
// different things in one view (DESIGN.md section 3, "Persist before send"; PITFALLS 1 to 5). The others hold what they see
// against it: their evidence stays empty. test/e2e/bad-validator.test.ts shows that it would not.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { agreedChain, answerOf, repeated, transactionsOf } from './chain.ts'
import { Cluster } from './cluster.ts'
import { Load } from './load.ts'
import { Wallet } from './wallet.ts'

const ALL = [0, 1, 2, 3]
const OTHERS = [0, 1, 2]
const VICTIM = 3
const KILLS = 20
/** Of these, while it is still starting. */
const EVERY_NTH_IN_START = 4
const LIFE_MS_MAX = 400
const START_MS_MAX = 800

let cluster: Cluster
let load: Load
beforeAll(async () => {
  cluster = await Cluster.start({ flags: { 'base-timeout-ms': '300', 'idle-interval-ms': '100' } })
  load = new Load(cluster)
  const wallets = Wallet.funded(cluster.genesisHash)
  load.start(wallets.slice(0, 4))
  load.start(wallets.slice(4, 6), { batch: 16 })
})
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.printLogs()
})
afterAll(() => cluster?.stop())

const lastVotedView = async () => Number(answerOf(await cluster.client(VICTIM).consensus()).lastVotedView)

async function moment(max: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.random() * max))
}

test(`killed ${KILLS} times under load, it never contradicts itself, and it always comes back`, async () => {
  let voted = await lastVotedView()
  let lives = 0
  for (let kill = 1; kill <= KILLS; kill++) {
    await cluster.kill(VICTIM)
    if (kill % EVERY_NTH_IN_START === 0) {
      cluster.launch(VICTIM)
      await moment(START_MS_MAX)
      await cluster.kill(VICTIM)
    }
    await cluster.restart(VICTIM)
    // It remembers what it signed in its lives before, and goes on from there.
    expect(await lastVotedView()).toBeGreaterThanOrEqual(voted)
    voted = await cluster.until('it votes again', async () => {
      const now = await lastVotedView()
      return now > voted && now
    })
    lives += 1
    await moment(LIFE_MS_MAX)
  }
  expect(lives).toBe(KILLS)
}, 400_000)

test('nobody holds evidence against anybody', async () => {
  for (const index of ALL) expect(await cluster.metric(index, 'scoville_evidence')).toBe(0)
  for (const index of ALL) expect(cluster.log(index)).not.toContain('equivocation')
})

test('it ends with one chain, everything acknowledged in it once, and the victim among its signers', async () => {
  await load.until(50, 60_000)
  await load.stop()
  const blocks = await agreedChain(cluster, ALL)
  const transactions = await transactionsOf(cluster, VICTIM, blocks)
  expect(repeated(transactions)).toEqual([])
  const found = new Set(transactions.map(({ hash }) => hash))
  expect([...load.acknowledged.keys()].filter((hash) => !found.has(hash))).toEqual([])
  const last = blocks.slice(-40, -1)
  const certificates = await Promise.all(
    last.map(
      async ({ height }) => answerOf(await cluster.client(OTHERS[0] ?? 0).block(height, ['certificate'])).certificate,
    ),
  )
  expect(certificates.some((certificate) => certificate?.signers.includes(VICTIM))).toBe(true)
  cluster.expectNoCrash()
})
