// One validator of four is dead for good: what the other three commit, beside what all four committed in the same run. The four are
// measured before and after, since the machine's speed is not the same from minute to minute.

import { type Acknowledgement, pause } from './clients.ts'
import { percentile } from './figures.ts'
import type { Verdict } from './judge.ts'
import { type Trial, withTrial } from './trial.ts'

export interface AvailabilityOptions {
  readonly validators: number
  readonly seed: number
  /** Of each of the three measurements. */
  readonly seconds: number
  readonly keep: boolean
  readonly say: (line: string) => void
}

interface Phase {
  readonly nodes: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface AvailabilityResult {
  readonly before: Phase
  readonly without: Phase
  readonly after: Phase
  /** Throughput with one dead, as a share of the mean with all. */
  readonly share: number
  readonly p99MsMax: number
  readonly verdict: Verdict
}

/** TESTING.md, row 11. */
export const SHARE_LEAST = 0.8
const WORKERS = 16
const RUN = 64
const WARM_UP_SHARE = 0.5

export async function runAvailability(options: AvailabilityOptions): Promise<AvailabilityResult> {
  const { keep, say, seed, validators } = options
  const windowMs = options.seconds * 1_000
  const clients = { workers: WORKERS, run: RUN }
  return withTrial({ validators, seed, keep, say, clients }, async (trial) => {
    trial.load()
    await warmUp(trial, windowMs)
    const before = await measure(trial, windowMs)
    const dead = await trial.follower()
    await trial.cluster.kill(dead)
    say(`${trial.seconds}: node ${dead} is dead`)
    await warmUp(trial, windowMs)
    const without = await measure(trial, windowMs)
    const timeoutMs = await leaderTimeout(trial)
    await trial.cluster.restart(dead)
    say(`${trial.seconds}: node ${dead} is back, for comparison`)
    await warmUp(trial, windowMs)
    const after = await measure(trial, windowMs)
    const share = without.perSecond / ((before.perSecond + after.perSecond) / 2)
    const p99MsMax = Math.max(before.p99Ms, after.p99Ms) + 2 * timeoutMs
    const verdict = await trial.end()
    const missed = [
      ...(share >= SHARE_LEAST ? [] : [`${(100 * share).toFixed(0)} % of the throughput, less than 80 %`]),
      ...(without.p99Ms <= p99MsMax ? [] : [`p99 of ${without.p99Ms.toFixed(0)} ms, more than ${p99MsMax.toFixed(0)}`]),
    ]
    const violations = [...missed, ...verdict.violations]
    return { before, without, after, share, p99MsMax, verdict: { ...verdict, violations } }
  })
}

/** Until the nodes have measured their views and compiled what they need. */
async function warmUp({ clients }: Trial, windowMs: number): Promise<void> {
  await clients.until(clients.committed + 1)
  await pause(windowMs * WARM_UP_SHARE)
}

async function measure(trial: Trial, windowMs: number): Promise<Phase> {
  const fromMs = performance.now()
  await pause(windowMs)
  const untilMs = performance.now()
  const told = trial.clients.acknowledged.filter(({ atMs }) => atMs >= fromMs && atMs < untilMs)
  const phase = {
    nodes: trial.running.length,
    perSecond: (told.reduce((sum, { count }) => sum + count, 0) * 1_000) / (untilMs - fromMs),
    ...latencyOf(told),
  }
  trial.say(`${trial.seconds}: ${phase.nodes} nodes, ${phase.perSecond.toFixed(0)} a second`)
  return phase
}

function latencyOf(told: readonly Acknowledgement[]): { readonly p50Ms: number; readonly p99Ms: number } {
  const samples = told.map(({ tookMs }) => tookMs)
  return { p50Ms: percentile(samples, 50), p99Ms: percentile(samples, 99) }
}

/** Of a view in good times, as the nodes have it now. */
async function leaderTimeout({ cluster, running }: Trial): Promise<number> {
  const views = await Promise.all(running.map((index) => cluster.client(index).consensus()))
  return Math.max(...views.map((view) => (view.ok ? view.value.timeoutMs : 0)))
}

export function availabilityRows({ after, before, p99MsMax, share, verdict, without }: AvailabilityResult) {
  return [before, without, after].map(({ nodes, p50Ms, p99Ms, perSecond }, at) => ({
    nodes,
    'per second': Math.round(perSecond),
    share: at === 1 ? `${(100 * share).toFixed(0)} %` : '',
    'p50 ms': Math.round(p50Ms),
    'p99 ms': Math.round(p99Ms),
    'p99 allowed ms': at === 1 ? Math.round(p99MsMax) : '',
    verdict: at === 1 ? (verdict.violations.length === 0 ? 'ok' : 'VIOLATED') : '',
  }))
}
