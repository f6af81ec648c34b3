// A validator whose database was damaged while it was down: it puts its chain together again, fetches the rest, and votes on
// (DESIGN.md section 5; PITFALLS 35 and 40). test/corruption has the damages; this is the way through real processes.

import { readdir, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { agreedChain, answerOf, reach } from './chain.ts'
import { Cluster } from './cluster.ts'
import { Wallet } from './wallet.ts'

const ALL = [0, 1, 2, 3]

let cluster: Cluster
beforeAll(async () => {
  cluster = await Cluster.start({ flags: { 'block-interval-ms': '0', 'idle-interval-ms': '20' } })
})
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.printLogs()
})
afterAll(() => cluster.stop())

async function damage(index: number, name: RegExp, harm: (file: string) => Promise<void>): Promise<void> {
  const chain = join(cluster.dir, `node-${index}`, 'chain')
  const file = (await readdir(chain)).find((entry) => name.test(entry))
  if (file === undefined) throw new Error(`no ${name} in ${chain}`)
  await harm(join(chain, file))
}

test('two validators lose their databases, one after the other, and the chain never stops being one', async () => {
  const [alice, bob] = Wallet.funded(cluster.genesisHash)
  if (alice === undefined || bob === undefined) throw new Error('two wallets')
  const paid = alice.pay(bob.address, 7n)
  answerOf(await cluster.client(0).submit(paid.bytes, { waitMs: 30_000 }))
  await reach(cluster, ALL, 40)
  for (const [index, name, harm] of [
    [2, /^MANIFEST-/, (file: string) => truncate(file, 20)],
    [3, /^CURRENT$/, (file: string) => rm(file)],
  ] as const) {
    await cluster.kill(index)
    await damage(index, name, harm)
    await cluster.restart(index)
    expect(cluster.log(index)).toMatch(/is damaged: .*it was moved aside/)
    const { checks } = await cluster.client(index).readiness()
    expect(checks.safety?.ok).toBe(true)
    const folders = await readdir(join(cluster.dir, `node-${index}`, 'quarantine'))
    expect(folders.some((folder) => /^\d{4}-/.test(folder))).toBe(true)
    expect(answerOf(await cluster.client(index).transaction(paid.id))).toMatchObject({ status: 'committed' })
  }
  // Both are needed for a quorum now: they vote.
  await cluster.kill(0)
  const top = await cluster.height(1)
  await reach(cluster, [1, 2, 3], top + 8)
  await cluster.restart(0)
  const chain = await agreedChain(cluster, ALL)
  expect(chain.length).toBeGreaterThan(40)
  for (const index of ALL) expect(await cluster.metric(index, 'scoville_evidence')).toBe(0)
})
