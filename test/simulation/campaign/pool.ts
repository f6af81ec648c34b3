// Worker processes: hands out jobs in order, adds up what comes back, and ends early when told, keeping what was done.
// A lane is one worker, or several on different Node binaries that run the same job and have to agree.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { addTally } from '../tally.ts'
import { emptyReport, type Finding, KINDS, type KindName, type Report } from './kinds.ts'
import type { Done, Job } from './worker.ts'

export interface Plan {
  readonly kind: KindName
  /** First and last item. */
  readonly from: number
  readonly to: number
  readonly lanes: number
  /** Node binaries besides this one, on which everything runs too. */
  readonly otherNodes: readonly string[]
  /** How often each item runs on this Node, where the kind compares runs. */
  readonly times: number
  /** Items that a worker takes at once; the kind's own number without it. */
  readonly batch?: number
  /** After each job. */
  readonly onDone?: () => void
}

export type Range = readonly [from: number, to: number]

export interface Result {
  readonly report: Report
  /** What was done, ascending, neighbours merged. */
  readonly ranges: readonly Range[]
  /** Versions of Node that took part. */
  readonly nodes: readonly string[]
}

export interface Campaign {
  /** So far. */
  readonly report: Report
  /** No further job; those under way end after their current item. */
  readonly stop: () => void
  readonly finished: Promise<Result>
}

const WORKER = join(import.meta.dirname, 'worker.ts')

export function runCampaign(plan: Plan): Campaign {
  const { kind, to, times, batch = KINDS[kind].batch } = plan
  const report = emptyReport()
  const nodes = new Set<string>()
  const ranges: Range[] = []
  const workers: ChildProcess[] = []
  let next = plan.from
  let isStopped = false

  async function runLane(): Promise<void> {
    const own = [process.execPath, ...plan.otherNodes].map((execPath) => fork(WORKER, { execPath, execArgv: [] }))
    workers.push(...own)
    try {
      while (next <= to && !isStopped) {
        const job = { kind, from: next, to: Math.min(to, next + batch - 1), times }
        next = job.to + 1
        const done = await Promise.all(own.map((worker, at) => ask(worker, at === 0 ? job : { ...job, times: 1 })))
        take(job, done)
        plan.onDone?.()
      }
    } finally {
      for (const worker of own) if (worker.connected) worker.disconnect()
    }
  }

  function take(job: Job, done: readonly Done[]): void {
    const [first, ...others] = done
    if (first === undefined) return
    for (const { node } of done) nodes.add(node)
    addTally(report.tally, first.report.tally)
    report.findings.push(...first.report.findings)
    for (const other of others) {
      report.tally.cpuMs += other.report.tally.cpuMs
      report.findings.push(...other.report.findings, ...differences(job.from, first, other))
    }
    const last = Math.min(...done.map(({ to: lastItem }) => lastItem))
    if (last >= job.from) ranges.push([job.from, last])
  }

  const lanes = Promise.all(Array.from({ length: plan.lanes }, runLane))
  const finished = lanes.then(() => ({ report, ranges: merged(ranges), nodes: [...nodes].sort() }))
  return {
    report,
    finished,
    stop: () => {
      isStopped = true
      for (const worker of workers) if (worker.connected) worker.send('stop')
    },
  }
}

/** @throws when the worker ends instead of answering */
async function ask(worker: ChildProcess, job: Job): Promise<Done> {
  const ended = new AbortController()
  const died = once(worker, 'exit', { signal: ended.signal }).then(([code, signal]) => {
    throw new Error(`a worker ended (${code ?? signal}) at ${job.kind} ${job.from} to ${job.to}`)
  })
  died.catch(() => {})
  try {
    const answer = once(worker, 'message', { signal: ended.signal })
    answer.catch(() => {})
    worker.send(job)
    const [done]: Done[] = await Promise.race([answer, died])
    if (done === undefined) throw new Error('an empty answer')
    return done
  } finally {
    ended.abort()
  }
}

/** S17 across binaries: traces of the same items, one by one. */
export function differences(from: number, first: Done, other: Done): Finding[] {
  return first.report.traces.flatMap((trace, at) => {
    const theirs = other.report.traces[at]
    // A stop may have come between.
    if (theirs === undefined || theirs === trace) return []
    return [{ item: from + at, detail: `S17 determinism: ${first.node} ${trace}, ${other.node} ${theirs}` }]
  })
}

/** Ascending, without overlaps or gaps that are none. */
export function merged(ranges: readonly Range[]): Range[] {
  const rows: [number, number][] = []
  for (const [from, to] of [...ranges].sort(([a], [b]) => a - b)) {
    const last = rows.at(-1)
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to)
    else rows.push([from, to])
  }
  return rows
}
