// Nodes that come late, or lost all but their keys and what they signed, join a busy chain by a snapshot (PITFALLS 29, 40, 41);
// a snapshot is taken from running nodes as a file, and a node begins from it.

import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { run } from '../../node/cli.ts'
import { answerOf, reach } from './chain.ts'
import { Cluster } from './cluster.ts'
import { Load } from './load.ts'
import { type Signed, Wallet } from './wallet.ts'

const ALL = [0, 1, 2, 3]
const GAP = 60
const LONG = 4 * GAP
const INTERVAL = 30

let cluster: Cluster
let load: Load
let early: Signed
let alice: Wallet
beforeAll(async () => {
  cluster = await Cluster.start({
    flags: {
      'block-interval-ms': '0',
      'idle-interval-ms': '10',
      'snapshot-interval-blocks': String(INTERVAL),
      'state-sync-gap-blocks': String(GAP),
    },
  })
  const [first, ...others] = Wallet.funded(cluster.genesisHash)
  if (first === undefined) throw new Error('too few wallets')
  alice = first
  early = alice.pay(alice.address, 7n)
  answerOf(await cluster.client(0).submit(early.bytes, { waitMs: 30_000 }))
  load = new Load(cluster)
  load.start(others.slice(0, 2))
  await reach(cluster, ALL, LONG, 100_000)
})
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.printLogs()
})
afterAll(async () => {
  await load?.stop()
  await cluster?.stop()
})

/** It has the state as the others have it, and says of what it never had that it is gone. */
async function expectRestored(index: number): Promise<void> {
  const client = cluster.client(index)
  await reach(cluster, [index], (await cluster.height(0)) + 5)
  expect(await client.block(1)).toMatchObject({ ok: false, status: 410, problem: { code: 'block-pruned' } })
  const read = async (node: number) => {
    const { balance, nonce, historyHead } = answerOf(await cluster.client(node).account(`0x${alice.address}`))
    return { balance, nonce, historyHead }
  }
  expect(await read(index)).toEqual(await read(0))
}

test('a full node from nothing fetches a snapshot in place of the blocks, and follows', async () => {
  const full = await cluster.addFullNode()
  await cluster.restart(full)
  await expectRestored(full)
  expect(await cluster.metric(full, 'scoville_blocks_fetched')).toBeLessThan(LONG - GAP)
  // What it takes from there on commits.
  const { bytes } = alice.pay(alice.address, 1n)
  expect(answerOf(await cluster.client(full).submit(bytes, { waitMs: 30_000 })).status).toBe('committed')
  await cluster.kill(full)
})

test('a validator that lost its chain, and not what it signed, joins by a snapshot and votes again', async () => {
  await cluster.kill(3)
  await rm(join(cluster.dataDir(3), 'chain'), { recursive: true })
  await reach(cluster, [0, 1, 2], (await cluster.height(0)) + GAP)
  await cluster.restart(3)
  await expectRestored(3)
  const votes = await cluster.metric(3, 'scoville_votes_total')
  await cluster.until('it votes', async () => (await cluster.metric(3, 'scoville_votes_total')) > votes)
  expect(answerOf(await cluster.client(3).validators()).some(({ self }) => self)).toBe(true)
})

async function scoville(...args: string[]): Promise<{ readonly code: number; readonly text: string }> {
  const lines: string[] = []
  const terminal = { out: (text: string) => lines.push(text), err: (text: string) => lines.push(text), env: {} }
  const code = await run([...args, '--json'], terminal)
  return { code, text: lines.join('\n') }
}

test('a snapshot file is fetched from running nodes, checked, and a node begins from it', async () => {
  const genesis = ['--genesis', join(cluster.dir, 'genesis.json')]
  const file = join(cluster.dir, 'chain.snapshot')
  const created = await scoville('snapshot', 'create', ...genesis, '--out', file)
  expect(created).toMatchObject({ code: 0 })
  const { height, hash } = JSON.parse(created.text)
  const inspected = await scoville('snapshot', 'inspect', file, ...genesis)
  expect(JSON.parse(inspected.text)).toMatchObject({ height, hash })
  expect((await scoville('snapshot', 'create', ...genesis, '--out', file)).text).toContain('file-exists')

  const damaged = join(cluster.dir, 'damaged.snapshot')
  const bytes = await readFile(file)
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 2_000) ^ 1, bytes.length - 2_000)
  await writeFile(damaged, bytes)
  const elsewhere = join(cluster.dir, 'elsewhere')
  expect((await scoville('snapshot', 'restore', damaged, ...genesis, '--data-dir', elsewhere)).text).toContain(
    'snapshot-invalid',
  )

  const full = await cluster.addFullNode({ 'state-sync-gap-blocks': '0' })
  const dir = ['--data-dir', cluster.dataDir(full)]
  expect(await scoville('snapshot', 'restore', file, ...genesis, ...dir)).toMatchObject({ code: 0 })
  expect((await scoville('snapshot', 'restore', file, ...genesis, ...dir)).text).toContain('data-dir-not-empty')
  await cluster.restart(full)
  await expectRestored(full)
  await cluster.kill(full)

  // Of a validator that is stopped, from its own disk.
  await cluster.terminate(3)
  const own = join(cluster.dir, 'own.snapshot')
  const stopped = await scoville('snapshot', 'create', ...genesis, '--data-dir', cluster.dataDir(3), '--out', own)
  expect(stopped).toMatchObject({ code: 0 })
  expect(JSON.parse((await scoville('snapshot', 'inspect', own, ...genesis)).text).height).toBeGreaterThan(height)
})
