// `npm run bench`: what a network of real validator processes does on this machine, from a client's side.
// Starts its own network unless --url names one. docs/BENCHMARK.md says what the figures mean and do not mean.

import { availableParallelism, cpus } from 'node:os'
import { Command, InvalidArgumentError, Option } from 'commander'
import { keyPairFromSeed } from '../crypto/ed25519.ts'
import { devnetAccounts } from '../genesis/devnet.ts'
import { type Cluster, startCluster } from './bench/cluster.ts'
import type { Report, SectionFigures } from './bench/figures.ts'
import { type Account, benchAccounts } from './bench/load.ts'
import { Network, WAITING_PER_NODE_MAX } from './bench/network.ts'
import { formatReport } from './bench/report.ts'
import {
  measureBatch,
  measureClosed,
  measureIdle,
  measureOffered,
  type SectionOptions,
  warmUp,
} from './bench/sections.ts'

const SECTIONS = ['idle', 'closed', 'batch', 'offered'] as const
/** Transactions before the first section. */
const WARM_UP = 10_000
const WARM_UP_QUICK = 2_048
type Section = (typeof SECTIONS)[number]

interface Options {
  readonly validators: number
  readonly url: readonly string[]
  readonly accounts: number
  readonly only: readonly Section[]
  readonly transactions?: number
  readonly concurrency?: number
  readonly batches: number
  readonly rate: number
  readonly quick: boolean
  readonly json: boolean
  readonly profile?: string
  readonly nodeFlag: readonly string[]
}

const program = new Command('bench')
  .description('Measures a network of validators on this machine: throughput, latency, CPU and memory.')
  .option('-n, --validators <count>', 'validator processes to start', positive, 4)
  .option('--url <urls>', 'measure this running devnet instead (API addresses, comma separated)', list, [])
  .option('--accounts <count>', 'accounts that send (a running devnet has 10)', positive, 256)
  .addOption(new Option('--only <sections>', `some of ${SECTIONS.join(',')}`).argParser(sections).default(SECTIONS))
  .option('--transactions <count>', 'transactions of each load section (default 20000, quick 2048)', positive)
  .option('--concurrency <count>', 'closed: workers with one transaction each (default 64 a node)', positive)
  .option('--batches <count>', 'batch: workers a node with one batch of 256 each', positive, 2)
  .option('--rate <tps>', 'offered: transactions a second', positive, 2_000)
  .option('--quick', 'under 40 seconds', false)
  .option('--json', 'the report as JSON, nothing else on stdout', false)
  .option('--profile <dir>', 'validator 0 leaves a CPU profile there')
  .option('--node-flag <flags>', 'further flags of every node, such as --node-flag=--block-interval-ms=20', list, [])
  .addHelpText(
    'after',
    '\nExamples:\n  $ npm run bench -- --quick\n  $ npm run bench -- --only offered --rate 3000 --json',
  )

const options = program.parse().opts<Options>()
const report = await measure(options)
process.stdout.write(`${options.json ? JSON.stringify(report, null, 2) : formatReport(report)}\n`)

async function measure(chosen: Options): Promise<Report> {
  const isOwn = chosen.url.length === 0
  const accounts = isOwn ? benchAccounts(chosen.accounts) : publicAccounts()
  const startMs = performance.now()
  const cluster: Cluster = isOwn
    ? await startCluster({
        validators: chosen.validators,
        accounts,
        flags: chosen.nodeFlag,
        profileDir: chosen.profile,
      })
    : { urls: chosen.url, pids: [], stop: async () => {} }
  const readyMs = performance.now() - startMs
  process.once('SIGINT', () => void cluster.stop().then(() => process.exit(130)))
  const network = await Network.connect(cluster.urls, cluster.pids, accounts)
  try {
    const measured: SectionFigures[] = []
    await warmUp({ ...baseOf(network), transactions: chosen.quick ? WARM_UP_QUICK : WARM_UP })
    for (const section of SECTIONS) {
      if (chosen.only.includes(section)) measured.push(await measureSection(section, network, chosen))
    }
    return {
      date: new Date().toISOString(),
      node: process.versions.node,
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
      validators: network.posters.length,
      accounts: accounts.length,
      ...(isOwn ? { readyMs } : {}),
      sections: measured,
    }
  } finally {
    network.close()
    await cluster.stop()
  }
}

function baseOf(network: Network): SectionOptions {
  return { network, cores: availableParallelism(), progress: (text) => void process.stderr.write(`${text}\n`) }
}

function measureSection(section: Section, network: Network, chosen: Options): Promise<SectionFigures> {
  const { quick } = chosen
  const transactions = chosen.transactions ?? (quick ? 2_048 : 20_000)
  const nodes = network.posters.length
  const base = { ...baseOf(network), transactions }
  switch (section) {
    case 'idle':
      return measureIdle({ ...base, quietMs: quick ? 3_000 : 10_000, transactions: quick ? 20 : 100 })
    case 'closed': {
      const concurrency = Math.min(chosen.concurrency ?? Number.POSITIVE_INFINITY, WAITING_PER_NODE_MAX * nodes)
      return measureClosed({ ...base, concurrency })
    }
    case 'batch':
      return measureBatch({ ...base, concurrency: chosen.batches * nodes })
    case 'offered':
      return measureOffered({ ...base, rate: chosen.rate })
    default:
      return section satisfies never
  }
}

/** A devnet's, whose keys everybody has. */
function publicAccounts(): Account[] {
  return devnetAccounts().map(({ address, seed }) => ({ address, keyPair: keyPairFromSeed(seed) }))
}

function positive(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('expected a whole number from 1')
  return value
}

function list(text: string): string[] {
  return text.split(',').filter((item) => item !== '')
}

function sections(text: string): Section[] {
  return list(text).map((name) => {
    const section = SECTIONS.find((known) => known === name)
    if (section === undefined) throw new InvalidArgumentError(`expected some of ${SECTIONS.join(',')}`)
    return section
  })
}
