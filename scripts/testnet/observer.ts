// What the running network looks like from outside: every fact comes over the nodes' own APIs.

import { createClient } from '../../api/client.ts'
import type { Manifest, NodeEntry } from './directory.ts'

const POLL_MS = 60
const REQUEST_TIMEOUT_MS = 2_000
/** Rates and latencies are those of about the last ten seconds. */
const WINDOW = 10

export interface Snapshot {
  readonly height: number
  readonly view: number
  readonly leader: number
  readonly signers: number
  readonly transactionsPerSecond: number
  /** Median of block commits in the window; undefined without one. */
  readonly commitMs: number | undefined
}

export interface NodeState {
  readonly node: NodeEntry
  readonly height: number
  readonly ready: boolean
  /** Why it is not ready, or does not answer. */
  readonly detail: string
}

/** Resolves when every node is ready and has a height of at least 1. `isCancelled` ends the wait. */
export async function untilReady(
  manifest: Manifest,
  isCancelled: () => boolean,
): Promise<{ readonly firstHeight: number }> {
  let firstHeight: number | undefined
  const waiting = new Set(manifest.nodes)
  while (waiting.size > 0 && !isCancelled()) {
    for (const node of [...waiting]) {
      const state = await stateOf(node)
      if (state.height >= 0) firstHeight ??= state.height
      if (state.ready && state.height >= 1) waiting.delete(node)
    }
    if (waiting.size > 0) await pause(POLL_MS)
  }
  return { firstHeight: firstHeight ?? 0 }
}

/** Height is -1 where nobody answers. */
export async function stateOf(node: NodeEntry): Promise<NodeState> {
  try {
    const ready = await fetch(`${node.api}/readyz`, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) })
    const { checks } = (await ready.json()) as { checks?: Record<string, { ok: boolean; detail: string }> }
    const bad = Object.entries(checks ?? {}).filter(([, check]) => !check.ok)
    const height = Number(ready.headers.get('x-block-height') ?? (await heightOf(node)))
    return { node, height, ready: ready.ok, detail: bad.map(([name, check]) => `${name}: ${check.detail}`).join('; ') }
  } catch {
    return { node, height: -1, ready: false, detail: 'does not answer' }
  }
}

async function heightOf(node: NodeEntry): Promise<number> {
  const info = await createClient(node.api).info()
  return info.ok ? Number(info.value.height) : -1
}

interface Sample {
  readonly atMs: number
  readonly transactions: number
  /** Cumulative counts by upper bound in seconds. */
  readonly commits: readonly (readonly [number, number])[]
}

/** Follows the network through the first node that answers. */
export class Observer {
  readonly #manifest: Manifest
  #samples: Sample[] = []
  #source: NodeEntry | undefined

  constructor(manifest: Manifest) {
    this.#manifest = manifest
  }

  /** Undefined when no node answers. */
  async look(): Promise<Snapshot | undefined> {
    for (const node of this.#manifest.nodes) {
      try {
        return await this.#lookAt(node)
      } catch {
        // The next one may answer.
      }
    }
    return undefined
  }

  async #lookAt(node: NodeEntry): Promise<Snapshot> {
    const client = createClient(node.api)
    const [consensus, block, metrics] = await Promise.all([
      client.consensus(),
      client.block('latest', ['certificate']),
      fetch(`${node.api}/metrics`, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) }).then((answer) => answer.text()),
    ])
    if (!consensus.ok || !block.ok) throw new Error('no answer')
    if (this.#source !== node) this.#samples = []
    this.#source = node
    this.#samples.push(readMetrics(metrics, performance.now()))
    this.#samples = this.#samples.slice(-WINDOW)
    return {
      height: Number(block.value.height),
      view: Number(consensus.value.view),
      leader: consensus.value.leader,
      signers: block.value.certificate?.signers.length ?? 0,
      ...ratesOf(this.#samples),
    }
  }
}

export function readMetrics(text: string, atMs: number): Sample {
  const countOf = (line: string) => Number(line.slice(line.lastIndexOf(' ') + 1))
  let transactions = 0
  const commits: (readonly [number, number])[] = []
  for (const line of text.split('\n')) {
    if (line.startsWith('scoville_transactions_committed_total')) transactions = countOf(line)
    const bucket = /^scoville_block_commit_seconds_bucket\{.*?le="([^"]+)"/.exec(line)?.[1]
    if (bucket !== undefined)
      commits.push([bucket === '+Inf' ? Number.POSITIVE_INFINITY : Number(bucket), countOf(line)])
  }
  return { atMs, transactions, commits }
}

export function ratesOf(samples: readonly Sample[]): Pick<Snapshot, 'transactionsPerSecond' | 'commitMs'> {
  const first = samples[0]
  const last = samples.at(-1)
  if (first === undefined || last === undefined || first === last) {
    return { transactionsPerSecond: 0, commitMs: undefined }
  }
  const seconds = (last.atMs - first.atMs) / 1_000
  const counts = last.commits.map(([bound, count], at) => [bound, count - (first.commits[at]?.[1] ?? 0)] as const)
  return { transactionsPerSecond: (last.transactions - first.transactions) / seconds, commitMs: medianMs(counts) }
}

/** Linear within the bucket that holds the median. */
function medianMs(counts: readonly (readonly [number, number])[]): number | undefined {
  const half = (counts.at(-1)?.[1] ?? 0) / 2
  if (half === 0) return undefined
  let below: readonly [number, number] = [0, 0]
  for (const bucket of counts) {
    const [bound, count] = bucket
    if (count >= half) {
      if (!Number.isFinite(bound)) return below[0] * 1_000
      return (below[0] + ((bound - below[0]) * (half - below[1])) / (count - below[1])) * 1_000
    }
    below = bucket
  }
  return undefined
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
