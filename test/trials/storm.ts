// The kill storm: a random node is killed with -9 every few seconds at load and started again; then all of them, again and again,
// and each time it is measured how soon the chain goes on. A violation is what is lost, doubled, held as evidence, or slow beyond
// measure; how fast it went is a figure.

import { pause } from './clients.ts'
import { percentile } from './figures.ts'
import type { Verdict } from './judge.ts'
import { awaitReturn, logLength, type Return } from './returns.ts'
import { type Trial, withTrial } from './trial.ts'

export interface StormOptions {
  readonly validators: number
  readonly seed: number
  readonly minutes: number
  /** How often all are killed at once. */
  readonly allKills: number
  readonly keep: boolean
  readonly say: (line: string) => void
}

export interface StormResult {
  readonly kills: number
  readonly allKills: number
  readonly returns: readonly Return[]
  /** Longest time without an acknowledgement during the storm of single kills. */
  readonly longestSilenceMs: number
  readonly verdict: Verdict
}

/** The figure to reach is 2 s (TESTING.md, row 10); beyond this it is a violation. */
export const COMMIT_MS_MAX = 10_000
const EVERY_MS = 3_000
/** As `npm run testnet` restarts what died. */
const RESTART_MS = 500
const WORKERS = 12
const RUN = 16
/** How long the chain goes before all are killed again, ms. */
const LIFE_MS = { least: 300, most: 1_500 }

export async function runStorm(options: StormOptions): Promise<StormResult> {
  const { keep, say, seed, validators } = options
  const clients = { workers: WORKERS, run: RUN }
  return withTrial({ validators, seed, keep, say, clients }, async (trial) => {
    trial.load()
    await trial.clients.until(1)
    const kills = await killSingly(trial, options.minutes * 60_000)
    const longestSilenceMs = longestGap(trial.clients.acknowledged.map(({ atMs }) => atMs))
    await Promise.all(trial.nodes.map((index) => trial.cluster.ready(index)))
    const returns: Return[] = []
    for (let time = 1; time <= options.allKills; time++) {
      const returned = await killAll(trial)
      returns.push(returned)
      trial.say(`${trial.seconds}: all killed, ${time} of ${options.allKills}: ${textOf(returned)}`)
    }
    const verdict = await trial.end()
    return { kills, allKills: returns.length, returns, longestSilenceMs, verdict: judged(verdict, returns) }
  })
}

async function killSingly({ cluster, random, nodes }: Trial, durationMs: number): Promise<number> {
  const endMs = performance.now() + durationMs
  const restarts: Promise<void>[] = []
  let kills = 0
  while (performance.now() < endMs) {
    const victim = random.pick(nodes)
    if (cluster.isRunning(victim)) {
      await cluster.kill(victim)
      kills += 1
      restarts.push(pause(RESTART_MS).then(() => cluster.launch(victim)))
    }
    await pause(EVERY_MS)
    cluster.expectNoCrash()
  }
  await Promise.all(restarts)
  return kills
}

async function killAll({ cluster, clients, nodes, random }: Trial): Promise<Return> {
  const { committed } = clients
  await clients.until(committed + 1)
  await pause(random.between(LIFE_MS.least, LIFE_MS.most))
  await cluster.kill(...nodes)
  const before = nodes.map((index) => logLength(cluster, index))
  const launchedMs = Date.now()
  for (const index of nodes) cluster.launch(index)
  return awaitReturn(cluster, nodes, Math.floor((2 * nodes.length) / 3) + 1, launchedMs, before)
}

function judged(verdict: Verdict, returns: readonly Return[]): Verdict {
  const worst = Math.max(0, ...returns.map(({ commitMs }) => commitMs))
  if (worst <= COMMIT_MS_MAX) return verdict
  const slow = `the first commit came ${worst} ms after the quorum's return, more than ${COMMIT_MS_MAX}`
  return { ...verdict, violations: [...verdict.violations, slow] }
}

function longestGap(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b)
  return sorted.reduce((longest, time, at) => Math.max(longest, time - (sorted[at - 1] ?? time)), 0)
}

function textOf({ commitMs, startedMs }: Return): string {
  return `a quorum started after ${startedMs} ms, the first commit ${commitMs} ms later`
}

export function stormRows({ kills, allKills, longestSilenceMs, returns, verdict }: StormResult) {
  const commits = returns.map(({ commitMs }) => commitMs)
  const starts = returns.map(({ startedMs }) => startedMs)
  const spread = (samples: readonly number[]) => [50, 95, 100].map((at) => percentile(samples, at)).join(' / ')
  return [
    {
      kills,
      'of all': allKills,
      transactions: verdict.committed,
      dropped: verdict.dropped,
      duplicated: verdict.duplicated,
      lost: verdict.lost,
      'longest silence ms': Math.round(longestSilenceMs),
      'quorum started ms p50/p95/max': spread(starts),
      'then first commit ms p50/p95/max': spread(commits),
      verdict: verdict.violations.length === 0 ? 'ok' : 'VIOLATED',
    },
  ]
}
