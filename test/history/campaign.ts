// A whole run: four validators behind proxies, clients, the nemesis, final reads, and the history judged against the chain.

import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { devnetAccounts } from '../../genesis/devnet.ts'
import { reach } from '../e2e/chain.ts'
import { Cluster } from '../e2e/cluster.ts'
import { Wallet } from '../e2e/wallet.ts'
import { Random } from '../simulation/random.ts'
import { finalChain } from './chain.ts'
import { type Anomaly, Checker, type Verdict } from './checker.ts'
import { Client, type Shared } from './client.ts'
import { Exchange } from './exchange.ts'
import { Journal, readJournal, type SignedTransfer } from './journal.ts'
import { Model } from './model.ts'
import { FAULTS, Nemesis, type NemesisTimes } from './nemesis.ts'

export interface CampaignOptions {
  /** Answered operations; the run goes on until every fault was there once, too. */
  readonly operations: number
  /** Ends it before that many operations; every fault once all the same. */
  readonly secondsMax: number
  readonly seed: number
  readonly clients: number
  readonly times: NemesisTimes
  readonly onProgress: (progress: Progress) => void
}

export interface Progress {
  readonly answered: number
  readonly operations: number
  readonly height: number
  readonly faults: number
}

export interface Summary extends Verdict {
  /** Where two nodes have different chains, and writes whose end nobody learnt. */
  readonly complaints: readonly string[]
  readonly answered: number
  readonly blocks: number
  readonly transactions: number
  readonly elapsedMs: number
  readonly healedMs: readonly number[]
  /** Of this process, with the whole model in memory. */
  readonly rssBytes: number
  /** Removed when there was nothing wrong. */
  readonly journalPath: string
}

const PROGRESS_MS = 10_000
const SETTLE_MS_MAX = 60_000

export async function runCampaign(options: CampaignOptions): Promise<Summary> {
  const { seed, clients: count, operations } = options
  const beginMs = performance.now()
  const journal = new Journal(join(await mkdtemp(join(tmpdir(), 'scoville-history-')), 'history.jsonl'))
  const cluster = await Cluster.start({ proxied: true, accounts: count, params: { validUntilAheadMax: 1_000_000 } })
  const exchange = new Exchange(Array.from({ length: cluster.size }, (_, node) => cluster.url(node)))
  try {
    const accounts = devnetAccounts(count)
    const shared: Shared = {
      addresses: accounts.map(({ address }) => address),
      height: 0,
      recent: [],
      operations: 0,
      answered: 0,
    }
    const abort = new AbortController()
    const clients = accounts.map(({ seed: key, address }, number) => {
      const wallet = new Wallet(cluster.genesisHash, key, address)
      const random = new Random(seed, `client ${number}`)
      return new Client({ number, wallet, shared, exchange, journal, random, signal: abort.signal })
    })
    const nemesis = new Nemesis(cluster, journal, new Random(seed, 'nemesis'), options.times)
    const report = () => {
      const { answered, height } = shared
      options.onProgress({ answered, operations, height, faults: nemesis.healedMs.length })
    }
    const isEnough = () => shared.answered >= operations || performance.now() - beginMs > 1_000 * options.secondsMax
    const timer = setInterval(report, PROGRESS_MS)
    try {
      const working = clients.map((client) => client.run())
      await Promise.race([
        nemesis.run((faults) => isEnough() && faults >= FAULTS.length),
        // A client that throws ends the run; they end by themselves only then.
        Promise.all(working),
      ])
      abort.abort()
      await Promise.all(working)
    } finally {
      clearInterval(timer)
      abort.abort()
    }
    return await conclude({ cluster, clients, shared, journal, nemesis, beginMs })
  } catch (error) {
    cluster.printLogs()
    journal.flush()
    throw new Error(`the campaign broke off; its history is in ${journal.path}`, { cause: error })
  } finally {
    exchange.close()
    await cluster.stop()
  }
}

interface Run {
  readonly cluster: Cluster
  readonly clients: readonly Client[]
  readonly shared: Shared
  readonly journal: Journal
  readonly nemesis: Nemesis
  readonly beginMs: number
}

/** Everything open comes to its end, everything is read once more everywhere, and then judged. */
async function conclude({ cluster, clients, shared, journal, nemesis, beginMs }: Run): Promise<Summary> {
  const deadlineMs = performance.now() + SETTLE_MS_MAX
  const settled = await Promise.all(clients.map((client) => client.settle(deadlineMs)))
  const nodes = Array.from({ length: cluster.size }, (_, node) => node)
  await reach(cluster, nodes, shared.height)
  await clients[0]?.readAll(shared.height)
  const elapsedMs = performance.now() - beginMs
  journal.flush()
  const top = shared.height
  await reach(cluster, nodes, top)
  const { blocks, differences } = await finalChain(cluster, top)
  const signed = new Map<string, SignedTransfer>()
  for await (const event of readJournal(journal.path)) {
    if (event.event === 'invoke') for (const transfer of event.signed ?? []) signed.set(transfer.id, transfer)
  }
  const funded = new Map(devnetAccounts(clients.length).map(({ address, balance }) => [address, balance]))
  const model = new Model(blocks, funded, signed)
  const checker = new Checker(model)
  for await (const event of readJournal(journal.path)) checker.take(event)
  cluster.expectNoCrash()
  const unsettled = settled.flatMap((isSettled, number) =>
    isSettled ? [] : [`client ${number} has writes that neither committed nor expired`],
  )
  const verdict = checker.verdict
  const complaints = [...differences, ...unsettled]
  if (isClean(verdict.anomalies, complaints)) rmSync(join(journal.path, '..'), { recursive: true })
  return {
    ...verdict,
    complaints,
    answered: shared.answered,
    blocks: blocks.length - 1,
    transactions: model.transactions,
    elapsedMs,
    healedMs: nemesis.healedMs,
    rssBytes: process.memoryUsage.rss(),
    journalPath: journal.path,
  }
}

function isClean(anomalies: readonly Anomaly[], complaints: readonly string[]): boolean {
  return anomalies.length === 0 && complaints.length === 0
}
