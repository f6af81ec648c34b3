// When killed nodes are back and when the chain goes on, from what the nodes log and answer. All times are this machine's clock.

import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import type { Cluster } from '../e2e/cluster.ts'
import { pause } from './clients.ts'

const POLL_MS = 20
const RETURN_MS_MAX = 120_000

export interface Return {
  /** From the launch of the first process until a quorum of nodes had started. */
  readonly startedMs: number
  /** From then until a node had committed a block that none of them had before; negative: before the last of the quorum was up. */
  readonly commitMs: number
}

/** Bytes logged so far: a life's own lines are those behind them. */
export function logLength(cluster: Cluster, index: number): number {
  return statSync(logPath(cluster, index)).size
}

function logPath(cluster: Cluster, index: number): string {
  return `${cluster.dataDir(index)}.log`
}

/** Only what is new: a storm's logs grow, and the reader takes its time from the nodes. */
function logFrom(cluster: Cluster, index: number, from: number): string {
  const file = openSync(logPath(cluster, index), 'r')
  try {
    const bytes = Buffer.alloc(Math.max(0, fstatSync(file).size - from))
    return bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, from))
  } finally {
    closeSync(file)
  }
}

/**
 * Call as soon as every node was launched at `launchedMs` (Date.now()). Resolves with the first new commit.
 * @param before of each node, `logLength` before its launch
 */
export async function awaitReturn(
  cluster: Cluster,
  nodes: readonly number[],
  quorum: number,
  launchedMs: number,
  before: readonly number[],
): Promise<Return> {
  const starts = new Map<number, Started>()
  const deadlineMs = Date.now() + RETURN_MS_MAX
  for (;;) {
    cluster.expectNoCrash()
    for (const [at, index] of nodes.entries()) {
      if (starts.has(index)) continue
      const started = startedIn(logFrom(cluster, index, before[at] ?? 0))
      if (started !== undefined) starts.set(index, started)
    }
    if (starts.size >= quorum) {
      const inOrder = [...starts.values()].sort((a, b) => a.timeMs - b.timeMs)
      const quorumMs = inOrder[quorum - 1]?.timeMs ?? launchedMs
      const known = Math.max(...inOrder.map(({ height }) => height))
      const committedMs = await committedAbove(cluster, [...starts.keys()], known)
      if (committedMs !== undefined) return { startedMs: quorumMs - launchedMs, commitMs: committedMs - quorumMs }
    }
    if (Date.now() > deadlineMs) throw new Error(`no commit ${RETURN_MS_MAX} ms after all nodes were started`)
    await pause(POLL_MS)
  }
}

interface Started {
  readonly timeMs: number
  readonly height: number
}

/** The line with which a node says that it takes part. */
function startedIn(text: string): Started | undefined {
  const line = text.split('\n').find((candidate) => candidate.includes('"msg":"started"') && candidate.endsWith('}'))
  if (line === undefined) return undefined
  const { time, height } = JSON.parse(line) as { readonly time: number; readonly height: number }
  return { timeMs: time, height }
}

/** When the first new commit was seen, a poll's length late at most. */
async function committedAbove(cluster: Cluster, nodes: readonly number[], height: number): Promise<number | undefined> {
  const heights = await Promise.all(nodes.map((index) => cluster.height(index).catch(() => 0)))
  return Math.max(...heights) > height ? Date.now() : undefined
}
