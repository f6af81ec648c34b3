// Hours of moderate load with nodes that are stopped for seconds, restarted and killed: memory, descriptors and disk are sampled, and
// what is left is judged. A process that is started anew begins a life of its own: slopes are those within lives.

import { readdirSync, statSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mib } from '../../scripts/bench/figures.ts'
import { rssBytes } from '../../scripts/bench/process-meter.ts'
import { pause } from './clients.ts'
import { type Point, percentile, pooledSlope } from './figures.ts'
import type { Verdict } from './judge.ts'
import { type Trial, withTrial } from './trial.ts'

export interface SoakOptions {
  readonly validators: number
  readonly seed: number
  readonly minutes: number
  /** Transactions a second. */
  readonly rate: number
  /** Between two faults. */
  readonly faultSeconds: number
  readonly sampleSeconds: number
  /** Of each life, before its samples count. */
  readonly warmUpSeconds: number
  /** Where samples go as JSON lines. */
  readonly samplesPath?: string
  readonly keep: boolean
  readonly say: (line: string) => void
}

interface Sample {
  /** Since the soak began. */
  readonly seconds: number
  readonly node: number
  readonly pid: number
  readonly lifeSeconds: number
  readonly rssMib: number
  readonly descriptors: number
  readonly diskMib: number
  readonly height: number
}

export interface SoakResult {
  readonly faults: Readonly<Record<Fault, number>>
  readonly samples: readonly Sample[]
  /** MiB in ten minutes, by node. */
  readonly slopes: readonly number[]
  readonly verdict: Verdict
}

/** TESTING.md, row 19. Below this length a slope is noise, and only shown. */
export const SLOPE_MIB_MAX = 1
const SLOPE_MINUTES_LEAST = 60
/** Connections come and go; more than this many more is growth. */
const DESCRIPTORS_MORE_MAX = 24
const WORKERS = 8
const RUN = 16
const STOP_MS = { least: 1_000, most: 10_000 }
const RESTART_MS = 500

const FAULTS = ['stop', 'stop', 'stop', 'stop', 'restart', 'kill'] as const
type Fault = (typeof FAULTS)[number]

export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const { keep, rate, say, seed, validators } = options
  const clients = { workers: WORKERS, run: RUN, rate }
  return withTrial({ validators, seed, keep, say, clients }, async (trial) => {
    trial.load()
    const samples: Sample[] = []
    const lives = new Map<number, number>()
    const beganMs = performance.now()
    const endMs = beganMs + options.minutes * 60_000
    const faults = { stop: 0, restart: 0, kill: 0 }
    const faulting = injectFaults(trial, endMs, options.faultSeconds * 1_000, faults)
    while (performance.now() < endMs) {
      await Promise.race([pause(options.sampleSeconds * 1_000), faulting.then(() => pause(1_000))])
      trial.cluster.expectNoCrash()
      const taken = await sampleAll(trial, beganMs, lives)
      samples.push(...taken)
      say(`${trial.seconds}: ${taken.map(({ node, rssMib }) => `${node}: ${rssMib.toFixed(0)} MiB`).join(', ')}`)
      const lines = taken.map((sample) => `${JSON.stringify(sample)}\n`).join('')
      if (options.samplesPath !== undefined) await appendFile(options.samplesPath, lines)
    }
    await faulting
    await Promise.all(trial.nodes.map((index) => trial.cluster.ready(index)))
    const verdict = await trial.end()
    return { faults, samples, ...measured(samples, options, trial.nodes, verdict) }
  })
}

/** One at a time, so that a quorum is always there. */
async function injectFaults(
  trial: Trial,
  endMs: number,
  everyMs: number,
  counts: Record<Fault, number>,
): Promise<void> {
  const { cluster, nodes, random, say } = trial
  for (;;) {
    const nextMs = Math.min(everyMs, endMs - performance.now())
    if (nextMs <= 0) return
    await pause(nextMs)
    if (performance.now() >= endMs) return
    const fault = random.pick(FAULTS)
    const victim = random.pick(nodes)
    counts[fault] += 1
    say(`${trial.seconds}: ${fault} of ${victim}`)
    if (fault === 'stop') {
      cluster.pause(victim)
      await pause(random.between(STOP_MS.least, STOP_MS.most))
      cluster.resume(victim)
    } else {
      await (fault === 'kill' ? cluster.kill(victim) : cluster.terminate(victim))
      await pause(RESTART_MS)
      await cluster.restart(victim)
    }
  }
}

/** `lives`: when each process was first seen. */
async function sampleAll({ cluster, running }: Trial, beganMs: number, lives: Map<number, number>): Promise<Sample[]> {
  const samples = running.map(async (node): Promise<Sample[]> => {
    const pid = cluster.pid(node)
    if (pid === undefined) return []
    const nowMs = performance.now()
    if (!lives.has(pid)) lives.set(pid, nowMs)
    const rss = rssBytes(pid)
    // A node that is stopped does not answer.
    const height = await Promise.race([cluster.height(node).catch(() => -1), pause(1_000).then(() => -1)])
    if (rss === undefined) return []
    return [
      {
        seconds: (nowMs - beganMs) / 1_000,
        node,
        pid,
        lifeSeconds: (nowMs - (lives.get(pid) ?? nowMs)) / 1_000,
        rssMib: mib(rss),
        descriptors: descriptorsOf(pid),
        diskMib: mib(bytesUnder(cluster.dataDir(node))),
        height,
      },
    ]
  })
  return (await Promise.all(samples)).flat()
}

function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return 0
  }
}

function bytesUnder(dir: string): number {
  let bytes = 0
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0
  }
  return bytes
}

function measured(samples: readonly Sample[], options: SoakOptions, nodes: readonly number[], verdict: Verdict) {
  const warm = samples.filter(({ lifeSeconds }) => lifeSeconds >= options.warmUpSeconds)
  const violations = [...verdict.violations]
  const slopes = nodes.map((node) => 600 * pooledSlope(livesOf(warm, node, ({ rssMib }) => rssMib)))
  for (const node of nodes) {
    const slope = slopes[node] ?? 0
    if (options.minutes >= SLOPE_MINUTES_LEAST && slope >= SLOPE_MIB_MAX) {
      violations.push(`node ${node}: ${slope.toFixed(2)} MiB more in ten minutes`)
    }
    const open = warm.filter((sample) => sample.node === node).map(({ descriptors }) => descriptors)
    const third = Math.ceil(open.length / 3)
    const [early, late] = [open.slice(0, third), open.slice(-third)].map((part) => percentile(part, 50))
    if (open.length >= 6 && (late ?? 0) > (early ?? 0) + DESCRIPTORS_MORE_MAX) {
      violations.push(`node ${node}: ${late} descriptors where there were ${early}`)
    }
  }
  return { slopes, verdict: { ...verdict, violations } }
}

function livesOf(samples: readonly Sample[], node: number, of: (sample: Sample) => number): Point[][] {
  const lives = new Map<number, Point[]>()
  for (const sample of samples) {
    if (sample.node !== node) continue
    const points = lives.get(sample.pid) ?? []
    points.push({ x: sample.seconds, y: of(sample) })
    lives.set(sample.pid, points)
  }
  return [...lives.values()]
}

export function soakRows({ faults, samples, slopes, verdict }: SoakResult) {
  return slopes.map((slope, node) => {
    const own = samples.filter((sample) => sample.node === node)
    const of = (pick: (sample: Sample) => number) => own.map(pick)
    return {
      node,
      samples: own.length,
      'RSS MiB p50/max': [50, 100]
        .map((at) =>
          percentile(
            of(({ rssMib }) => rssMib),
            at,
          ).toFixed(0),
        )
        .join(' / '),
      'MiB in 10 min': slope.toFixed(2),
      'descriptors p50/max': [50, 100]
        .map((at) =>
          percentile(
            of(({ descriptors }) => descriptors),
            at,
          ),
        )
        .join(' / '),
      'disk MiB': (own.at(-1)?.diskMib ?? 0).toFixed(0),
      height: own.at(-1)?.height ?? 0,
      'stops/restarts/kills': node === 0 ? `${faults.stop} / ${faults.restart} / ${faults.kill}` : '',
      transactions: node === 0 ? verdict.committed : '',
      'dropped/duplicated/lost': node === 0 ? `${verdict.dropped} / ${verdict.duplicated} / ${verdict.lost}` : '',
      verdict: node === 0 ? (verdict.violations.length === 0 ? 'ok' : 'VIOLATED') : '',
    }
  })
}
